// Keeps the wallets as they are now: fetches the cards on every event and replaces only those that changed.
const wallets = document.querySelector("#wallets");
const live = document.querySelector("#live");
const said = document.querySelector("#said");
const named = (note) => `${note.closest(".device").dataset.key} ${note.dataset.note}`;
const seen = new Set([...document.querySelectorAll("[data-note]")].map(named));

function state(name, words) {
  if (live.dataset.state === name) return;
  live.dataset.state = name;
  live.textContent = words;
}

function keepOpen(from, to) {
  for (const details of from.querySelectorAll("details[open]")) {
    to.querySelector(`[data-open="${CSS.escape(details.dataset.open)}"]`)?.setAttribute("open", "");
  }
}

function announce(device) {
  for (const note of device.querySelectorAll("[data-note]")) {
    if (seen.has(named(note))) continue;
    seen.add(named(note));
    note.classList.add("fresh");
    said.textContent = `${device.dataset.who}: ${note.querySelector("p").textContent}`;
  }
}

function paint(fresh) {
  const [now, next] = [wallets.querySelector("#paint"), fresh.querySelector("#paint")];
  if (now.getAttribute("href") !== next.getAttribute("href")) now.setAttribute("href", next.getAttribute("href"));
}

function show(fresh) {
  paint(fresh);
  const holders = [...fresh.querySelectorAll("[data-holder]")];
  wallets.querySelectorAll("[data-holder]").forEach((old) => holders.some((one) => one.dataset.holder === old.dataset.holder) || old.remove());
  for (const holder of holders) {
    const old = wallets.querySelector(`[data-holder="${holder.dataset.holder}"]`);
    if (!old) {
      holder.querySelectorAll(".device").forEach(announce);
      wallets.append(holder);
      continue;
    }
    const pair = old.querySelector(".pair");
    const devices = [...(holder.querySelector(".pair")?.children ?? [])];
    devices.forEach((device, place) => {
      const was = pair.querySelector(`[data-key="${CSS.escape(device.dataset.key)}"]`);
      if (was) keepOpen(was, device);
      announce(device);
      if (!was) pair.insertBefore(device, pair.children[place] ?? null);
      else if (was.dataset.digest !== device.dataset.digest) {
        if (!was.classList.contains("empty")) device.classList.add("changed");
        was.replaceWith(device);
      } else if (was.querySelector(".story")) was.querySelector(".story").replaceWith(device.querySelector(".story"));
    });
    [...pair.children].forEach((was) => devices.some((device) => device.dataset.key === was.dataset.key) || was.remove());
  }
}

let asking = false;
let again = false;
async function refresh() {
  again = asking;
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch("/cards");
    const template = document.createElement("template");
    template.innerHTML = await answer.text();
    show(template.content);
  } catch {
    state("away", "Not connected");
  } finally {
    asking = false;
    if (again) refresh();
  }
}

const events = new EventSource("/events");
events.onopen = () => { state("live", "Live"); refresh(); };
events.onmessage = refresh;
events.onerror = () => state("away", "Not connected");
document.addEventListener("visibilitychange", () => document.hidden || refresh());

for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    const label = button.firstChild;
    label.textContent = "Copied";
    setTimeout(() => { label.textContent = "Copy"; }, 1500);
  });
}
