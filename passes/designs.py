"""How a program's cards look, over the business's brand: colours, pictures, which fact stands where, and in which words."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec.structs import replace

from passes.businesses import Brand
from passes.words import Text

Colour = Annotated[str, msgspec.Meta(pattern="^(#[0-9a-f]{6})?$")]
Picture = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")]
Symbol = Literal["", "cup", "bag", "scissors", "car", "star"]
Spot = Literal["header", "primary", "secondary", "auxiliary", "back", "hidden"]
FactKey = Literal["progress", "status", "reward", "until", "next", "holder", "latest", "member", "number", "terms", "contact"]
"""The keys of a face's lines (passes.face) that a design may move or name."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """Where one fact stands, and what it is called; None keeps the usual name."""

    key: FactKey
    spot: Spot
    label: Text | None = None


class Design(msgspec.Struct, frozen=True, kw_only=True):
    """What a program's cards have of their own; "" is the brand's. ``folder`` is one of templates/cards."""

    folder: str = ""
    background: Colour = ""
    foreground: Colour = ""
    label: Colour = ""
    symbol: Symbol = ""
    logo: Picture = ""
    strip: Picture = ""
    stamp: Picture = ""
    place: Picture = ""
    facts: tuple[Fact, ...] = ()
    """Those that differ from the usual."""


_OWN: Final = ("background", "foreground", "label", "symbol", "logo", "strip", "stamp", "place")


def dressed(brand: Brand, design: Design) -> Brand:
    """The brand as this design's cards wear it."""
    own = {name: value for name in _OWN if (value := getattr(design, name))}
    return replace(brand, **own, design=design.folder or brand.design) if own or design.folder else brand
