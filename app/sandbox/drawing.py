"""A card drawn as a phone's screen shows it, with its barcode, so that a camera or zxing can read it off the picture."""

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import segno
import zxingcpp
from PIL import Image, ImageDraw, ImageFont

from app.sandbox.passfile import Barcode, Field, Shown

SCALE: Final = 3  # pixels per point, as on today's iPhones
WIDTH, MARGIN, INSET = 375, 14, 16  # points
STRIP: Final = 144
PANEL: Final = 176
MATRIX: Final = 132
WIDE: Final = 260
SCREEN: Final = (18, 18, 20)
INTER: Final = Path(__file__).parent.parent / "static" / "vendor" / "inter"
SYMBOLS: Final = {"Aztec": zxingcpp.BarcodeFormat.Aztec, "PDF417": zxingcpp.BarcodeFormat.PDF417, "Code128": zxingcpp.BarcodeFormat.Code128}
VIETNAMESE: Final = frozenset(
    [
        *map(chr, (0x102, 0x103, 0x110, 0x111, 0x128, 0x129, 0x168, 0x169, 0x1A0, 0x1A1, 0x1AF, 0x1B0, 0x20AB)),
        *map(chr, range(0x1EA0, 0x1EFA)),
    ]
)
LATIN_END: Final = "\u00ff"
EXTENDED_END: Final = "\u1fff"

Colour = tuple[int, int, int]


def card(shown: Shown) -> bytes:
    """The open card as a PNG, three pixels to the point, on a dark screen."""
    strip = _picture(shown.images.get("strip"), (WIDTH, STRIP))
    height = 60 + (STRIP if strip else 8) + 62 + (PANEL + 40 if shown.barcode else 20)
    image = Image.new("RGB", ((WIDTH + 2 * MARGIN) * SCALE, (height + 2 * MARGIN) * SCALE), SCREEN)
    face = Image.new("RGB", (WIDTH * SCALE, height * SCALE), shown.background)
    pen = _Pen(face, shown)
    logo = _picture(shown.images.get("logo"), (160, 50), fill=False)
    left = INSET
    if logo is not None:
        face.paste(logo, (left * SCALE, 8 * SCALE), logo)
        left += logo.width // SCALE + 10
    edge: float = WIDTH - INSET
    for field in reversed(shown.header):
        edge -= pen.field(field, edge, 13, side="right", size=17) + 14
    pen.text(shown.logo_text, left, 22, size=16, weight=600, room=edge - left)
    top = 60
    if strip is not None:
        face.paste(strip, (0, top * SCALE), strip)
        top += STRIP
    for field in shown.primary:
        pen.field(field, INSET, top - STRIP + 40, size=40)
    _row(pen, (*shown.secondary, *shown.auxiliary), top + 12)
    if shown.barcode is not None:
        _panel(face, shown.barcode, top + 74)
    if shown.voided:
        face = Image.blend(face, face.convert("L").convert("RGB"), 0.85)
    image.paste(face, (MARGIN * SCALE, MARGIN * SCALE), _rounded(face.size, 12 * SCALE))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def symbol(barcode: Barcode) -> Image.Image:
    """The barcode alone, one pixel to the module, black on white, with a narrow quiet zone."""
    if barcode.format == "QR":
        drawn = segno.make(barcode.message, error="m", micro=False, boost_error=False, encoding=barcode.encoding)
        out = io.BytesIO()
        drawn.save(out, kind="png", border=2)
        return Image.open(out).convert("L")
    made = zxingcpp.create_barcode(barcode.message, SYMBOLS[barcode.format]).to_image(scale=1, add_quiet_zones=True)
    high, wide = made.shape
    return Image.frombytes("L", (wide, high), bytes(memoryview(made)))  # type: ignore[arg-type]  # its stubs forget the buffer


class _Pen:
    """Writes in the colours of a card; positions and sizes in points."""

    def __init__(self, image: Image.Image, shown: Shown) -> None:
        self._draw = ImageDraw.Draw(image)
        self._foreground, self._label = shown.foreground, shown.label

    def field(
        self, field: Field, x: float, y: float, *, side: Literal["left", "right"] = "left", size: int = 17, room: float = 200
    ) -> float:
        """A label with its value below; how wide it came out."""
        label = self.text(field.label.upper(), x, y, size=10, weight=600, side=side, colour=self._label, room=room)
        return max(label, self.text(field.value, x, y + 14, size=size, weight=400, side=side, room=room))

    def text(
        self,
        words: str,
        x: float,
        y: float,
        *,
        size: int,
        weight: int,
        side: Literal["left", "right"] = "left",
        colour: Colour | None = None,
        room: float = 200,
    ) -> float:
        """One line, cut with an ellipsis to ``room``; how wide it came out."""
        while (wide := _width(words, size, weight)) > room and len(words) > 1:
            words = words.rstrip("…")[:-1] + "…"
        _write(self._draw, words, x if side == "left" else x - wide, y, size=size, weight=weight, colour=colour or self._foreground)
        return wide


def _row(pen: _Pen, fields: Sequence[Field], y: float) -> None:
    """Secondary and auxiliary fields share one row: the first at the left edge, the last of several at the right."""
    room = (WIDTH - 2 * INSET) / max(1, len(fields))
    for number, field in enumerate(fields):
        if number and number == len(fields) - 1:
            pen.field(field, WIDTH - INSET, y, side="right", room=room - 6)
        else:
            pen.field(field, INSET + number * room, y, room=room - 6)


def _panel(face: Image.Image, barcode: Barcode, y: int) -> None:
    drawn = symbol(barcode)
    square = barcode.format in ("QR", "Aztec")
    room = (MATRIX if square else WIDE) * SCALE
    times = max(1, room // drawn.width)
    drawn = drawn.resize(
        (drawn.width * times, drawn.height * times if square or barcode.format == "PDF417" else 90 * SCALE), Image.Resampling.NEAREST
    )
    width = max(drawn.width, int(_width(barcode.text, 14, 500) * SCALE)) + 24 * SCALE
    panel = Image.new("RGB", (width, PANEL * SCALE), "white")
    panel.paste(drawn, ((width - drawn.width) // 2, (PANEL * SCALE - drawn.height - 30 * SCALE) // 2 + 4 * SCALE))
    pen = ImageDraw.Draw(panel)
    wide = _width(barcode.text, 14, 500)
    _write(pen, barcode.text, (width / SCALE - wide) / 2, PANEL - 28, size=14, weight=500, colour=(0, 0, 0))
    face.paste(panel, ((face.width - width) // 2, y * SCALE), _rounded(panel.size, 8 * SCALE))


def _picture(png: bytes | None, room: tuple[int, int], *, fill: bool = True) -> Image.Image | None:
    """A pass image in its room (points): scaled to fill it and cropped, or to fit into it."""
    if png is None:
        return None
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    wide, high = (side * SCALE for side in room)
    times = (max if fill else min)(wide / image.width, high / image.height)
    image = image.resize((round(image.width * times), round(image.height * times)), Image.Resampling.LANCZOS)
    return image.crop((0, 0, wide, high)) if fill else image


def _rounded(size: tuple[int, int], radius: int) -> Image.Image:
    big = Image.new("L", (size[0] * 2, size[1] * 2))
    ImageDraw.Draw(big).rounded_rectangle((0, 0, size[0] * 2 - 1, size[1] * 2 - 1), radius * 2, fill=255)
    return big.resize(size, Image.Resampling.LANCZOS)


def _runs(words: str) -> list[tuple[str, str]]:
    """The words in pieces that one font file covers each."""
    runs: list[tuple[str, str]] = []
    for letter in words:
        file = "vietnamese" if letter in VIETNAMESE else "latin-ext" if LATIN_END < letter <= EXTENDED_END else "latin"
        if runs and (runs[-1][0] == file):
            runs[-1] = file, runs[-1][1] + letter
        else:
            runs.append((file, letter))
    return runs


@lru_cache(maxsize=32)
def _font(file: str, size: int, weight: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(INTER / f"inter-{file}.woff2", size * SCALE)
    font.set_variation_by_axes([weight])
    return font


def _width(words: str, size: int, weight: int) -> float:
    return sum(_font(file, size, weight).getlength(run) for file, run in _runs(words)) / SCALE


def _write(draw: ImageDraw.ImageDraw, words: str, x: float, y: float, *, size: int, weight: int, colour: Colour) -> None:
    at = x * SCALE
    baseline = (y + size) * SCALE
    for file, run in _runs(words):
        font = _font(file, size, weight)
        draw.text((at, baseline), run, font=font, fill=colour, anchor="ls")
        at += font.getlength(run)
