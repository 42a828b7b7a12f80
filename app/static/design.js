/** A card that is being designed: drawn anew a moment after each change, and filled in from a file that somebody brings. */
import { drawn, post } from "/static/page.js";
import { pictures } from "/static/pictures.js";

const REST = 250; // milliseconds without a change before it is drawn

function live(design) {
  const form = design.querySelector("[data-live]");
  const preview = design.querySelector("[data-preview]");
  let timer = 0;
  let asked = null;
  const draw = async () => {
    asked?.abort();
    asked = new AbortController();
    const open = [...preview.querySelectorAll("details")].map((each) => each.open);
    preview.setAttribute("aria-busy", "true");
    try {
      const answer = await post(form.action, new URLSearchParams(new FormData(form)), { signal: asked.signal });
      preview.innerHTML = answer.html;
      preview.querySelectorAll("details").forEach((each, at) => (each.open = open[at] ?? false));
      preview.removeAttribute("aria-busy");
    } catch (error) {
      if (error.name !== "AbortError") preview.removeAttribute("aria-busy"); // what is shown is the last that could be drawn
    }
  };
  const changed = (event) => {
    if (event.target.type === "color") form.querySelector('[name=colours][value="own"]')?.click();
    clearTimeout(timer);
    timer = setTimeout(draw, REST);
  };
  design.addEventListener("input", changed);
  design.addEventListener("change", (event) => event.target.matches("[data-value]") && changed(event));
}

for (const label of document.querySelectorAll("[data-take]")) {
  const file = label.querySelector("input");
  const said = document.querySelector("[data-taken]");
  label.hidden = false;
  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    label.setAttribute("aria-busy", "true");
    const zip = file.files[0].slice(0, file.files[0].size, "application/zip");
    const answer = await post(label.dataset.take, zip).catch(() => null);
    label.removeAttribute("aria-busy");
    file.value = "";
    if (!answer) return;
    if (!answer.ok) return (said.innerHTML = answer.html);
    said.replaceChildren();
    const fresh = drawn(answer.html).querySelector("[data-design]");
    document.querySelector("[data-design]").replaceWith(fresh);
    pictures(fresh);
    live(fresh);
    fresh.scrollIntoView({ block: "start" });
  });
}

for (const design of document.querySelectorAll("[data-design]")) live(design);
