"""Codes and cameras: the texts of the codes in a photo, and a text drawn as a QR code."""

import io
import re
from collections.abc import Iterator
from typing import Final, Literal

import segno
import zxingcpp
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError
from zxingcpp import BarcodeFormats, barcode_formats_from_str

from passes.pictures import formats
from passes.problems import UnreadablePhoto
from passes.words import N_

MOST_PIXELS: Final = 4096 * 3072
"""What cameras call 12 megapixels: 4032 × 3024 and the like."""
FIT: Final = 1600
"""The longest side, in pixels, at which a code in a usual photo is found 10 times faster than at 12 megapixels."""
QR: Final = barcode_formats_from_str("QRCode")
OTHERS: Final = barcode_formats_from_str("Code128,PDF417,Aztec")
_MADE: Final = {"code128": zxingcpp.BarcodeFormat.Code128, "pdf417": zxingcpp.BarcodeFormat.PDF417, "aztec": zxingcpp.BarcodeFormat.Aztec}
_FLAT: Final = frozenset({"code128", "pdf417"})
_SIZE: Final = re.compile(r'<svg width="(\d+)" height="(\d+)"')
Level = Literal["m", "q"]
"""How much of a code may be missing: M, 15 %, is for screens; Q, 25 %, for paper, which is scratched, wet and far away."""
_TOO_LARGE: Final = N_("it has more than 12 megapixels")


def read_photo(data: bytes) -> tuple[str, ...]:
    """The different texts of the codes in a JPEG, PNG, WebP or HEIC picture of up to 12 megapixels; () if it shows none.

    Of an animation the first picture counts. Raises UnreadablePhoto for anything else. Takes from 20 ms (a usual photo) to
    3 s (12 megapixels made to be slow), most of it without the GIL: call it in a thread.
    """
    for picture, codes in _attempts(data):
        texts = {barcode.text: None for barcode in zxingcpp.read_barcodes(picture, formats=codes, try_invert=False)}
        texts.pop("", None)
        if texts:
            return tuple(texts)
    return ()


def _attempts(data: bytes) -> Iterator[tuple[Image.Image, BarcodeFormats]]:
    """The picture, then what finds a code in a bad one, the most helpful per millisecond first.

    Of 65 bad pictures the first attempt reads 50; each of the next six reads one to seven that none before it does.
    """
    small = _grey(data, FIT)
    yield small, QR
    full = _grey(data, None)
    if full.size != small.size:
        yield full, QR
    yield ImageOps.invert(small), QR
    contrast = ImageOps.autocontrast(small, cutoff=2)
    yield contrast, QR
    yield contrast.filter(ImageFilter.UnsharpMask(radius=6, percent=400, threshold=0)), QR
    yield contrast.reduce(2), QR
    yield contrast.rotate(30, Image.Resampling.BICUBIC, expand=True, fillcolor=128), QR
    yield small, OTHERS
    yield contrast, OTHERS


def _grey(data: bytes, fit: int | None) -> Image.Image:
    """The picture grey and upright, shrunk to fit if asked. Raises UnreadablePhoto."""
    try:
        return _decoded(data, fit)
    except UnreadablePhoto:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadablePhoto(why=_TOO_LARGE) from error
    except UnidentifiedImageError as error:
        raise UnreadablePhoto(why=N_("it is not a JPEG, PNG, WebP or HEIC picture")) from error
    except Exception as error:  # the parsers raise whatever they stumble over in broken bytes
        raise UnreadablePhoto(why=N_("the file is damaged")) from error


def _decoded(data: bytes, fit: int | None) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=formats()) as picture:
        if picture.width * picture.height > MOST_PIXELS:  # known from the header: nothing has been decoded yet
            raise UnreadablePhoto(why=_TOO_LARGE)
        picture.draft("L", (fit, fit) if fit else None)  # a JPEG is decoded in grey and half, quarter or eighth size
        grey = _on_white(picture).convert("L")
    if fit:
        grey.thumbnail((fit, fit), Image.Resampling.BILINEAR)
    ImageOps.exif_transpose(grey, in_place=True)
    return grey


def _on_white(picture: Image.Image) -> Image.Image:
    """Transparent is white here; dropped, it would be as black as the code that was drawn on it."""
    if not picture.has_transparency_data:
        return picture
    drawn = picture.convert("RGBA")
    white = Image.new("RGBA", drawn.size, "white")
    white.alpha_composite(drawn)
    white.info = drawn.info  # the orientation
    return white


def draw_svg(text: str, *, level: Level = "m") -> str:
    """A QR code as an inline <svg> element that fills the width it is given."""
    drawn: str = _drawn(text, level).svg_inline(omitsize=True)
    return drawn


def draw_barcode(form: str, message: str) -> str:
    """A code in a card's format (``qr``, ``code128``, ``pdf417`` or ``aztec``) as an inline <svg> element, with its quiet zone."""
    if form == "qr":
        return draw_svg(message)
    made: str = zxingcpp.create_barcode(message, _MADE[form]).to_svg(scale=1, add_quiet_zones=True)
    width, height = _SIZE.search(made).groups()  # type: ignore[union-attr]  # it always says its size
    inner = made[made.index("<g ") : made.rindex("</svg>")]
    return f'<svg class="{"segno flat" if form in _FLAT else "segno"}" viewBox="0 0 {width} {height}">{inner}</svg>'


def _drawn(text: str, level: Level = "m") -> segno.QRCode:
    # Trying all masks would take three quarters of the time; any of them is legible.
    return segno.make_qr(text, error=level, mask=4, boost_error=False)
