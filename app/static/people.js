/** People: the PIN pad at a counter, a new PIN, links that are copied, sheets that open where something must be corrected. */
import { post } from "/static/page.js";

function pinPad(form) {
  const pin = form.elements.pin;
  const said = form.querySelector("[data-said]");
  const pad = form.querySelector("[data-pad]");
  const chosen = () => form.querySelector("[name=staff_id]:checked");
  pad.hidden = false;
  if (matchMedia("(pointer: coarse)").matches) pin.inputMode = "none"; // the pad is here: the system's keys would cover it
  form.querySelector("[data-no-script]").remove();
  form.toggleAttribute("data-chosen", Boolean(chosen()));

  const ready = () => {
    form.setAttribute("data-chosen", "");
    pin.value = "";
    said.replaceChildren();
  };
  form.addEventListener("change", (event) => event.target.name === "staff_id" && ready());
  // A tap on a name goes on to the PIN; arrow keys only move between names.
  form.addEventListener("click", (event) => {
    if (event.target.name === "staff_id" && event.detail > 0) pin.focus({ preventScroll: false });
  });
  pad.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.digit) pin.value = (pin.value + button.dataset.digit).slice(0, pin.maxLength);
    if (button && "erase" in button.dataset) pin.value = pin.value.slice(0, -1);
  });
  form.addEventListener("keydown", (event) => {
    if (/^\d$/.test(event.key) && event.target.name === "staff_id") pin.focus(); // the digit lands in the PIN
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy") === "true") return;
    form.setAttribute("aria-busy", "true");
    const taking = { staff_id: chosen().value, pin: pin.value };
    pin.value = ""; // at once: what is typed while the answer is on its way is the next try
    try {
      const answer = await post(form.action, taking);
      // Whose PIN is locked cannot be chosen any more: the page itself says so, and who unlocks it.
      if (answer.ok || answer.word === "pin_locked") return location.reload();
      said.innerHTML = answer.html;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      said.replaceChildren(form.querySelector("template[data-offline]").content.cloneNode(true));
    } finally {
      form.removeAttribute("aria-busy");
    }
    pin.focus();
  });
}

function copies(button) {
  const words = button.querySelector("span");
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
    words.textContent = button.dataset.copied;
  });
}

// A PIN that would be refused is said before it is sent, in the same words: a refusal takes the password beside it along.
function newPin(field) {
  const pin = field.querySelector("input");
  const check = () => {
    pin.setCustomValidity("");
    if (pin.validity.patternMismatch) pin.setCustomValidity(/^[0-9]{4,6}$/.test(pin.value) ? field.dataset.easy : field.dataset.none);
  };
  pin.addEventListener("input", check);
}

for (const form of document.querySelectorAll("form[data-who]")) pinPad(form);
for (const field of document.querySelectorAll("[data-pin]")) newPin(field);
for (const button of document.querySelectorAll("[data-copy]")) copies(button);
for (const sheet of document.querySelectorAll("[popover][data-open]")) sheet.showPopover();
// Whoever leaves a sheet by the keys would be behind it: it closes, as it does when somebody presses beside it.
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  const sheet = target.closest(".sheet:popover-open");
  if (sheet && relatedTarget && !sheet.contains(relatedTarget)) sheet.hidePopover();
});
document.querySelector("[data-focus]")?.focus();
