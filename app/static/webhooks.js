/** What was just sent to an address: asked for again until something has come of it. */
import { again } from "./again.js";
import { drawn } from "./page.js";

const EVERY = 700; // milliseconds
let left = 40; // an address that lets us wait longer is looked at again by whoever waits

if (document.querySelector("#told[data-waits]"))
  again(location.href, EVERY, (html) => {
    const place = document.getElementById("told"), fresh = drawn(html).getElementById("told");
    if (place.querySelector(":popover-open, :focus")) return true; // somebody reads, or is about to press
    place.replaceWith(fresh);
    return "waits" in fresh.dataset && --left > 0;
  });
