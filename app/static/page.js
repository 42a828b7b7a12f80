/**
 * What every page's script says to the server.
 *
 * post(url, body, {key, json, signal}) sends a form (FormData, a <form>, or an object of fields), JSON (json: true) or a
 * picture (a Blob), as this page's own script (X-Fragment) with its token against forgery. `key` is the Idempotency-Key:
 * a UUID, the same when the same thing is sent again. The answer is {ok, status, word, html, url}: `word` names the problem
 * ("" without one), `html` is the fragment to show, `url` where a form led. It throws only when no answer came: nobody knows then what was recorded.
 *
 * drawn(html) is a fragment as nodes.
 */
const token = document.querySelector('meta[name="csrf"]').content;

function packed(body, json) {
  if (body instanceof Blob || body instanceof FormData) return [body, body.type];
  if (body instanceof HTMLFormElement) return packed(new FormData(body), json);
  if (json) return [JSON.stringify(body), "application/json"];
  return [new URLSearchParams(body), ""];
}

export async function post(url, body = {}, { key, json = false, signal } = {}) {
  const [packet, type] = packed(body, json);
  const headers = { "X-CSRFToken": token, "X-Fragment": "1" };
  if (type) headers["Content-Type"] = type;
  if (key) headers["Idempotency-Key"] = key;
  const answer = await fetch(url, { method: "POST", headers, body: packet, signal });
  return { ok: answer.ok, status: answer.status, word: answer.headers.get("X-Problem") ?? "", html: await answer.text(), url: answer.url };
}

export function drawn(html) {
  const box = document.createElement("template");
  box.innerHTML = html;
  return box.content;
}
