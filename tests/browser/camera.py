"""A camera that looks at whatever it is shown: Chromium's fake one, whose film is changed while it runs."""

import io
import os
import random
from collections.abc import Iterable
from pathlib import Path

import segno
from PIL import Image, ImageDraw, ImageFilter, ImageFont

VIEW = (640, 480)
FRAME = 200_000
"""Bytes of each frame. Chromium maps the film and plays its only frame for ever: another one of the same size is seen at once."""
TABLE = (176, 170, 160)


class Camera:
    """The film of one Chromium. What it is shown, every page with a camera sees about 30 ms later."""

    def __init__(self, film: Path) -> None:
        self.film = film
        film.write_bytes(_frame(table()))

    def sees(self, picture: Image.Image) -> None:
        file = os.open(self.film, os.O_WRONLY)
        try:
            os.pwrite(file, _frame(picture), 0)
        finally:
            os.close(file)

    def sees_nothing(self) -> None:
        self.sees(table())


def _frame(picture: Image.Image) -> bytes:
    """A JPEG of exactly FRAME bytes: before a marker any number of FF may stand (ITU T.81, B.1.1.2)."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    head, end = file.getvalue()[:-2], file.getvalue()[-2:]
    assert len(head) + len(end) <= FRAME
    return head + b"\xff" * (FRAME - len(head) - len(end)) + end


def table() -> Image.Image:
    """Nothing to read: the counter's top."""
    return Image.new("RGB", VIEW, TABLE)


def _code(text: str, *, scale: int, dark: str = "black", light: str = "white") -> Image.Image:
    file = io.BytesIO()
    segno.make(text, error="m", micro=False).save(file, kind="png", scale=scale, border=4, dark=dark, light=light)
    return Image.open(file).convert("RGB")


def _laid(thing: Image.Image, on: Image.Image, mask: Image.Image | None = None, *, right: int = 0) -> Image.Image:
    on.paste(thing, ((on.width - thing.width) // 2 + right, (on.height - thing.height) // 2), mask)
    return on


def on_a_screen(text: str) -> Image.Image:
    """A phone with the card open, held in front of the camera."""
    phone = Image.new("RGB", (300, 460), "white")
    draw = ImageDraw.Draw(phone)
    draw.rectangle((0, 0, 300, 90), fill=(90, 52, 30))
    draw.text((16, 30), "Cà Phê Sáng", fill="white", font=ImageFont.load_default(28))
    code = _code(text, scale=7)
    phone.paste(code, ((300 - code.width) // 2, 120))
    draw.text((70, 400), text, fill="black", font=ImageFont.load_default(22))
    return _laid(phone, table())


def printed(text: str) -> Image.Image:
    """A voucher of grey paper, lying askew, in bad light, seen by a bad lens."""
    chance = random.Random(20261122)
    paper = _laid(_code(text, scale=8, dark="#4a4640", light="#b9b2a4"), Image.new("RGB", (300, 300), "#b9b2a4"))
    mask = Image.new("L", paper.size, 255).rotate(23, expand=True)
    seen = _laid(paper.rotate(23, expand=True, resample=Image.Resampling.BICUBIC), table(), mask)
    seen = seen.filter(ImageFilter.GaussianBlur(0.8))
    noise = Image.frombytes("L", VIEW, chance.randbytes(VIEW[0] * VIEW[1])).convert("RGB")
    return Image.blend(seen, noise, 0.16)


def sheet(texts: Iterable[str]) -> Image.Image:
    """Vouchers that lie next to each other; the first one is nearest to the middle."""
    seen = table()
    for text, right in zip(texts, (-110, 160), strict=True):
        _laid(_code(text, scale=6), seen, right=right)
    return seen


def photo(picture: Image.Image) -> bytes:
    """The same, taken with a phone: a JPEG."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()
