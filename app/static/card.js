/**
 * The holder's card stays true while it is looked at. A reward that is used alone counts down; its clock is the phone's, its end is
 * the server's.
 */
import { again } from "./again.js";

const EVERY = 2500;
const live = document.querySelector("[data-live]");

if (live) {
  again(live.dataset.live, EVERY, (html) => {
    if (html.trim() === live.innerHTML.trim()) return;
    const open = [...live.querySelectorAll("details[open]")].map((it) => it.dataset.open);
    live.innerHTML = html;
    for (const one of open) live.querySelector(`details[data-open="${one}"]`)?.setAttribute("open", "");
  });
}

const count = document.querySelector("[data-count]");
if (count) {
  const ends = Date.now() + Number(document.body.dataset.left) * 1000;
  const clock = document.querySelector("[data-clock]");
  const tick = () => {
    const left = Math.max(0, Math.ceil((ends - Date.now()) / 1000));
    count.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    clock.textContent = new Date().toLocaleTimeString(document.documentElement.lang, { timeZone: document.body.dataset.zone, hourCycle: "h23" });
    if (left > 0) return setTimeout(tick, 200);
    document.body.dataset.over = "yes";
    document.querySelector(".while").hidden = true;
  };
  if (document.body.dataset.over === "no") tick();
}
