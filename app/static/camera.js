/**
 * The camera: on while the page is looked at, its newest picture always on the way to the scanner, one at a time.
 *
 * A code counts once for as long as it is held there: again only after it was gone for four seconds. Codes that the same
 * phone may show next (its card changes while it is still held there) count as the same.
 */
const SIDE = 720; // pixels: a code in a phone's hand has 5 pixels a module, more only takes longer
const GONE = 4000;
const KEPT = "counter camera";

export class Camera {
  /** `found(text)` is called for each presentation. `front`: the side that faces the customer of a kiosk. */
  constructor(place, { front = false, found }) {
    this.place = place;
    this.front = front;
    this.found = found;
    this.video = place.querySelector("video");
    this.held = []; // groups of codes that are in view: {codes: Set, seen: milliseconds}
    this.hire();
    document.addEventListener("visibilitychange", () => (document.hidden ? this.stop() : this.start()));
    place.querySelector("#camera-start").addEventListener("click", () => this.start());
    this.picker = place.querySelector("#cameras");
    this.picker.addEventListener("change", () => {
      localStorage.setItem(KEPT, this.picker.value);
      this.stop();
      this.start();
    });
    this.torch = place.querySelector("#torch");
    this.torch.addEventListener("click", () => this.light(this.torch.getAttribute("aria-pressed") !== "true"));
  }

  /** A scanner, and another one in a moment if this one could not be had (the network went while the page was opened). */
  hire() {
    const { dataset } = this.place;
    const again = () => {
      dataset.scanner = "broken";
      this.busy = true;
      this.scanner.terminate();
      setTimeout(() => this.hire(), GONE);
    };
    this.busy = true; // until it is warm
    this.scanner = new Worker("/static/scanner.js", { type: "module" });
    this.scanner.onerror = (event) => (event.preventDefault(), again());
    this.scanner.onmessage = ({ data }) => {
      if (data.ready === false) return again();
      if (data.ready) dataset.scanner = "ready";
      this.busy = false;
      if (data.texts.length) this.seen(data.texts);
    };
  }

  async start() {
    if (this.starting || this.stream || document.hidden) return;
    if (!navigator.mediaDevices?.getUserMedia) return void (this.place.dataset.state = "none"); // a page without HTTPS has none
    this.starting = true;
    this.place.dataset.state = "asking";
    const chosen = localStorage.getItem(KEPT);
    const which = chosen ? { deviceId: { ideal: chosen } } : { facingMode: { ideal: this.front ? "user" : "environment" } };
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...which, width: { ideal: 1280 }, height: { ideal: 720 } } });
      this.video.srcObject = this.stream;
      await this.video.play();
      this.place.dataset.state = "on";
      this.look();
      await this.choices();
    } catch (error) {
      this.stop();
      this.place.dataset.state = error.name === "NotFoundError" || error.name === "OverconstrainedError" ? "none" : "blocked";
    } finally {
      this.starting = false;
    }
    if (document.hidden) this.stop();
    else navigator.wakeLock?.request("screen").catch(() => {}); // a low battery may refuse: then the screen sleeps as usual
  }

  stop() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = this.video.srcObject = null;
    this.place.dataset.state = "off";
  }

  async choices() {
    const [track] = this.stream.getVideoTracks();
    const now = track.getSettings().deviceId;
    const abilities = track.getCapabilities?.() ?? {};
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    this.picker.replaceChildren(...cameras.map(({ deviceId, label }, place) => new Option(label || String(place + 1), deviceId, false, deviceId === now)));
    this.place.querySelector("#cameras-box").hidden = cameras.length < 2;
    this.torch.hidden = !abilities.torch;
    // Phones with several lenses give the wide one, which is blurred near by; twice the zoom makes it use the other.
    if (!this.front && abilities.zoom?.max >= 2 && abilities.zoom.min <= 1) await track.applyConstraints({ advanced: [{ zoom: 2 }] });
  }

  async light(on) {
    await this.stream?.getVideoTracks()[0].applyConstraints({ advanced: [{ torch: on }] });
    this.torch.setAttribute("aria-pressed", String(on));
  }

  look() {
    const stream = this.stream;
    const next = () => (this.video.requestVideoFrameCallback ? this.video.requestVideoFrameCallback(frame) : requestAnimationFrame(frame));
    const frame = async () => {
      if (this.stream !== stream) return;
      next();
      if (this.busy || !this.video.videoWidth) return;
      this.busy = true;
      const { videoWidth: width, videoHeight: height } = this.video;
      const side = Math.min(width, height);
      const fit = Math.min(side, SIDE);
      try {
        const picture = await createImageBitmap(this.video, (width - side) / 2, (height - side) / 2, side, side, { resizeWidth: fit, resizeHeight: fit });
        this.scanner.postMessage(picture, [picture]);
      } catch {
        this.busy = false; // the stream ended between two pictures
      }
    };
    next();
  }

  seen(texts) {
    const now = performance.now();
    this.held = this.held.filter((group) => now - group.seen < GONE);
    const codes = texts.filter((text) => !text.includes("://") && text.length <= 256); // not the poster behind the phone
    for (const [place, text] of codes.entries()) {
      const group = this.held.find(({ codes }) => codes.has(text.toUpperCase()));
      if (group) group.seen = now;
      else if (place > 0) continue; // only what is nearest to the middle is meant: a sheet of vouchers is not redeemed at once
      else if (this.found(text)) this.held.push({ codes: new Set([text.toUpperCase()]), seen: now });
    }
  }

  /** These are on one card: while one of them is held there, none of the others counts. */
  same(codes) {
    if (!codes.length) return;
    const group = this.held.find((one) => codes.some((code) => one.codes.has(code)));
    if (group) codes.forEach((code) => group.codes.add(code));
    else this.held.push({ codes: new Set(codes), seen: performance.now() }); // it was typed, and lies in front of the camera too
  }
}
