/** The list of customers finds while one types, and remembers who is ticked while one turns its pages and searches on. */
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
    tick();
    trouble.hidden = answer.ok;
  } catch (error) {
    if (error.name === "AbortError") return;
    trouble.replaceChildren(document.getElementById("unreachable").content.cloneNode(true));
    trouble.hidden = false;
  }
  rows.removeAttribute("aria-busy");
}

const pick = document.getElementById("pick"), picked = document.getElementById("picked");
const remembered = `picked of ${pick.dataset.of}`;
const ticked = new Set(JSON.parse(sessionStorage.getItem(remembered) ?? "[]"));
function tick() {
  const boxes = [...rows.querySelectorAll("[name=customers]")], here = new Set(boxes.map((box) => box.value));
  for (const box of boxes) box.checked = ticked.has(box.value);
  for (const old of pick.querySelectorAll("[name=customers]")) old.remove();
  for (const value of ticked) if (!here.has(value)) pick.append(Object.assign(document.createElement("input"), { type: "hidden", name: "customers", value }));
  picked.querySelector("strong").textContent = ticked.size;
  picked.hidden = !ticked.size;
  sessionStorage.setItem(remembered, JSON.stringify([...ticked]));
}
rows.addEventListener("change", ({ target }) => {
  ticked[target.checked ? "add" : "delete"](target.value);
  tick();
});
picked.querySelector("button").addEventListener("click", () => { ticked.clear(); tick(); });
pick.addEventListener("submit", () => sessionStorage.removeItem(remembered));
tick();

form.querySelector("[data-without]").hidden = true;
seek.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(find, WAIT); });
form.addEventListener("submit", (event) => {
  if (event.submitter?.formAction.endsWith("/export.csv")) return;
  event.preventDefault();
  clearTimeout(typing);
  find();
});
