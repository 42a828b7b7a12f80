/** The counter: a code is presented by camera, scanner, photo or hand; the answer is a panel that the server has drawn. */
import { Camera } from "./camera.js";
import { insist } from "./insist.js";
import { mute, muted, play, wake } from "./sounds.js";
import { listen } from "./wedge.js";

const $ = (selector, within = document) => within.querySelector(selector);
const counter = $("#counter"), answer = $("#answer"), field = $("#code"), said = $("#said");
const { kind } = counter.dataset;
const ALONE = 20_000; // milliseconds after which a kiosk forgets the customer before
const TWICE = 4000; // a scanner that nobody holds reads a card twice
const PHOTO = 30_000; // milliseconds: a picture takes longer to send and to read
// A phone's keyboard would cover the answer: only where there is a mouse does the field keep the focus.
const desk = kind === "autopilot" || (kind !== "kiosk" && matchMedia("(hover: hover) and (pointer: fine)").matches);
let channel = "typed", sending = null, alone = 0, countdown = 0;

// What is typed replaces the code before: selected at once, for a key that brought the focus, and after a tap has set its caret.
field.addEventListener("focus", () => {
  const before = field.value;
  field.select();
  setTimeout(() => field.value === before && field.select());
});

const settle = () => desk && field.focus({ preventScroll: true });

/** Put a panel on the screen: its tone colours everything, is heard and felt, and its words are read out. */
function show(html, { quiet = false } = {}) {
  answer.innerHTML = html;
  delete counter.dataset.turned;
  clearInterval(countdown);
  const panel = $(".panel, .notice", answer);
  const tone = panel?.dataset.tone ?? "";
  counter.dataset.tone = tone;
  said.textContent = "";
  if (!panel) return tone;
  requestAnimationFrame(() => (said.textContent = panel.dataset.said ?? panel.textContent));
  if (!quiet) play(panel.dataset.sound ?? tone);
  camera?.same((panel.dataset.same ?? "").split(" ").filter(Boolean));
  for (const undo of answer.querySelectorAll("[data-left]")) count(undo);
  answer.scrollTop = 0;
  scrollTo({ top: 0, behavior: "instant" }); // on a phone the page itself may stand lower, where the answer before was read
  clearTimeout(alone);
  if (kind === "kiosk") alone = setTimeout(clear, ALONE);
  return tone;
}

/** How long Undo is there; then it goes. */
function count(button) {
  const until = performance.now() + 1000 * Number(button.dataset.left);
  const tell = () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    if (left <= 0) button.closest("form").remove();
    else $(".left", button).textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  };
  tell();
  countdown = setInterval(tell, 1000);
}

function clear() {
  sending?.abort();
  show($("#idle").innerHTML, { quiet: true });
  field.value = "";
  settle();
}

/** One thing at a time: ask until there is an answer. Null if another is on its way, or somebody stopped it. */
async function ask(url, body, { reads = false, patience, json } = {}) {
  if (counter.dataset.state !== "ready") return null;
  counter.dataset.state = "sending";
  sending = new AbortController();
  const { signal } = sending;
  const unsent = () => {
    if (counter.dataset.state === "unsent") return;
    counter.dataset.state = "unsent";
    show($(reads ? "#waiting" : "#unsent").innerHTML);
  };
  const stop = () => {
    counter.dataset.state = "ready";
    sending = null;
  };
  signal.addEventListener("abort", stop, { once: true });
  const got = await insist(url, body, { unsent, signal, patience, json });
  if (!got) return null;
  stop();
  // Somebody must say who they are, or this browser is no counter any more: the page itself says so.
  if (got.word === "nobody_at_counter" || got.word === "not_a_counter" || got.word === "stale_page") location.reload();
  return got;
}

async function present(code, by, { sure = false } = {}) {
  channel = by;
  const got = await ask("/counter/present", { code, channel: by, sure });
  if (!got) return;
  answered(got, code);
}

function answered(got, code = "") {
  const tone = show(got.html);
  // What was typed stays where it was refused, selected: it can be corrected, and the next code replaces it.
  if (tone === "refused" || !got.ok) {
    if (code && channel !== "camera") field.value = code;
    settle();
    if (desk) field.select();
    else field.blur();
  } else {
    field.value = "";
    settle();
    if (!desk) field.blur();
  }
}

const scans = new Map();

/** Whether this scan is a presentation. Where nobody looks on, the same code within four seconds is the same one. */
function fresh(code) {
  const now = performance.now();
  const again = now - (scans.get(code) ?? -Infinity) < TWICE;
  scans.set(code, now);
  return kind !== "autopilot" || !again;
}

listen(field, (code) => {
  wake();
  if (fresh(code)) present(code, "scanner");
});

const camera =
  $("#camera") &&
  new Camera($("#camera"), {
    front: kind === "kiosk",
    found: (code) => {
      if (counter.dataset.state !== "ready") return false;
      present(code, "camera");
      return true;
    },
  });
camera?.start();

$("#present").addEventListener("submit", (event) => {
  event.preventDefault();
  const code = field.value.trim();
  if (code) present(code, "typed");
  else settle();
});

$("#photo")?.addEventListener("change", async ({ target }) => {
  const [picture] = target.files;
  target.value = "";
  if (!picture) return;
  channel = "photo";
  const got = await ask("/counter/photo", picture, { patience: PHOTO, json: false });
  if (got) answered(got);
});

/** A form of a panel: its fields as JSON, its answer the next panel (or a part of this one). */
async function send(form) {
  const body = {};
  for (const [name, value] of new FormData(form)) {
    const cents = form.elements[name].dataset?.cents;
    body[name] = name === "sure" ? true : name === "count" ? Number(value) : cents ? Math.round(Number(value) * 10 ** cents) : value;
  }
  if (form.dataset.post === "/counter/present") body.channel ??= channel;
  const got = await ask(form.dataset.post, body, { reads: "reads" in form.dataset });
  if (!got) return;
  if (form.dataset.into && got.ok && form.isConnected) $(form.dataset.into).innerHTML = got.html;
  else answered(got);
}

addEventListener("submit", (event) => {
  if (!event.target.dataset.post) return;
  event.preventDefault();
  send(event.target);
});

const actions = {
  clear,
  stop: () => {
    sending?.abort();
    show($("#stopped").innerHTML, { quiet: true });
  },
  turn: () => (counter.dataset.turned === undefined ? (counter.dataset.turned = "") : delete counter.dataset.turned),
};

addEventListener("click", (event) => {
  wake();
  const { action, reason } = event.target.closest("[data-action], [data-reason]")?.dataset ?? {};
  if (reason) {
    const written = event.target.closest("form").elements.reason;
    written.value = reason;
    written.focus();
  } else if (actions[action]) actions[action]();
  clearTimeout(alone);
  if (kind === "kiosk" && counter.dataset.tone) alone = setTimeout(clear, ALONE);
});
addEventListener("keydown", (event) => {
  wake();
  if (event.key === "Escape") clear();
});

const silence = $("#mute");
const tell = () => silence?.setAttribute("aria-pressed", String(muted()));
silence?.addEventListener("click", () => {
  mute(!muted());
  tell();
  play("decide");
});
if (!silence) mute(false); // a kiosk has no such button: what this browser was before does not silence it
tell();

$("#find-open")?.addEventListener("click", () => {
  channel = "typed";
  show($("#find").innerHTML, { quiet: true });
  $("#sought").focus();
});

settle();
// Without it only the page that says "no connection" is missing; the next opening of the counter tries again.
navigator.serviceWorker?.register("/counter/worker.js", { scope: "/counter" }).catch(() => {});
