/** The first evening: the time zone and currency of this browser are proposed, a branch stands where this device is, a poster is printed. */
const zone = document.querySelector("[data-zone]");
const currency = document.querySelector("[data-currency]");

function proposeCurrency() {
  const option = [...document.querySelectorAll("#zones option")].find((one) => one.value === zone.value);
  if (option?.dataset.pays && currency && !currency.dataset.chosen) currency.value = option.dataset.pays;
}

if (zone && "guess" in zone.dataset) {
  if (!zone.value) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone.replace("Asia/Saigon", "Asia/Ho_Chi_Minh");
  currency?.addEventListener("change", () => (currency.dataset.chosen = ""));
  if (currency?.value) currency.dataset.chosen = "";
  zone.addEventListener("change", proposeCurrency);
  proposeCurrency();
}

for (const button of document.querySelectorAll("[data-locate]")) {
  const form = button.form;
  button.hidden = !navigator.geolocation;
  button.addEventListener("click", () => {
    button.setAttribute("aria-busy", "true");
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        button.removeAttribute("aria-busy");
        form.elements.latitude.value = coords.latitude.toFixed(6);
        form.elements.longitude.value = coords.longitude.toFixed(6);
      },
      () => {
        button.removeAttribute("aria-busy");
        button.nextElementSibling.hidden = false;
      },
      { enableHighAccuracy: true, timeout: 15_000 },
    );
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
