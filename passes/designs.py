"""How a program's cards look, over the business's brand: colours, pictures, which fact stands where, and in which words."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec.structs import replace

from passes.businesses import Brand
from passes.words import N_, Text

Colour = Annotated[str, msgspec.Meta(pattern="^(#[0-9a-f]{6})?$")]
Picture = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")]
Symbol = Literal["", "cup", "bag", "scissors", "car", "star"]
Spot = Literal["header", "primary", "secondary", "auxiliary", "back", "hidden"]
FactKey = Literal["progress", "status", "reward", "until", "next", "holder", "latest", "member", "number", "terms", "contact"]
"""The keys of a face's lines (passes.face) that a design may move or name."""
Scene = Literal["stamps", "photo", "paper", "plain"]
"""What the strip shows: stamps on the card's own ground, a picture with a bar below, stamps on a paper card, or nothing."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """Where one fact stands ("" is where the folder has it), and what it is called; None keeps the usual name."""

    key: FactKey
    spot: Spot | Literal[""] = ""
    label: Text | None = None


class Put(msgspec.Struct, frozen=True):
    """Where one fact stands on a card, and its own name if it has one."""

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
    """Those that differ from the folder's."""


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder of templates/cards does with a face: its name for people, its strip, and where the facts stand."""

    title: str
    about: str
    scene: Scene
    spots: Mapping[FactKey, Spot] = {}
    """Those that differ from USUAL."""


DEFAULT: Final = "classic"
USUAL: Final[Mapping[FactKey, Spot]] = {
    "progress": "header",
    "status": "header",
    "reward": "secondary",
    "until": "auxiliary",
    "next": "secondary",
    "holder": "auxiliary",
    "latest": "back",
    "member": "back",
    "number": "back",
    "terms": "back",
    "contact": "back",
}
FOLDERS: Final[Mapping[str, Folder]] = {
    "classic": Folder(title=N_("Classic"), about=N_("Stamps large on the card's own colour."), scene="stamps"),
    "photo": Folder(
        title=N_("Large photo"),
        about=N_("A picture of yours across the card, and a bar that fills below it."),
        scene="photo",
        spots={"progress": "auxiliary", "holder": "hidden"},
    ),
    "minimal": Folder(
        title=N_("Minimal"),
        about=N_("No picture: the number is the largest thing on the card."),
        scene="plain",
        spots={"progress": "primary"},
    ),
    "paper": Folder(
        title=N_("Paper card"),
        about=N_("A stamp card of paper, with ink on it, as it used to lie in every purse."),
        scene="paper",
        spots={"progress": "auxiliary", "holder": "header", "until": "secondary"},
    ),
}
"""The one list of the folders of templates/cards."""

ROWS: Final[Mapping[tuple[Spot, ...], int]] = {("header",): 3, ("primary",): 1, ("secondary", "auxiliary"): 4}
"""How many facts stand in a row of Apple's store card; of both kinds in the last there are four together."""
STATES: Final[tuple[frozenset[FactKey], ...]] = (
    frozenset(get_args(FactKey)) - {"status", "reward", "until"},
    frozenset(get_args(FactKey)) - {"next", "holder"},
)
"""The facts that a card can have at once: while none of its rewards is ready, and when one is."""
MAY_HIDE: Final[frozenset[FactKey]] = frozenset({"holder", "contact"})
"""The rest the holder must be able to read before coming to the counter, or a wallet has a place for it that cannot be empty."""


def folder(name: str) -> Folder:
    """A folder by its name; one that is not there (any more) is the classic one."""
    return FOLDERS.get(name, FOLDERS[DEFAULT])


def dressed(brand: Brand, design: Design) -> Brand:
    """The brand as this design's cards wear it."""
    own = {name: value for name in _OWN if (value := getattr(design, name))}
    return replace(brand, **own, design=design.folder or brand.design) if own or design.folder else brand


_OWN: Final = ("background", "foreground", "label", "symbol", "logo", "strip", "stamp", "place")


def facts(name: str, own: Iterable[Fact] = ()) -> Mapping[FactKey, Put]:
    """Every fact with its place: as usual, then as the folder has it, then as the program's design has it."""
    spots = {**USUAL, **folder(name).spots}
    said = {fact.key: fact for fact in own}
    return {key: Put(said[key].spot or spot, said[key].label) if key in said else Put(spot) for key, spot in spots.items()}


def overfull(name: str, own: Iterable[Fact] = ()) -> Mapping[FactKey, tuple[tuple[Spot, ...], int]]:
    """The facts for which the card has no room, with the row that is full and how many it holds; empty when all is well.

    Wallet would leave them out without a word, and nobody would know why.
    """
    placed = facts(name, own)
    return {
        late: (row, most)
        for state in STATES
        for row, most in ROWS.items()
        for late in [key for key, put in placed.items() if key in state and put.spot in row][most:]
    }
