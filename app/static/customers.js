/** The list of customers finds while one types. */
import { drawn, post } from "/static/page.js";

const WAIT = 150; // milliseconds after a key until the search is asked: most people type the next key sooner
const form = document.getElementById("seek"), seek = form.elements.q, rows = document.getElementById("rows"), trouble = document.getElementById("trouble");

let asking, typing;
async function find() {
  asking?.abort();
  const mine = (asking = new AbortController());
  rows.setAttribute("aria-busy", "true");
  try {
    const answer = await post("/customers", form, { signal: mine.signal });
    if (mine.signal.aborted) return;
    if (answer.word === "sign_in_needed") return location.reload();
    (answer.ok ? rows : trouble).replaceChildren(drawn(answer.html));
    trouble.hidden = answer.ok;
  } catch (error) {
    if (error.name === "AbortError") return;
    trouble.replaceChildren(document.getElementById("unreachable").content.cloneNode(true));
    trouble.hidden = false;
  }
  rows.removeAttribute("aria-busy");
}
form.querySelector("[data-without]").hidden = true;
seek.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(find, WAIT); });
form.addEventListener("submit", (event) => {
  if (event.submitter?.formAction.endsWith("/export.csv")) return;
  event.preventDefault();
  clearTimeout(typing);
  find();
});
