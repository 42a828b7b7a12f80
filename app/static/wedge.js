/**
 * A hardware scanner types faster than anybody, wherever the focus is, and ends with Enter or Tab.
 *
 * It presses the keys of an American keyboard. Where the computer has another layout, other characters arrive; the keys
 * themselves (KeyboardEvent.code) still say what was meant. Which of the two readings is right, the check character says.
 */
const FAST = 40; // milliseconds between two keys: the slowest scanners take 20, the fastest typists 60
const LEAST = 6;
const PUNCTUATION = { Minus: "-", Space: " ", BracketRight: "]", Backslash: "\\", Slash: "/", Period: "." };
const CHECKED = "0123456789CDFGHJKMNPQRTVWXY";

function pressed(event) {
  const [, letter, digit] = event.code.match(/^(?:Key([A-Z])|(?:Digit|Numpad)(\d))$/) ?? [];
  return letter ?? digit ?? PUNCTUATION[event.code] ?? "";
}

/** Whether a text ends in one of our codes with a right check character (ISO 7064 MOD 37-2), or is a card's number. */
function checks(text) {
  const plain = text.toUpperCase().replace(/^(\][A-Z][0-9A-Z])?(\\\d{6})?/, "").replace(/[^0-9A-Z]/g, "");
  const right = (part) => [...part].every((char) => CHECKED.includes(char)) && [...part].reduce((sum, char) => 2 * sum + parseInt(char, 36), 0) % 37 === 1;
  return (plain.length >= 9 && right(plain.slice(-9))) || (plain.length === 12 && right(plain));
}

/** What was meant: as it arrived, unless only the keys themselves make a code of ours. */
export const meant = (typed, keys) => (!checks(typed) && checks(keys) ? keys : typed);

/** Call `scanned(text)` for each scan; what it typed into a field is taken out of it again. Other keys are left alone. */
export function listen(field, scanned) {
  let typed = "", keys = "", before = "", last = 0, target = null;
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || (event.altKey && !event.getModifierState("AltGraph"))) return;
    const fast = event.timeStamp - last < FAST;
    if ((event.key === "Enter" || event.key === "Tab") && fast && Math.max(typed.length, keys.length) >= LEAST) {
      event.preventDefault();
      event.stopImmediatePropagation();
      if (target && "value" in target) target.value = before;
      scanned(meant(typed, keys));
      typed = keys = "";
      return;
    }
    const char = event.key.length === 1 ? event.key : "";
    const key = pressed(event);
    if (!char && !key) {
      if (event.key !== "Shift" && event.key !== "CapsLock" && event.key !== "AltGraph") typed = keys = "";
      else if (fast) last = event.timeStamp;
      return;
    }
    if (!fast) {
      typed = keys = "";
      const editable = document.activeElement?.matches("input:not([type=file]), textarea, select");
      // Typing anywhere goes into the field; a space still presses the button that has the focus.
      if (!editable && char && char !== " ") field.focus({ preventScroll: true });
      target = document.activeElement;
      before = target === field ? "" : (target?.value ?? "");
    }
    typed += char;
    keys += key;
    last = event.timeStamp;
  }, { capture: true });
}
