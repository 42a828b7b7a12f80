/**
 * Ask until there is a true answer. Each attempt carries the same key, so however often it arrives it counts once, and the
 * answer is what really happened. Nothing is shown as done before the server has said so.
 */
import { post } from "./page.js";

const PATIENCE = 2000; // milliseconds: then the person is told that there is no answer
const PAUSE = 1000;
const TRY_AGAIN = new Set(["idempotency_key_in_flight", "busy", "database_unavailable"]);

/** A key of its own for each presentation. (crypto.randomUUID is there only with HTTPS.) */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const pause = (signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, PAUSE);
    for (const sooner of [[window, "online"], [signal, "abort"]]) sooner[0].addEventListener(sooner[1], () => (clearTimeout(timer), resolve()), { once: true });
  });

async function attempt(url, body, { key, json, signal, patience }) {
  const impatient = AbortSignal.timeout(patience);
  const either = new AbortController();
  for (const one of [impatient, signal]) one.addEventListener("abort", () => either.abort(), { once: true });
  try {
    const answer = await post(url, body, { key, json, signal: either.signal });
    return answer.status === 429 || [502, 503, 504].includes(answer.status) || TRY_AGAIN.has(answer.word) ? null : answer;
  } catch {
    return null; // it may have arrived, or not: the next attempt tells
  }
}

/** The answer ({ok, status, word, html}), or null after `signal` was aborted. `unsent()` is called when there is none for now. */
export async function insist(url, body, { unsent, signal, json = true, patience = PATIENCE }) {
  const key = newKey();
  while (!signal.aborted) {
    const answer = await attempt(url, body, { key, json, signal, patience });
    if (signal.aborted) return null;
    if (answer) return answer;
    unsent();
    await pause(signal);
  }
  return null;
}
