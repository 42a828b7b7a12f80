/**
 * Long work as it goes on: every [data-errand] on the page asks for its fragment again, until it says that the work is over.
 * A page that hides nobody's work asks seldom; an answer that does not come is asked for again, later and later.
 */
import { drawn } from "/static/page.js";

const EVERY = 700; // milliseconds
const PATIENT = 15000;

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

async function follow(place) {
  for (let wait = EVERY; place.dataset.errand; ) {
    await pause(document.hidden ? PATIENT : wait);
    try {
      const answer = await fetch(place.dataset.errand, { headers: { "X-Fragment": "1" } });
      if (answer.status === 401 || answer.status === 403) return location.reload();
      if (answer.status === 404) return;
      if (!answer.ok) throw new Error(answer.status);
      const fresh = drawn(await answer.text()).querySelector("[data-state]");
      const stopping = place.querySelector("button:focus") && fresh.querySelector("button");
      if (!fresh.dataset.errand) {
        place.removeAttribute("aria-busy"); // what it says now is read out
        delete place.dataset.errand;
      }
      place.dataset.state = fresh.dataset.state;
      place.replaceChildren(...fresh.childNodes);
      if (stopping) place.querySelector("button")?.focus();
      wait = EVERY;
    } catch {
      wait = Math.min(2 * wait, PATIENT);
    }
  }
  if (place.dataset.then) location.assign(place.dataset.then);
}

for (const place of document.querySelectorAll("[data-errand]")) follow(place);
