/** The redemptions page as it happens: rows arrive at the top, numbers follow, a search finds while one types, a row opens its story. */
import { drawn, post } from "/static/page.js";

const WAIT = 150; // milliseconds after a key until the search is asked: most people type the next key sooner
const APART = 150; // milliseconds between two looks at what is new, so that a rush at the counters is no rush here
const AGAIN = 5000; // milliseconds until a broken stream is tried again
const FILTERS = ["status", "location", "staff", "offer", "key", "since", "until"];
const by = (id) => document.getElementById(id);
const rows = by("rows"), filters = by("filters"), seek = by("q"), fresh = by("fresh"), trouble = by("trouble");
const dialog = by("story"), story = by("story-body"), numbers = by("numbers"), trends = by("trends");

const of = (place) => new Map([...place.querySelectorAll("tr[data-id]")].map((row) => [row.dataset.id, row]));

/** The sentence of a problem at its place, or the sign-in page if that is what is missing. */
function complain(place, answer) {
  if (["sign_in_needed", "not_allowed", "stale_page"].includes(answer.word)) location.reload();
  place.replaceChildren(drawn(answer.html));
  place.hidden = false;
}
function unreachable(place) {
  place.replaceChildren(by("unreachable").content.cloneNode(true));
  place.hidden = false;
}
async function fragment(url) {
  const answer = await fetch(url, { headers: { "X-Fragment": "1" } });
  return { ok: answer.ok, word: answer.headers.get("X-Problem") ?? "", html: await answer.text() };
}

// --- The history ---

/** What is filtered and searched for; only the first goes into the address. */
function wanted(after = "") {
  const form = new FormData(filters);
  const body = Object.fromEntries([...form].filter(([, value]) => value));
  return { ...body, ...(seek.value.trim() && { q: seek.value.trim() }), ...(after && { after }) };
}
let asking;
/** Ask for rows; whoever asks later wins. Null if somebody did, or if there was no answer. */
async function ask(after = "") {
  asking?.abort();
  const mine = (asking = new AbortController());
  try {
    const answer = await post("/redemptions/rows", wanted(after), { signal: mine.signal });
    if (mine.signal.aborted) return null;
    if (!answer.ok) return complain(trouble, answer), null;
    trouble.hidden = true;
    return drawn(answer.html);
  } catch (error) {
    if (error.name !== "AbortError") unreachable(trouble);
    return null;
  }
}
async function replace() {
  rows.setAttribute("aria-busy", "true");
  const found = await ask();
  if (!found) return;
  rows.removeAttribute("aria-busy");
  rows.replaceChildren(found);
  fresh.hidden = true;
  watch();
}
const scrolled = new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) more(); }, { rootMargin: "600px" });
function watch() {
  scrolled.disconnect();
  const last = rows.querySelector("tr.older");
  if (last) scrolled.observe(last);
}
let adding = false;
async function more() {
  const last = rows.querySelector("tr.older");
  if (!last || adding) return;
  adding = true;
  scrolled.disconnect();
  const waits = [1, 2, 3].map(() => by("skeleton").content.firstElementChild.cloneNode(true));
  last.hidden = true;
  last.after(...waits);
  const older = await ask(last.dataset.after);
  waits.forEach((one) => one.remove());
  if (older && last.isConnected) last.replaceWith(older);
  last.hidden = false;
  adding = false;
  if (older) watch();
}

/** The newest rows: known ones are drawn anew if they changed; new ones arrive if the top is looked at, else a button says how many. */
async function look(show = false) {
  if (adding || rows.hasAttribute("aria-busy")) return void setTimeout(tell, APART);
  const found = await ask();
  if (!found) return;
  const known = of(rows), came = of(found);
  for (const [id, row] of came) if (known.has(id) && known.get(id).outerHTML.replace(' class="new"', "") !== row.outerHTML) known.get(id).replaceWith(row.cloneNode(true));
  const unknown = [...came.keys()].filter((id) => !known.has(id));
  if (!unknown.length) return;
  const first = rows.querySelector("tr[data-id]");
  const top = first ? first.getBoundingClientRect().top : 0;
  if (first && !show && (top < document.querySelector(".bar").offsetHeight || dialog.open)) {
    fresh.textContent = unknown.length === 1 ? fresh.dataset.one : fresh.dataset.many.replace("#", unknown.length);
    fresh.hidden = false;
    return;
  }
  fresh.hidden = true;
  if (unknown.length === came.size) rows.replaceChildren(found); // all of them: what lies between these and the known ones is not here
  else {
    let below = null;
    for (const [id, row] of [...came].reverse()) {
      const here = of(rows).get(id);
      if (!here && below) below.before(row);
      below = here ?? (row.isConnected ? row : below);
    }
  }
  for (const id of unknown) of(rows).get(id)?.classList.add("new");
  watch();
}

// --- What happens meanwhile ---

let looking = false, later = false;
async function tell() {
  if (looking) return void (later = true);
  looking = true;
  do {
    later = false;
    await Promise.all([rows ? look() : null, redraw(numbers, "/redemptions/numbers"), redraw(trends, "/redemptions/trends")]);
    await new Promise((done) => setTimeout(done, APART));
  } while (later);
  looking = false;
}
async function redraw(place, url) {
  const read = () => place.querySelector("details[open]"); // perhaps since it was asked for
  if (!place || read()) return;
  try {
    const answer = await fragment(url + location.search);
    if (answer.ok && !read()) place.replaceChildren(drawn(answer.html));
    else if (answer.word === "sign_in_needed") location.reload();
  } catch { onAir(false); }
}
const live = by("live");
function onAir(yes) {
  live.hidden = false;
  live.dataset.onAir = yes;
  live.querySelector(".live-word").textContent = yes ? live.dataset.on : live.dataset.off;
}
function listen() {
  const stream = new EventSource("/redemptions/live");
  stream.onopen = () => onAir(true);
  stream.onmessage = tell;
  stream.onerror = () => {
    onAir(false);
    if (stream.readyState === EventSource.CLOSED) { tell(); setTimeout(listen, AGAIN); } // a refusal: if nobody is signed in any more, tell() finds out
  };
  addEventListener("pagehide", () => stream.close());
}

// --- The story of a coupon ---

async function open(link) {
  try {
    const answer = await fragment(link.href);
    if (!answer.ok) return complain(trouble, answer);
    story.replaceChildren(drawn(answer.html));
    ready();
    dialog.showModal();
  } catch { unreachable(trouble); }
}
function ready() {
  const back = story.querySelector(".take-back");
  if (back) back.hidden = false;
}
story?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target, place = form.querySelector(".trouble"), press = form.querySelector("button");
  form.dataset.key ||= crypto.randomUUID?.() ?? String(Math.random()); // the same when it is sent again
  press.disabled = true;
  try {
    const answer = await post(form.action, Object.fromEntries(new FormData(form)), { key: form.dataset.key });
    if (!answer.ok) { delete form.dataset.key; return complain(place, answer); }
    story.replaceChildren(drawn(answer.html));
    ready();
    story.querySelector(".notice")?.scrollIntoView({ block: "nearest" });
  } catch { unreachable(place); }
  finally { press.disabled = false; }
});
if (story) ready();

if (rows) {
  by("export").querySelector(".seek-field").hidden = false;
  const reset = filters.querySelector("[type=reset]");
  let typing;
  const changed = () => {
    const { q, ...body } = wanted();
    const query = new URLSearchParams(body).toString();
    history.replaceState(null, "", query ? `/redemptions?${query}` : "/redemptions");
    reset.hidden = ![...filters.elements].some((one) => one.type !== "hidden" && one.value && one.name);
    for (const link of document.querySelectorAll(".views a, .chips a[href]:not([data-drop])")) {
      const to = new URL(link.href);
      for (const name of FILTERS) body[name] ? to.searchParams.set(name, body[name]) : to.searchParams.delete(name);
      link.href = to;
    }
    replace();
  };
  seek.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(replace, WAIT); });
  seek.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); clearTimeout(typing); replace(); } });
  filters.addEventListener("change", changed);
  filters.addEventListener("submit", (event) => { event.preventDefault(); changed(); });
  const drop = (...names) => {
    for (const name of names) {
      const control = name === "q" ? seek : filters.elements[name];
      if (control) control.value = "";
    }
    changed();
  };
  reset.addEventListener("click", (event) => { event.preventDefault(); drop(...FILTERS); });
  reset.hidden = ![...filters.elements].some((one) => one.type !== "hidden" && one.value && one.name);
  by("export").addEventListener("formdata", ({ formData }) => {
    for (const name of FILTERS) formData.delete(name);
    for (const [name, value] of Object.entries(wanted())) formData.set(name, value);
  });
  rows.addEventListener("click", (event) => {
    const dropped = event.target.closest("[data-drop]");
    if (dropped) {
      event.preventDefault();
      return dropped.dataset.drop === "all" ? drop(...FILTERS, "q") : drop(dropped.dataset.drop);
    }
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest(".older a")) return event.preventDefault(), more();
    const link = event.target.closest("a.story-link") ?? event.target.closest("tr[data-id]")?.querySelector("a.story-link");
    if (!link || (!event.target.closest("a") && String(getSelection()))) return;
    event.preventDefault();
    open(link);
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  fresh.addEventListener("click", async () => {
    await look(true);
    rows.closest("section").scrollIntoView({ block: "start" });
  });
  watch();
}
if (live) {
  listen();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) tell(); });
}
