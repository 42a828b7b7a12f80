/**
 * A file goes to the server as it is, however large: each form[data-upload], to that address and what its list says. Where the list
 * has a word with which the file's name begins, as the names of our own files do, it chooses that.
 */
import { drawn, post } from "/static/page.js";

for (const form of document.querySelectorAll("form[data-upload]")) {
  const list = form.querySelector("select"), button = form.querySelector("button"), bar = form.querySelector("progress");
  const trouble = form.querySelector(".trouble");
  form.hidden = false;
  form.elements.file.addEventListener("change", ({ target }) => {
    const fits = [...list.options].find((one) => target.files[0]?.name.startsWith(one.value));
    if (fits) list.value = fits.value;
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [file] = form.elements.file.files;
    if (!file || button.getAttribute("aria-busy")) return;
    button.setAttribute("aria-busy", "true");
    bar.hidden = false;
    trouble.replaceChildren();
    try {
      const key = crypto.randomUUID?.() ?? String(Math.random());
      const answer = await post(form.dataset.upload + list.value, new Blob([file], { type: "text/csv" }), { key });
      if (answer.ok) return location.assign(answer.url);
      trouble.replaceChildren(drawn(answer.html));
    } catch {
      trouble.replaceChildren(form.querySelector("template").content.cloneNode(true));
    }
    bar.hidden = true;
    button.removeAttribute("aria-busy");
  });
}
