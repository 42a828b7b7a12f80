/**
 * Long work as it goes on: every [data-errand] on the page is asked for again, until it says that the work is over.
 */
import { again } from "./again.js";
import { drawn } from "./page.js";

const EVERY = 700; // milliseconds

for (const place of document.querySelectorAll("[data-errand]")) {
  again(place.dataset.errand, EVERY, (html) => {
    const fresh = drawn(html).querySelector("[data-state]");
    const stopping = place.querySelector("button:focus") && fresh.querySelector("button");
    const over = !fresh.dataset.errand;
    if (over) {
      place.removeAttribute("aria-busy"); // what it says now is read out
      delete place.dataset.errand;
    }
    place.dataset.state = fresh.dataset.state;
    place.replaceChildren(...fresh.childNodes);
    if (stopping) place.querySelector("button")?.focus();
    if (over && place.dataset.then) location.assign(place.dataset.then);
    return !over;
  });
}
