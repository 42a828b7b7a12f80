/** Reads codes out of pictures, in a thread of its own: a picture comes in, the texts in it go out (the nearest to the middle first). */
import { BarcodeDetector, prepareZXingModule } from "/static/vendor/barcode-detector/ponyfill.js";

// It would fetch itself from somebody else's server, and complain aloud when the network goes meanwhile.
const reader = (imports, ready) =>
  WebAssembly.instantiateStreaming(fetch("/static/vendor/zxing-wasm/zxing_reader.wasm"), imports).then(
    ({ instance }) => ready(instance),
    () => tell(false),
  );
prepareZXingModule({ overrides: { instantiateWasm: reader } });
const codes = new BarcodeDetector({ formats: ["qr_code"] });
const others = ["code_128", "pdf417", "aztec"].map((format) => new BarcodeDetector({ formats: [format] }));
let turn = 0;

/** A QR code of 21 × 21, a row a number: the first decoding is five times slower than the next ones, so it is done on this one. */
const FIRST = [0x1fcc7f, 0x104341, 0x17565d, 0x17415d, 0x175a5d, 0x105941, 0x1fd57f, 0, 0x954b4, 0x1b2bf3, 0x15521e, 0xca72f, 0x1d78fb, 0x1722, 0x1fcb45, 0x104cd2, 0x1758c5, 0x1741c3, 0x174180, 0x105f25, 0x1fc263];

function warmUp() {
  const side = 29 * 8;
  const picture = new ImageData(side, side);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const [row, column] = [(y >> 3) - 4, (x >> 3) - 4];
      const dark = row >= 0 && row < 21 && column >= 0 && column < 21 && (FIRST[row] >> (20 - column)) & 1;
      picture.data.set(dark ? [0, 0, 0, 255] : [255, 255, 255, 255], (y * side + x) * 4);
    }
  return codes.detect(picture);
}

async function read(picture) {
  let found = await codes.detect(picture);
  // Almost all are QR codes; the others are looked for in turn, so that no picture takes long.
  if (!found.length) found = await others[turn++ % others.length].detect(picture);
  const far = ({ boundingBox: box }) => Math.hypot(box.x + box.width / 2 - picture.width / 2, box.y + box.height / 2 - picture.height / 2);
  return found.sort((one, other) => far(one) - far(other)).map((code) => code.rawValue);
}

const tell = (ready) => postMessage({ ready, texts: [] });
warmUp().then((found) => tell(found.length > 0), () => tell(false));

onmessage = async ({ data: picture }) => {
  try {
    postMessage({ texts: await read(picture) });
  } catch {
    tell(false); // it ran out of memory, or the like: a new one is hired
  } finally {
    picture.close();
  }
};
