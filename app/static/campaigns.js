/**
 * Campaigns and segments: how many the rules of a form mean, asked again while they are filled in ([data-count]); and what came
 * of a campaign, as it goes on ([data-live]).
 */
import { again } from "./again.js";
import { post } from "./page.js";

const CALM = 400; // milliseconds after the last key
const EVERY = 5000;

for (const form of document.querySelectorAll("form[data-count]")) {
  const place = form.querySelector("[data-counted]");
  if (!place) continue;
  let waits, asked;
  const count = async () => {
    asked?.abort();
    asked = new AbortController();
    try {
      const answer = await post(form.dataset.count, new FormData(form), { signal: asked.signal });
      if (!answer.ok) return;
      place.innerHTML = answer.html;
      place.hidden = false;
    } catch {
      // it is asked again with the next key
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(waits);
    waits = setTimeout(count, CALM);
  });
  count();
}

for (const place of document.querySelectorAll("[data-live]")) {
  again(place.dataset.live, EVERY, (html) => {
    place.innerHTML = html;
  });
}
