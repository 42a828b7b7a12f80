"""Sheets to print and cut: A4 pages of slips, each with its QR code, what it is good for, and its code in words. PDF, by reportlab."""

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec
import segno
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

FONTS: Final = Path(__file__).parent / "static" / "vendor" / "inter-print"
PLAIN: Final = "Inter"
STRONG: Final = "Inter SemiBold"
COLUMNS: Final = 2
ROWS: Final = 4
SMALL: Final = 8.5
EDGE: Final = 10 * mm
BAND: Final = 9 * mm
PAD: Final = 4 * mm
QR: Final = 33 * mm
"""With its quiet zone of 4 modules. A link of 60 characters has 41 modules: each is 0.67 mm, twice what a camera needs at arm's length."""
QUIET: Final = 4
INK: Final = HexColor("#1c1917")
SOFT: Final = HexColor("#57534e")
LINE: Final = HexColor("#a8a29e")


class Slip(msgspec.Struct, frozen=True, kw_only=True):
    """One slip: ``code`` is what its QR code says, ``shown`` the same for the eye; ``until`` and ``terms`` may be empty."""

    code: str
    shown: str
    title: str
    until: str = ""
    terms: str = ""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What all slips have in common: whose they are, in which colours (``#rrggbb``)."""

    name: str
    background: str
    foreground: str


def sheets(slips: Sequence[Slip], look: Look) -> bytes:
    """A PDF of all slips, eight on a page. About a millisecond each: ask for it in a thread."""
    _fonts()
    file = io.BytesIO()
    paper = Canvas(file, pagesize=A4, pageCompression=1, invariant=1)
    paper.setTitle(look.name)
    width, height = (A4[0] - 2 * EDGE) / COLUMNS, (A4[1] - 2 * EDGE) / ROWS
    for number, slip in enumerate(slips):
        place = number % (COLUMNS * ROWS)
        if number and not place:
            paper.showPage()
        row, column = divmod(place, COLUMNS)
        paper.saveState()
        paper.translate(EDGE + column * width, A4[1] - EDGE - (row + 1) * height)
        _slip(paper, slip, look, width, height)
        paper.restoreState()
    paper.save()
    return file.getvalue()


@lru_cache(1)
def _fonts() -> None:
    pdfmetrics.registerFont(TTFont(PLAIN, str(FONTS / "inter-regular.ttf")))
    pdfmetrics.registerFont(TTFont(STRONG, str(FONTS / "inter-semibold.ttf")))


def _slip(paper: Any, slip: Slip, look: Look, width: float, height: float) -> None:
    paper.setStrokeColor(LINE)
    paper.setLineWidth(0.4)
    paper.setDash(2, 3)
    paper.rect(0, 0, width, height, fill=0)
    paper.setFillColor(HexColor(look.background))
    paper.rect(0.3 * mm, height - BAND, width - 0.6 * mm, BAND - 0.3 * mm, stroke=0, fill=1)
    paper.setFillColor(HexColor(look.foreground))
    _lines(paper, [_fitting(look.name, STRONG, 10.5, width - 2 * PAD)], STRONG, 10.5, PAD, height - BAND / 2 - 3.7)
    below = height - BAND - PAD
    _qr(paper, slip.code, width - QR - PAD / 2, below - QR + PAD / 2)
    room = width - QR - 2 * PAD
    paper.setFillColor(INK)
    title = _wrapped(slip.title, STRONG, 13, room, 3)
    at = _lines(paper, title, STRONG, 13, PAD, below - 10)
    if slip.until:
        paper.setFillColor(SOFT)
        _lines(paper, _wrapped(slip.until, PLAIN, 8.5, room, 2), PLAIN, 8.5, PAD, at - 3)
    paper.setFillColor(INK)
    size = 14.0 if pdfmetrics.stringWidth(slip.shown, STRONG, 14) <= width - 2 * PAD else SMALL
    shown = _wrapped(slip.shown, STRONG, size, width - 2 * PAD, 2)
    at = _lines(paper, shown, STRONG, size, PAD, below - QR - size + 2)
    paper.setFillColor(SOFT)
    _lines(
        paper,
        _wrapped(slip.terms, PLAIN, 6.5, width - 2 * PAD, max(0, int((at - PAD / 2) // 8.1))),
        PLAIN,
        6.5,
        PAD,
        at + (2 if size > SMALL else -3),
    )


def _lines(paper: Any, lines: Sequence[str], font: str, size: float, left: float, top: float) -> float:  # noqa: PLR0917 (a drawing)
    """Write lines from a first baseline down; the baseline after the last."""
    paper.setFont(font, size)
    for line in lines:
        paper.drawString(left, top, line)
        top -= 1.25 * size
    return top


def _wrapped(text: str, font: str, size: float, width: float, most: int) -> list[str]:
    """At most so many lines; what is over ends in an ellipsis. A word that is wider than the slip is cut."""
    lines = [piece for line in simpleSplit(text, font, size, width) for piece in _broken(line, font, size, width)]
    if len(lines) > most:
        lines = [*lines[: most - 1], _fitting(lines[most - 1] + "…", font, size, width)] if most else []
    return lines


def _broken(line: str, font: str, size: float, width: float) -> list[str]:
    pieces = [""]
    for char in line:
        if pdfmetrics.stringWidth(pieces[-1] + char, font, size) > width:
            pieces.append("")
        pieces[-1] += char
    return pieces


def _fitting(text: str, font: str, size: float, width: float) -> str:
    while text and pdfmetrics.stringWidth(text, font, size) > width:
        text = text[:-2].rstrip() + "…"
    return text


def _qr(paper: Any, text: str, left: float, bottom: float) -> None:
    """A QR code of level Q, which a coffee stain does not stop. Modules that touch are one bar: no hairlines between them."""
    code = segno.make_qr(text, error="q", boost_error=False)
    rows = [bytes(row) for row in code.matrix]
    module = QR / (len(rows) + 2 * QUIET)
    path = paper.beginPath()
    for down, row in enumerate(rows):
        at = 0
        while (at := row.find(1, at)) >= 0:
            end = row.find(0, at)
            end = len(row) if end < 0 else end
            path.rect(left + (QUIET + at) * module, bottom + QR - (QUIET + down + 1) * module, (end - at) * module, module * 1.03)
            at = end
    paper.setFillColor(INK)
    paper.drawPath(path, stroke=0, fill=1)
