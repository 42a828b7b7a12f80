"""Colours that can be read: OKLCH (https://bottosson.github.io/posts/oklab/) and WCAG's contrast, and what a brand needs of them."""

import math
import re
from typing import Final

import msgspec

from passes.businesses import Brand

READABLE: Final = 4.5
"""The contrast that text needs (WCAG 2.2, 1.4.3)."""
PALE: Final = (0.94, 0.03)
DEEP: Final = (0.3, 0.04)
"""Lightness and greatest chroma of a tint behind the accent: on light paper, and on dark. No ground is harder to read on."""
WHITE: Final = "#fffdf9"
BLACK: Final = "#17130f"

HALF: Final = 0.5 + 1e-4
"""A part of a colour that a screen has is at most this far from the middle."""
LINEAR_BELOW: Final = 0.0031308
STEEPNESS: Final = 12.92
"""sRGB's curve is a straight line of this steepness near black."""

_HEX: Final = re.compile("#[0-9a-fA-F]{6}")

Oklch = tuple[float, float, float]
"""Lightness (0 to 1), chroma, hue (radians)."""


class Accent(msgspec.Struct, frozen=True):
    """A business's colour on our paper: ``ink`` for text and fills, ``on`` for what is written on a fill, ``soft`` for a tint."""

    ink: str
    on: str
    soft: str


def accent(colour: str, *, dark: bool) -> Accent:
    """A colour for light or dark paper, shifted in lightness until it can be read there."""
    lightness, most = DEEP if dark else PALE
    _, chroma, hue = oklch(colour)
    soft = from_oklch((lightness, min(chroma, most), hue))
    return Accent(ink=readable(colour, soft), on=BLACK if dark else WHITE, soft=soft)


def readable_brand(brand: Brand) -> Brand:
    """The same brand if its card can be read, else with lighter or darker words: what an editor offers instead."""
    return msgspec.structs.replace(
        brand, foreground=readable(brand.foreground, brand.background), label=readable(brand.label, brand.background)
    )


def readable(colour: str, on: str, at_least: float = READABLE) -> str:
    """The colour itself, or the nearest in lightness with this contrast. Raises ValueError if there is none, or for what is no colour."""
    if contrast(colour, on) >= at_least:
        return colour.lower()
    lightness, chroma, hue = oklch(colour)
    for step in range(1, 101):
        for shifted in (lightness - step / 100, lightness + step / 100):
            found = from_oklch((min(max(shifted, 0), 1), chroma, hue))
            if contrast(found, on) >= at_least:
                return found
    raise ValueError(f"nothing has a contrast of {at_least} on {on}")


def contrast(one: str, other: str) -> float:
    """How well one colour is told from another: 1 (not at all) to 21 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def oklch(colour: str) -> Oklch:
    """A ``#rrggbb`` in OKLCH. Raises ValueError for anything else."""
    red, green, blue = _linear(colour)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.atan2(b, a)


def from_oklch(colour: Oklch) -> str:
    """The ``#rrggbb`` of an OKLCH colour; one that no screen has loses chroma until it can be shown."""
    lightness, chroma, hue = colour
    shown = _shown(lightness, chroma, hue)
    if not _exists(shown):
        least, most = 0.0, chroma
        for _ in range(16):
            middle = (least + most) / 2
            least, most = (middle, most) if _exists(_shown(lightness, middle, hue)) else (least, middle)
        shown = _shown(lightness, least, hue)
    return "#" + "".join(f"{round(255 * _encoded(min(max(part, 0), 1))):02x}" for part in shown)


def _shown(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """Linear red, green and blue."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _exists(parts: tuple[float, float, float]) -> bool:
    return all(abs(part - 0.5) <= HALF for part in parts)


def _linear(colour: str) -> tuple[float, float, float]:
    if not _HEX.fullmatch(colour):
        raise ValueError(f"{colour!r} is not a colour like #2b1d14")
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return _decoded(red), _decoded(green), _decoded(blue)


def _decoded(part: float) -> float:
    decoded: float = part / STEEPNESS if part <= LINEAR_BELOW * STEEPNESS else ((part + 0.055) / 1.055) ** 2.4
    return decoded


def _encoded(part: float) -> float:
    encoded: float = STEEPNESS * part if part <= LINEAR_BELOW else 1.055 * part ** (1 / 2.4) - 0.055
    return encoded


def _luminance(colour: str) -> float:
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
