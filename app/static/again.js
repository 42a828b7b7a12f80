/**
 * What stays true while it is looked at: its fragment is asked for again and again, at once when the page is looked at again or the
 * network is back, and later and later while no answer comes. Nobody asks for a page that is hidden.
 *
 * again(address, every, show): `every` in milliseconds; `show(html)` gets each fragment that is another one, and says false when it
 * was the last. Where there is none any more, or not for who asks, the page is loaded anew.
 */
const PATIENT = 5000; // milliseconds, at the most, between two that were asked for in vain
const WAKES = [[document, "visibilitychange"], [window, "pageshow"], [window, "online"]];

function looked(after) {
  return new Promise((resolve) => {
    const go = (event) => {
      if (document.hidden || event?.persisted === false) return; // a page that is shown for the first time is new
      clearTimeout(timer);
      for (const [where, what] of WAKES) where.removeEventListener(what, go);
      resolve();
    };
    const timer = setTimeout(go, after);
    for (const [where, what] of WAKES) where.addEventListener(what, go);
  });
}

export async function again(address, every, show) {
  let tag = "";
  for (let wait = every; ; ) {
    await looked(wait);
    try {
      const answer = await fetch(address, { headers: { "X-Fragment": "1", ...(tag && { "If-None-Match": tag }) }, cache: "no-store" });
      if ([401, 403, 404].includes(answer.status)) return location.reload();
      if (!answer.ok && answer.status !== 304) throw new Error(answer.status);
      wait = every;
      if (!answer.ok) continue;
      tag = answer.headers.get("ETag") ?? "";
      if (show(await answer.text()) === false) return;
    } catch {
      wait = Math.max(every, Math.min(2 * wait, PATIENT)); // what is shown was true when it was shown
    }
  }
}
