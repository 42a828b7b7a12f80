"""A business may choose any colour; everybody can read what is written in it."""

import random
import re
from itertools import product
from pathlib import Path

import pytest

from passes.businesses import Brand
from passes.colours import READABLE, accent, contrast, from_oklch, oklch, readable, readable_brand

CSS = Path(__file__).parents[2] / "app/static/css"
DRAWN = random.Random(20261122)
COLOURS = [f"#{DRAWN.randrange(0x1000000):06x}" for _ in range(500)] + [
    "#" + "".join(parts) for parts in product(("00", "55", "80", "aa", "ff"), repeat=3)
]
GRAPHICS = 3.0
"""What the edge of a control needs (WCAG 2.2, 1.4.11)."""


# --- The arithmetic ---


@pytest.mark.parametrize(
    ("one", "other", "known"),
    [("#000000", "#ffffff", 21), ("#ffffff", "#ffffff", 1), ("#777777", "#ffffff", 4.478), ("#0000ff", "#ffffff", 8.592)],
)
def test_contrast_is_what_the_w3c_says(one: str, other: str, known: float) -> None:
    assert contrast(one, other) == pytest.approx(known, abs=0.001) == contrast(other, one)


def test_red_is_where_ottosson_puts_it() -> None:
    lightness, chroma, hue = oklch("#ff0000")
    assert (lightness, chroma, hue) == pytest.approx((0.62796, 0.25768, 0.51023), abs=1e-4)


def test_every_colour_survives_the_way_to_oklch_and_back() -> None:
    assert [colour for colour in COLOURS if from_oklch(oklch(colour)) != colour] == []


@pytest.mark.parametrize("colour", ["", "red", "#fff", "#12345g", "#1234567", "2b1d14", "#2b1d14\n", "#２b1d14"])
def test_what_is_no_colour_is_refused(colour: str) -> None:
    with pytest.raises(ValueError, match="is not a colour"):
        oklch(colour)


# --- A brand ---


def test_a_colour_that_can_be_read_is_left_alone() -> None:
    assert readable("#2B1D14", "#ffffff") == "#2b1d14"


def test_any_colour_can_be_read_on_any_other_after_a_shift_that_keeps_its_hue() -> None:
    for colour, ground in zip(COLOURS, reversed(COLOURS), strict=True):
        found = readable(colour, ground)
        assert contrast(found, ground) >= READABLE, (colour, ground)
        _, chroma, hue = oklch(found)
        if chroma > 0.04:  # a paler one has a hue that nobody sees, and eight bits do not keep
            turned = abs(hue - oklch(colour)[2])
            assert min(turned, 6.2832 - turned) < 0.1, (colour, ground, found)


def test_nothing_is_promised_that_no_colour_can_do() -> None:
    with pytest.raises(ValueError, match="on #777777"):
        readable("#777777", "#777777", 7)


def grounds(dark: bool) -> list[str]:
    return [tokens(dark)[name] for name in ("paper", "raised", "sunken")]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_accent_of_any_brand_can_be_read_on_our_paper_and_written_on(dark: bool) -> None:
    for colour in COLOURS:
        found = accent(colour, dark=dark)
        assert min(contrast(found.ink, ground) for ground in (*grounds(dark), found.soft)) >= READABLE, colour
        assert contrast(found.on, found.ink) >= READABLE, colour
        assert contrast(tokens(dark)["ink"], found.soft) >= READABLE, colour


def test_a_card_that_can_be_read_stays_as_it_was_chosen() -> None:
    assert readable_brand(Brand()) == Brand()


def test_a_card_that_cannot_be_read_is_offered_with_other_words_on_the_same_colour() -> None:
    offered = readable_brand(Brand(background="#f5e6c8", foreground="#ffffff", label="#e8d3b0"))
    assert offered.background == "#f5e6c8"
    assert min(contrast(offered.foreground, offered.background), contrast(offered.label, offered.background)) >= READABLE


# --- Our own colours ---

TOKEN = re.compile(r"--([\w-]+): (.+?);")
OKLCH = re.compile(r"oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)")


def tokens(dark: bool) -> dict[str, str]:
    """Every colour of the stylesheet by its name, on light or on dark paper."""
    found = {}
    for name, value in TOKEN.findall((CSS / "10-tokens.css").read_text(encoding="utf-8")):
        drawn = OKLCH.findall(value)
        if drawn:
            lightness, chroma, degrees = map(float, drawn[-1 if dark else 0])
            found[name] = from_oklch((lightness, chroma, degrees * 3.141592653589793 / 180))
    return found


def pairs(known: dict[str, str]) -> list[tuple[str, str]]:
    """What is written on what. An outcome that is added later is in it by its name."""
    papers, softs = ["paper", "raised", "sunken"], [name for name in known if name.endswith("-soft")]
    outcomes = [name.removesuffix("-ink") for name in known if name.endswith("-ink")]
    return [
        *product(["ink"], [*papers, *softs]),
        *product(["quiet"], papers),
        *product(["accent"], [*papers, "accent-soft"]),
        ("on-accent", "accent"),
        ("paper", "ink"),
        ("on-screen", "screen"),
        ("on-code", "code"),
        *product(["on-sheet", "quiet-on-sheet"], ["sheet"]),
        *((f"{one}-ink", ground) for one in outcomes for ground in (*papers, f"{one}-soft")),
        *((f"on-{one}", one) for one in outcomes),
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_word_of_ours_can_be_read_on_whatever_it_stands(dark: bool) -> None:
    known = tokens(dark)
    assert {name.removesuffix("-ink") for name in known if name.endswith("-ink")} == {"given", "refused", "decide", "unsent"}
    assert [(text, ground) for text, ground in pairs(known) if contrast(known[text], known[ground]) < READABLE] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_edge_of_everything_to_press_can_be_seen(dark: bool) -> None:
    known = tokens(dark)
    assert [ground for ground in ("paper", "raised", "sunken") if contrast(known["edge"], known[ground]) < GRAPHICS] == []


def test_pages_take_every_colour_from_the_tokens() -> None:
    raw = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:oklch|oklab|rgb|rgba|hsl|hsla)\([^)]*\)")
    for path in sorted(CSS.glob("*.css")):
        if path.name != "10-tokens.css":
            assert [found for found in raw.findall(path.read_text(encoding="utf-8")) if "var(" not in found] == [], path.name
