"""A business's colour on our pages. The address holds the colour itself: it can be kept for good, and tells nothing else."""

import re
from typing import Final

from litestar import Response, get
from litestar.params import FromPath

from app.web.style import YEAR
from passes.businesses import Brand, Business
from passes.colours import accent, readable_brand
from passes.problems import NotFound
from passes.words import N_

SHEET: Final = (
    ":root{{--accent:light-dark({0.ink},{1.ink});--on-accent:light-dark({0.on},{1.on});--accent-soft:light-dark({0.soft},{1.soft})}}\n"
)
PAINT: Final = ".drawn{{--card:{0.background};--on-card:{0.foreground};--card-label:{0.label}}}\n"
COLOURS: Final = 3
_HEX: Final = re.compile("#[0-9a-f]{6}")
CARD: Final = ":root{{--card:{0.background};--on-card:{0.foreground};--card-label:{0.label}}}\n"


def address(business: Business) -> str:
    """Where the colours of a business are."""
    return f"/brand/{business.brand.background.removeprefix('#')}.css"


def card_address(brand: Brand) -> str:
    """Where the colours of its cards are, too: for pages on which a card is drawn."""
    return f"/brand/{'-'.join(colour.removeprefix('#') for colour in (brand.background, brand.foreground, brand.label))}.css"


def paint_address(brand: Brand) -> str:
    """The colours of cards that are being chosen, for what is drawn in ``.drawn`` and nothing else of the page."""
    return card_address(brand).replace("/brand/", "/brand/drawn/", 1)


@get("/brand/drawn/{name:str}", sync_to_thread=False)
def paint(name: FromPath[str]) -> Response[str]:
    """A card's three colours as they are (``2b1d14-ffffff-e8d3b0.css``): ``--card``, ``--on-card`` and ``--card-label``."""
    colours = [f"#{one}" for one in name.removesuffix(".css").split("-")]
    if len(colours) != COLOURS or not all(_HEX.fullmatch(one) for one in colours):
        raise NotFound(what=N_("address"))
    drawn = Brand(background=colours[0], foreground=colours[1], label=colours[2])
    return Response(PAINT.format(drawn), media_type="text/css", headers={"Cache-Control": YEAR})


@get("/brand/{name:str}", sync_to_thread=False)
def sheet(name: FromPath[str]) -> Response[str]:
    """The accent of our pages in one colour (``2b1d14.css``), as readable on light paper as on dark.

    With the card's three (``2b1d14-ffffff-e8d3b0.css``) also ``--card``, ``--on-card`` and ``--card-label``, as readable.
    """
    colour, *others = (f"#{one}" for one in name.removesuffix(".css").split("-"))
    try:
        text = SHEET.format(accent(colour, dark=False), accent(colour, dark=True))
        if others:
            foreground, label = others
            text += CARD.format(readable_brand(Brand(background=colour, foreground=foreground, label=label)))
    except ValueError:
        raise NotFound(what=N_("address")) from None
    return Response(text, media_type="text/css", headers={"Cache-Control": YEAR})
