"""The published scenarios as a page to print: whoever plays them by hand at a till ticks them off."""

from typing import Any

from litestar import Response, get

from app.scenarios import SCENARIOS
from app.web.pages import render
from app.web.wire import Ask, desk_of


@get("/api/scenarios")
async def scenarios(request: Ask) -> Response[Any]:
    """Every scenario with its steps and a box to tick. Anybody may read it: nothing of a business stands in it."""
    return render(request, "scenarios.html", scenarios=SCENARIOS, address=desk_of(request).public_url)


handlers = (scenarios,)
