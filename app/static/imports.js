/** A file of codes goes to the server as it is, however large; without this script the codes can be pasted. */
import { drawn, post } from "/static/page.js";

const form = document.getElementById("upload");
form.hidden = false;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button"), trouble = form.querySelector(".trouble"), bar = form.querySelector("progress");
  const [file] = form.elements.file.files;
  if (!file || button.getAttribute("aria-busy")) return;
  button.setAttribute("aria-busy", "true");
  bar.hidden = false;
  trouble.replaceChildren();
  try {
    const answer = await post(`/coupons/import/${form.elements.offer_id.value}`, new Blob([file], { type: "text/csv" }));
    if (answer.ok) return location.assign(answer.url);
    trouble.replaceChildren(drawn(answer.html));
  } catch {
    trouble.replaceChildren(document.getElementById("unreachable").content.cloneNode(true));
  }
  bar.hidden = true;
  button.removeAttribute("aria-busy");
});
