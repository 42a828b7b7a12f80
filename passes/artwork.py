"""The pictures on a card, drawn from a business's brand and from its own pictures: icon, logo, and the strip on which the stamps are.

Everything is drawn large as plain shapes and then made small (an exact divisor, so edges are smooth), without any text:
what a card says must be readable by VoiceOver and translatable. The same arguments always give the same bytes.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from io import BytesIO
from itertools import pairwise
from typing import Final, Literal

import msgspec
from msgspec.structs import replace
from PIL import Image, ImageDraw, ImageOps

from passes.businesses import Brand
from passes.designs import folder
from passes.programs import Unit

Scale = Literal[1, 2, 3]
Rgb = tuple[int, int, int]
Box = tuple[float, float, float, float]

SCALES: Final[tuple[Scale, ...]] = (1, 2, 3)
ICON: Final = 29  # points, of Apple's "Pass Design and Creation", as are the next three
LOGO: Final = 50
LOGO_WIDEST: Final = 160
STRIP: Final = (375, 144)
PROGRAM_LOGO: Final = 660  # pixels, of Google's brand guidelines, as is the next
HERO: Final = (1032, 336)
MOST_STAMPS: Final = 18  # beyond three rows of six a stamp is smaller than a finger's tip: then a bar
STEPS: Final = 48  # a bar has so many states, however large a round is: each state is a picture to draw and keep
_OVER: Final = 4  # pixels drawn for one pixel kept, in each direction, at 3×
_TINT: Final = 0.07  # how far the strip's ground is from the card's
_COLOURS: Final = 96  # flat shapes and their soft edges need no more, and the file is a third of the size
_PAPER: Final = "#fbf6ec"
_VEILS: Final = (0.2, 0.35, 0.5, 0.65, 0.8)  # of the card's colour over a picture, until stamps can be told from it
_TOLD_APART: Final = 3.0  # WCAG 2.2, 1.4.11


class Art(msgspec.Struct, frozen=True):
    """The bytes of the pictures that a (dressed) brand names, PNG or JPEG; b"" is the drawn one."""

    logo: bytes = b""
    strip: bytes = b""
    stamp: bytes = b""
    place: bytes = b""


DRAWN: Final = Art()


class Progress(msgspec.Struct, frozen=True):
    """What a strip shows: ``filled`` of ``places``, which of them are goals, as stamps or as a bar, and whether to celebrate."""

    filled: int
    places: int
    goals: tuple[int, ...]
    stamps: bool
    ready: bool = False


def progress(unit: Unit, goals: Sequence[int], balance: int, *, ready: bool = False) -> Progress:
    """The strip of a balance; ``goals`` rise, and the last ends the round. Many balances share one: a bar moves in steps."""
    whole = goals[-1]
    if unit == "stamps" and whole <= MOST_STAMPS:
        return Progress(balance, whole, tuple(goals), stamps=True, ready=ready)
    steps = {goal: max(1, round(goal * STEPS / whole)) for goal in goals}
    filled = math.ceil(balance * STEPS / whole)  # rounded up: a single point already shows
    short = [step - 1 for goal, step in steps.items() if balance < goal]  # a goal is never shown as reached before it is
    return Progress(min([filled, *short]), STEPS, tuple(sorted(set(steps.values()))), stamps=False, ready=ready)


@lru_cache(maxsize=256)
def icon(brand: Brand, scale: Scale, own: Art = DRAWN) -> bytes:
    """The square beside a notification, 29 points: PNG."""
    side = ICON * scale * 8  # small pictures are worth more care
    canvas = Image.new("RGB", (side, side), _rgb(brand.background))
    if own.logo:
        _mark(canvas, own.logo, 0.8)
    else:
        _put(canvas, _symbol(brand.symbol, round(side * 0.74)), _ink(brand), side / 2, side / 2)
    return _png(canvas, 8, photo=bool(own.logo))


@lru_cache(maxsize=256)
def logo(brand: Brand, scale: Scale, own: Art = DRAWN) -> bytes:
    """The mark in the card's top left corner, 50 points high (its own may be up to 160 wide) on transparent ground: PNG."""
    if own.logo:
        return _own_logo(own.logo, scale)
    side = LOGO * scale * 8
    ink = _ink(brand)
    disc = _mask(side, lambda pen: pen.disc(50, 50, 47))
    mark = _symbol(brand.symbol, round(side * 0.6))
    hole = Image.new("L", (side, side), 0)
    hole.paste(mark, ((side - mark.width) // 2, (side - mark.height) // 2))
    canvas = Image.new("RGBA", (side, side), (*ink, 0))
    canvas.putalpha(disc)
    canvas.paste((*_rgb(brand.background), 255), (0, 0), hole)
    return _png(canvas, 8)


def _own_logo(data: bytes, scale: Scale) -> bytes:
    fitted = ImageOps.contain(_opened(data), (LOGO_WIDEST * scale, LOGO * scale), Image.Resampling.LANCZOS)
    file = BytesIO()
    fitted.save(file, "PNG", optimize=True)
    return file.getvalue()


def has_strip(brand: Brand) -> bool:
    """Whether the brand's design has a strip at all."""
    return folder(brand.design).scene != "plain"


def strip(brand: Brand, shown: Progress, scale: Scale, own: Art = DRAWN) -> bytes:
    """The stamps, 375 × 144 points: PNG."""
    return _strips(brand, shown, own)[scale - 1]


@lru_cache(maxsize=64)
def sketch(brand: Brand, shown: Progress, size: tuple[int, int] = STRIP, own: Art = DRAWN) -> bytes:
    """The same scene as a strip or a hero has, less finely, in a tenth of the time: for a page on which it is still being chosen."""
    times = 2 if size == STRIP else 1
    return _png(_scene(brand, shown, size, 2 * times, own), 2, photo=bool(own.strip or own.stamp))


def hero_name(shown: Progress, balance: int) -> str:
    """What the hero image of a balance is called in its address: a bar by its step, for a round may have a million balances."""
    return f"stamps-{balance}" if shown.stamps else f"bar-{shown.filled}"


def hero(brand: Brand, shown: Progress, own: Art = DRAWN) -> bytes:
    """The stamps as Google's hero image, 1032 × 336 pixels: PNG. A design without a strip has a bar there."""
    return _hero(brand, shown, own)


@lru_cache(maxsize=128)
def program_logo(brand: Brand, own: Art = DRAWN) -> bytes:
    """Google's programme logo, 660 × 660 pixels, with nothing outside the circle that it will be cut to: PNG."""
    side = PROGRAM_LOGO * 2
    canvas = Image.new("RGB", (side, side), _rgb(brand.background))
    if own.logo:
        _mark(canvas, own.logo, 0.66)
    else:
        _put(canvas, _symbol(brand.symbol, round(side * 0.54)), _ink(brand), side / 2, side / 2)
    return _png(canvas, 2, photo=bool(own.logo))


@lru_cache(maxsize=64)
def _hero(brand: Brand, shown: Progress, own: Art) -> bytes:
    return _png(_scene(brand, shown, HERO, _OVER, own), _OVER, photo=bool(own.strip or own.stamp))


# --- Pictures of their own ---


def _opened(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data)) as picture:
        return picture.convert("RGBA")


def _mark(canvas: Image.Image, data: bytes, share: float) -> None:
    """A logo in the middle of a square: whole within ``share`` of it if its corners are transparent, else it fills the square."""
    picture = _opened(data)
    side = canvas.width
    if picture.getchannel("A").getextrema()[0] == 255:  # noqa: PLR2004 (opaque: it has a ground of its own)
        canvas.paste(picture.getpixel((0, 0))[:3], (0, 0, side, side))  # type: ignore[index]
    fitted = ImageOps.contain(picture, (round(side * share), round(side * share)), Image.Resampling.LANCZOS)
    canvas.paste(fitted, ((side - fitted.width) // 2, (side - fitted.height) // 2), fitted)


@lru_cache(maxsize=16)
def _stamped(data: bytes, side: int, turn: float, faint: float) -> Image.Image:
    """A stamp's picture, RGBA: as it is if it is transparent somewhere, else cut round; ``faint`` of it is left out."""
    fitted = ImageOps.fit(_opened(data), (side, side), Image.Resampling.LANCZOS)
    alpha = fitted.getchannel("A")
    if alpha.getextrema()[0] == 255:  # noqa: PLR2004
        alpha = _round(side, 0)
    fitted.putalpha(alpha.point([round(value * (1 - faint)) for value in range(256)]))
    return fitted.rotate(turn, Image.Resampling.BICUBIC)


def _covered(brand: Brand, data: bytes, size: tuple[int, int]) -> Image.Image:
    """A picture that fills the size, with as much of the card's colour over it as stamps need to be told from it."""
    picture = ImageOps.fit(_flat(data, brand), size, Image.Resampling.BICUBIC)
    ground, ink = _rgb(brand.background), _ink(brand)
    whole = picture.resize((24, 9), Image.Resampling.BOX)
    parts = [whole.getpixel((x, y)) for x in range(24) for y in range(9)]
    for veil in _VEILS:
        apart = sorted(_contrast(_mix(part, ground, veil), ink) for part in parts)  # type: ignore[arg-type]
        if apart[len(apart) // 10] >= _TOLD_APART:  # nine tenths of it
            break
    return Image.blend(picture, Image.new("RGB", size, ground), veil)


def _flat(data: bytes, brand: Brand) -> Image.Image:
    picture = _opened(data)
    ground = Image.new("RGB", picture.size, _rgb(brand.background))
    ground.paste(picture, (0, 0), picture)
    return ground


# --- The scene: places in rows, a bar, or a picture ---


@lru_cache(maxsize=8)  # the three scales of one strip are asked for one after the other; who draws them keeps them
def _strips(brand: Brand, shown: Progress, own: Art) -> tuple[bytes, ...]:
    whole = max(SCALES) * _OVER
    scene = _scene(brand, shown, STRIP, whole, own)
    return tuple(_png(scene, whole // scale, photo=bool(own.strip or own.stamp)) for scale in SCALES)


def _scene(brand: Brand, shown: Progress, size: tuple[int, int], over: int, own: Art) -> Image.Image:
    width, height = size[0] * over, size[1] * over
    ground, ink = _rgb(brand.background), _ink(brand)
    kind = folder(brand.design).scene
    if kind == "photo":
        return _photo(brand, shown, (width, height), own)
    if own.strip and kind != "plain":
        canvas = _covered(brand, own.strip, (width, height))
    else:
        canvas = Image.new("RGB", (width, height), _mix(ground, ink, _TINT))
    if shown.ready:
        _confetti(canvas, _mix(ground, ink, 0.38), _mix(ground, _rgb(brand.foreground), 0.3))
    if kind == "paper":
        _paper(canvas, brand, shown, own)
    elif shown.stamps and kind != "plain":
        _stamps(canvas, brand, shown, own)
    else:
        _bar(canvas, brand, shown, own)
    return canvas


def _photo(brand: Brand, shown: Progress, size: tuple[int, int], own: Art) -> Image.Image:
    """The shop's picture as it is (or its mark, all over), and a bar that fills on a band below it."""
    width, height = size
    ground, ink = _rgb(brand.background), _ink(brand)
    if own.strip:
        canvas = ImageOps.fit(_flat(own.strip, brand), size, Image.Resampling.BICUBIC)
    else:
        canvas = Image.new("RGB", size, _mix(ground, ink, 0.16))
        side = height / 3
        for row in range(4):
            for column in range(-1, math.ceil(width / side) + 1):
                x, y = (column + 0.5 * (row % 2)) * side * 1.06, (row - 0.1) * side
                mark = _symbol(brand.symbol, round(side * 0.5)).rotate(_tilt(row + column) * 2, Image.Resampling.BICUBIC)
                _put(canvas, mark, _mix(ground, ink, 0.3), x, y)
    if shown.ready:
        _confetti(canvas, ink, _mix(ground, _rgb(brand.foreground), 0.8))
    draw = ImageDraw.Draw(canvas)
    band, thick = height * 0.2, height * 0.075
    draw.rectangle((0, height - band, width, height), fill=ground)
    left, right, middle = height * 0.11, width - height * 0.11, height - band / 2
    filled = left + (right - left) * shown.filled / shown.places
    draw.rounded_rectangle((left, middle - thick / 2, right, middle + thick / 2), thick / 2, fill=_mix(ground, ink, 0.3))
    if shown.filled:
        draw.rounded_rectangle((left, middle - thick / 2, max(filled, left + thick), middle + thick / 2), thick / 2, fill=ink)
    for goal in shown.goals:
        x = left + (right - left) * goal / shown.places
        _place(canvas, brand, min(x, right - band * 0.3), middle, band * 0.92, filled=goal <= shown.filled, goal=True)
    return canvas


def _paper(canvas: Image.Image, brand: Brand, shown: Progress, own: Art) -> None:
    """A paper card with a punched hole, and the same stamps on it in the ink of the card's own colour."""
    width, height = canvas.size
    margin = height * 0.07
    sheet = (margin, margin, width - margin, height - margin)
    draw = ImageDraw.Draw(canvas)
    shadow = tuple(at + height * 0.018 for at in sheet)
    draw.rounded_rectangle(shadow, height * 0.09, fill=_mix(_rgb(brand.background), (0, 0, 0), 0.35))
    draw.rounded_rectangle(sheet, height * 0.09, fill=_rgb(_PAPER))
    inner = Image.new("RGB", (round(width - 4 * margin), round(height - 3.2 * margin)), _rgb(_PAPER))
    inked = replace(brand, background=_PAPER, label=brand.background, foreground=brand.foreground)
    (_stamps if shown.stamps else _bar)(inner, inked, shown, own)
    canvas.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))


def _stamps(canvas: Image.Image, brand: Brand, shown: Progress, own: Art) -> None:
    for place, (x, y, size) in enumerate(_places(shown.places, canvas.width, canvas.height), 1):
        _place(canvas, brand, x, y, size, filled=place <= shown.filled, goal=place in shown.goals, turn=_tilt(place), own=own)


def _places(count: int, width: int, height: int) -> Iterator[tuple[float, float, float]]:
    """Where the stamps go: (x, y, diameter), in even rows, as large as fits."""
    rows = 1 if count <= 5 else 2 if count <= 12 else 3  # noqa: PLR2004 (five, and two or three sixes, fill the strip best)
    columns = math.ceil(count / rows)
    across = min(width * 0.94 / columns, height * 0.9 / rows)
    gap = min(width * 0.94 / columns, across * 1.22)
    left = count
    for row in range(rows):
        here = math.ceil(left / (rows - row))
        left -= here
        for column in range(here):
            yield width / 2 + (column - (here - 1) / 2) * gap, height / 2 + (row - (rows - 1) / 2) * across, across * 0.86


def _place(
    canvas: Image.Image, brand: Brand, x: float, y: float, size: float, *, filled: bool, goal: bool, turn: float = 0, own: Art = DRAWN
) -> None:
    """One place: an empty one is a quiet outline; a stamped one is ink, a little crooked, as a hand does it; a goal is a seal.

    With a stamp of their own that is what is stamped, and an empty place is its own picture or nearly nothing of the stamp.
    """
    ground, ink = _rgb(brand.background), _ink(brand)
    side = round(size)
    outline = _seal if goal else _round
    if own.stamp if filled else own.place or (own.stamp and not goal):  # what is not stamped with theirs is drawn below
        if goal:
            _put(canvas, _seal(side, 0), ink, x, y)
        data, faint = (own.stamp, 0.0) if filled else (own.place, 0.0) if own.place else (own.stamp, 0.75)
        stamp = _stamped(data, round(size * (0.8 if goal else 1)), turn if filled else 0, faint)
        canvas.paste(stamp, (round(x - stamp.width / 2), round(y - stamp.height / 2)), stamp)
        return
    picture = "gift" if goal else brand.symbol
    if filled:
        _put(canvas, outline(side, 0).rotate(turn, Image.Resampling.BICUBIC), ink, x, y)
        _put(canvas, _symbol(picture, round(size * 0.62)).rotate(turn, Image.Resampling.BICUBIC), ground, x, y)
    else:
        _put(canvas, outline(side, 0), _mix(ground, ink, 0.62 if goal else 0.34), x, y)
        _put(canvas, outline(side, 3.2), _mix(ground, ink, 0.12), x, y)
        _put(canvas, _symbol(picture, round(size * 0.56)), _mix(ground, ink, 0.74 if goal else 0.3), x, y)


def _bar(canvas: Image.Image, brand: Brand, shown: Progress, own: Art) -> None:
    """A track that fills from the shop's own mark towards its goals, each of which is a seal on it."""
    width, height = canvas.size
    ground, ink = _rgb(brand.background), _ink(brand)
    draw = ImageDraw.Draw(canvas)
    seal, middle, thick = height * 0.46, height / 2, height * 0.16
    left, right = height * 0.14 + seal / 2, width - height * 0.14 - seal / 2

    def at(step: int) -> float:
        return left + (right - left) * (0.12 + 0.88 * step / shown.places)  # the mark covers the track's first eighth

    draw.rounded_rectangle((left, middle - thick / 2, right, middle + thick / 2), thick / 2, fill=_mix(ground, ink, 0.22))
    draw.rounded_rectangle((left, middle - thick / 2, at(shown.filled), middle + thick / 2), thick / 2, fill=ink)
    room = min((at(after) - at(before) for before, after in pairwise((0, *shown.goals))), default=width)
    size = max(min(seal * 0.76, room * 0.9), thick)  # many goals are small ones
    marks = [(at(goal), seal if goal == shown.places else size, goal <= shown.filled, True) for goal in shown.goals]
    marks.append((left, seal, True, False))
    for x, size, filled, goal in marks:
        _put(canvas, _round(round(size * 1.16), 0), _mix(ground, ink, _TINT), x, middle)
        _place(canvas, brand, x, middle, size, filled=filled, goal=goal, own=own)


def _confetti(canvas: Image.Image, *colours: Rgb) -> None:
    """Something to celebrate. The golden ratio scatters evenly without chance."""
    draw = ImageDraw.Draw(canvas)
    width, height = canvas.size
    for number in range(64):
        x, y = number * 0.618034 % 1 * width, number * 0.754878 % 1 * height
        size, turn = height * (0.016 + 0.012 * (number % 3)), number * 2.399963
        colour = colours[number % len(colours)]
        if number % 2:
            draw.ellipse((x - size / 2, y - size / 2, x + size / 2, y + size / 2), fill=colour)
        else:
            across, along = (size * math.cos(turn), size * math.sin(turn)), (size * 0.4 * math.sin(turn), -size * 0.4 * math.cos(turn))
            corners = [
                (x + a * across[0] + b * along[0], y + a * across[1] + b * along[1]) for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))
            ]
            draw.polygon(corners, fill=colour)


def _tilt(place: int) -> float:
    """Degrees, up to 11 either way, never the same for neighbours."""
    return (place * 7 % 5 - 2) * 5.5


# --- Shapes: masks, drawn on a field of 100 × 100 ---


class Pen:
    """Draws on a square mask in units of a hundredth of its side; ``off`` takes away instead."""

    def __init__(self, mask: Image.Image) -> None:
        """``mask`` is a square picture of mode L."""
        self._draw = ImageDraw.Draw(mask)
        self._unit = mask.width / 100

    def _at(self, *numbers: float) -> list[float]:
        return [number * self._unit for number in numbers]

    def disc(self, x: float, y: float, radius: float, *, off: bool = False) -> None:
        """A filled circle."""
        self._draw.ellipse(self._at(x - radius, y - radius, x + radius, y + radius), fill=0 if off else 255)

    def block(self, box: Box, radius: float = 0, *, off: bool = False, corners: tuple[bool, bool, bool, bool] | None = None) -> None:
        """A rectangle with round corners (top left, top right, bottom right, bottom left)."""
        self._draw.rounded_rectangle(self._at(*box), radius * self._unit, fill=0 if off else 255, corners=corners)

    def shape(self, points: list[tuple[float, float]], soft: float = 0, *, off: bool = False) -> None:
        """A filled polygon, grown by ``soft`` with round corners."""
        self._draw.polygon([(x * self._unit, y * self._unit) for x, y in points], fill=0 if off else 255)
        if soft:
            self.line([*points, points[0]], 2 * soft, off=off)

    def line(self, points: list[tuple[float, float]], width: float, *, off: bool = False) -> None:
        """A line with round ends and joints."""
        flat = [(x * self._unit, y * self._unit) for x, y in points]
        self._draw.line(flat, fill=0 if off else 255, width=round(width * self._unit))
        for x, y in points:
            self.disc(x, y, width / 2, off=off)


def _mask(side: int, draw: Callable[[Pen], None]) -> Image.Image:
    mask = Image.new("L", (side, side), 0)
    draw(Pen(mask))
    return mask


@lru_cache(maxsize=64)
def _round(side: int, inset: float) -> Image.Image:
    return _mask(side, lambda pen: pen.disc(50, 50, 50 - inset))


@lru_cache(maxsize=64)
def _seal(side: int, inset: float) -> Image.Image:
    """A disc with a scalloped edge."""

    def draw(pen: Pen) -> None:
        pen.disc(50, 50, 44.8 - inset)
        for number in range(16):
            angle = math.tau * number / 16
            pen.disc(50 + 42.3 * math.cos(angle), 50 + 42.3 * math.sin(angle), 7.6 - inset)

    return _mask(side, draw)


@lru_cache(maxsize=64)
def _symbol(name: str, side: int) -> Image.Image:
    return _mask(side, _SYMBOLS[name])


def _cup(pen: Pen) -> None:
    pen.disc(72, 55, 18)
    pen.disc(72, 55, 10, off=True)
    pen.block((16, 36, 72, 80), 22, corners=(False, False, True, True))
    pen.block((16, 36, 72, 50), 4)
    pen.block((10, 86, 78, 92), 3)
    for x in (34, 54):
        pen.line([(x + 4 * math.sin(step / 20 * math.tau), 8 + step) for step in range(21)], 6)


def _bag(pen: Pen) -> None:
    pen.disc(50, 34, 22)
    pen.disc(50, 34, 14, off=True)
    pen.shape([(20, 36), (80, 36), (86, 88), (14, 88)], 5)
    for x in (35.5, 64.5):
        pen.disc(x, 47, 4.5, off=True)
    pen.line([(50 - 14.5 * math.cos(step / 24 * math.pi), 47 + 18 * math.sin(step / 24 * math.pi)) for step in range(25)], 5, off=True)


def _scissors(pen: Pen) -> None:
    for side in (1, -1):
        pen.shape([(50 + side * 3, 62), (50 - side * 5, 56), (50 - side * 30, 8), (50 - side * 22, 8)], 2)
        pen.line([(50, 55), (50 + side * 18, 72)], 8)
        pen.disc(50 + side * 23, 78, 16)
    for side in (1, -1):
        pen.disc(50 + side * 23, 78, 8.5, off=True)
    pen.disc(50, 54, 3.2, off=True)


def _car(pen: Pen) -> None:
    pen.shape([(30, 20), (70, 20), (80, 48), (20, 48)], 6)
    pen.block((8, 44, 92, 76), 11)
    pen.block((14, 70, 30, 90), 5)
    pen.block((70, 70, 86, 90), 5)
    pen.shape([(33, 26), (67, 26), (72, 42), (28, 42)], 2, off=True)
    for x in (23, 77):
        pen.disc(x, 59, 6, off=True)
    pen.block((39, 60, 61, 66), 3, off=True)


def _star(pen: Pen) -> None:
    points = []
    for number in range(10):
        radius, angle = (40 if number % 2 == 0 else 18.5), math.tau * number / 10 - math.pi / 2
        points.append((50 + radius * math.cos(angle), 53 + radius * math.sin(angle)))
    pen.shape(points, 5)


def _gift(pen: Pen) -> None:
    for side in (1, -1):
        pen.shape([(50, 30), (50 + side * 12, 13), (50 + side * 26, 14), (50 + side * 24, 29)], 5)
        pen.shape([(50 + side * 9, 27), (50 + side * 14, 20), (50 + side * 20, 21), (50 + side * 19, 27)], 1, off=True)
    pen.block((12, 32, 88, 50), 5)
    pen.block((18, 54, 82, 92), 6)
    pen.block((45.5, 32, 54.5, 92), off=True)


_SYMBOLS: Final[dict[str, Callable[[Pen], None]]] = {
    "cup": _cup,
    "bag": _bag,
    "scissors": _scissors,
    "car": _car,
    "star": _star,
    "gift": _gift,
}


# --- Colours and files ---


def _put(canvas: Image.Image, mask: Image.Image, colour: Rgb, x: float, y: float) -> None:
    """Colour through a mask, centred at (x, y)."""
    canvas.paste(colour, (round(x - mask.width / 2), round(y - mask.height / 2)), mask)


def _rgb(colour: str) -> Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    """``share`` (0 … 1) of the other colour in the one."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _ink(brand: Brand) -> Rgb:
    """The colour of stamps: the label's if it stands out from the background, else the foreground's, else black or white."""
    ground = _rgb(brand.background)
    wanted = [_rgb(brand.label), _rgb(brand.foreground)]
    last = max(((255, 255, 255), (0, 0, 0)), key=lambda colour: _contrast(ground, colour))
    return next((colour for colour in wanted if _contrast(ground, colour) >= _TOLD_APART), last)


def _contrast(one: Rgb, other: Rgb) -> float:
    """The contrast ratio of WCAG 2.2, from 1 to 21."""

    def light(colour: Rgb) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (each / 255 for each in colour)]  # noqa: PLR2004
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


def _png(canvas: Image.Image, factor: int, *, photo: bool = False) -> bytes:
    """The picture made small. Flat shapes need few colours; a photograph gets 256 that are scattered: a fourth of the bytes."""
    small = canvas.reduce(factor)
    if small.mode == "RGB" and photo:
        small = small.quantize(palette=small.quantize(256, Image.Quantize.MEDIANCUT), dither=Image.Dither.FLOYDSTEINBERG)
    elif small.mode == "RGB":
        small = small.quantize(_COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    file = BytesIO()
    small.save(file, "PNG", optimize=True)
    return file.getvalue()
