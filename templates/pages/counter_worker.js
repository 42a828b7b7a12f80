// The counter without a connection: one page that says so. Codes and answers are never kept here.
const SHELL = "counter {{ style }}";
const PAGE = "/counter/offline";
const FILES = [PAGE, "{{ style }}", "/static/counter-offline.js"];

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(SHELL).then((shell) => shell.addAll(FILES.map((file) => new Request(file, { cache: "reload" })))));
});
addEventListener("activate", (event) => {
  const old = (names) => Promise.all(names.filter((name) => name !== SHELL).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(old).then(() => clients.claim()));
});
addEventListener("fetch", (event) => {
  const { request } = event;
  const kept = request.mode === "navigate" ? PAGE : FILES.find((file) => request.url.endsWith(file));
  if (request.method === "GET" && kept) event.respondWith(fetch(request).catch(() => caches.match(kept)));
});
