/** The card on the page bears the name that is typed; a form that is under way is not sent twice. The page works without this. */
const form = document.querySelector("[data-join]");
const holder = document.querySelector('[data-sample] [data-line="holder"] dd, [data-sample] [data-line="member"] dd');

if (form) {
  const usual = holder?.textContent;
  form.elements.name.addEventListener("input", ({ target }) => {
    if (holder) holder.textContent = target.value.trim() || usual;
  });
  form.addEventListener("submit", () => form.querySelector("button[type=submit]:last-of-type").setAttribute("aria-busy", "true"));
  addEventListener("pageshow", () => form.querySelector("[aria-busy]")?.removeAttribute("aria-busy"));
}
