/** Passkeys: the server says what to ask, the browser asks, the server judges. Without support the forms stay hidden. */
import { post } from "/static/page.js";

const able = window.PublicKeyCredential?.parseRequestOptionsFromJSON && PublicKeyCredential.parseCreationOptionsFromJSON;
const said = document.querySelector("[data-said]");

const asks = {
  get: (options) => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }),
  create: (options) => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }),
};

async function sent(...message) {
  try {
    return await post(...message);
  } catch (error) {
    if (error instanceof TypeError) return null; // no answer came
    throw error;
  }
}

async function run(form) {
  const show = (part) => said.replaceChildren(part);
  const words = (name) => form.querySelector(`template[${name}]`).content.cloneNode(true);
  const html = (text) => document.createRange().createContextualFragment(text);
  said.replaceChildren();
  const options = await sent(form.dataset.options);
  if (!options) return show(words("data-offline"));
  if (!options.ok) return show(html(options.html));
  let credential;
  try {
    credential = await asks[form.dataset.passkey](JSON.parse(options.html));
  } catch (error) {
    if (error instanceof DOMException) return show(words("data-failed")); // cancelled, or not possible on this device
    throw error;
  }
  const body = { credential: credential.toJSON() };
  if (form.dataset.passkey === "create") body.name = form.elements.name.value;
  else body.to = form.dataset.to;
  const answer = await sent(form.dataset.answer, body, { json: true });
  if (!answer) return show(words("data-offline"));
  if (!answer.ok) return show(html(answer.html));
  location.assign(JSON.parse(answer.html).to);
}

for (const form of able ? document.querySelectorAll("form[data-passkey]") : []) {
  form.hidden = false;
  const button = form.querySelector("button[type=submit]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await run(form);
    } finally {
      button.disabled = false;
    }
  });
}
