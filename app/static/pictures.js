/** Fields that take a picture: it is sent at once, and the form gets the name under which the server keeps it. */
import { drawn, post } from "/static/page.js";

function taking(field) {
  const file = field.querySelector("input[type=file]");
  const value = field.querySelector("[data-value]");
  const shown = field.querySelector(".picture-shown");
  const said = field.querySelector("[data-said]");
  const keep = field.querySelector("input[type=checkbox]");
  field.querySelector("[data-bring]").hidden = false;
  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    field.setAttribute("aria-busy", "true");
    said.hidden = true;
    const answer = await post("/pictures", file.files[0]).catch(() => null);
    field.removeAttribute("aria-busy");
    file.value = "";
    if (answer?.ok) {
      shown.innerHTML = answer.html;
      value.value = shown.firstElementChild.dataset.digest;
      if (keep) keep.checked = false;
      value.dispatchEvent(new Event("change", { bubbles: true }));
      return;
    }
    said.textContent = drawn(answer?.html ?? "").textContent.replace(/\s+/g, " ").trim() || field.dataset.lost;
    said.hidden = false;
  });
}

export function pictures(within) {
  within.querySelectorAll("[data-picture]").forEach(taking);
}

pictures(document);
