"""A business's colour on our pages. The address holds the colour itself: it can be kept for good, and tells nothing else."""

from typing import Final

from litestar import Response, get
from litestar.params import FromPath

from app.web.style import YEAR
from passes.businesses import Business
from passes.colours import accent
from passes.problems import NotFound
from passes.words import N_

SHEET: Final = (
    ":root{{--accent:light-dark({0.ink},{1.ink});--on-accent:light-dark({0.on},{1.on});--accent-soft:light-dark({0.soft},{1.soft})}}\n"
)


def address(business: Business) -> str:
    """Where the colours of a business are."""
    return f"/brand/{business.brand.background.removeprefix('#')}.css"


@get("/brand/{name:str}", sync_to_thread=False, include_in_schema=False)
def sheet(name: FromPath[str]) -> Response[str]:
    """The accent of our pages in one colour (``2b1d14.css``), as readable on light paper as on dark."""
    colour = f"#{name.removesuffix('.css')}"
    try:
        text = SHEET.format(accent(colour, dark=False), accent(colour, dark=True))
    except ValueError:
        raise NotFound(what=N_("address")) from None
    return Response(text, media_type="text/css", headers={"Cache-Control": YEAR})
