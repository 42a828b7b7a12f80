/** What an answer sounds like: given rises, refused falls, a decision is one tone. Silence is remembered on this browser. */
const TONES = { given: [880, 1319], refused: [466, 233], unsent: [466, 233], decide: [659], card: [659] };
const LENGTH = 0.13; // seconds each
const KEPT = "counter muted";

let audio = null;

/** Browsers let a page sound only after it was touched: call this on every touch and key, it costs nothing. */
export function wake() {
  audio ??= new AudioContext();
  if (audio.state === "suspended") audio.resume();
}

export const muted = () => localStorage.getItem(KEPT) === "yes";
export const mute = (yes) => localStorage.setItem(KEPT, yes ? "yes" : "no");

export function play(tone) {
  // Where nobody has touched the page yet (the camera saw a code), a browser only complains.
  if (navigator.userActivation?.hasBeenActive ?? true) navigator.vibrate?.({ given: 60, refused: [60, 60, 60] }[tone] ?? 30);
  if (muted() || !TONES[tone]) return;
  wake();
  TONES[tone].forEach((pitch, place) => {
    const voice = audio.createOscillator();
    const volume = audio.createGain();
    const from = audio.currentTime + place * LENGTH;
    voice.type = "triangle";
    voice.frequency.value = pitch;
    volume.gain.setValueAtTime(0.0001, from);
    volume.gain.exponentialRampToValueAtTime(0.35, from + 0.012);
    volume.gain.exponentialRampToValueAtTime(0.0001, from + LENGTH);
    voice.connect(volume).connect(audio.destination);
    voice.start(from);
    voice.stop(from + LENGTH);
  });
}
