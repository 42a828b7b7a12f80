// There is no connection: look again every two seconds, and at once when the browser says that there is one.
const again = () =>
  fetch("/health", { cache: "no-store" }).then(
    (answer) => answer.ok && location.reload(),
    () => {}, // still none
  );
addEventListener("online", again);
setInterval(again, 2000);
