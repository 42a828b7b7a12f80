"""Bad days for a network. What is seldom red on a good one, in a test or on a page, is red on one of these: `make weather`."""

import asyncio
from typing import Final

from playwright.async_api import BrowserContext, Route

SLOW: Final = 0.5
"""Seconds: many times what a test waits by chance."""
LATE_ANSWERS = f"""(() => {{ const ask = window.fetch, later = () => new Promise((go) => setTimeout(go, {1000 * SLOW:.0f}));
    window.fetch = async (...what) => {{ const answer = await ask(...what); await later(); return answer; }}; }})()"""
DAYS: Final = ("requests", "scripts", "answers")
"""What is late: a page or form on its way to the house, the scripts of a page, or what a script asked for and the house has answered."""


async def bring(context: BrowserContext, day: str) -> None:
    """Every page of this browser has such a day."""
    assert day in DAYS, f"COUNTERPASS_WEATHER is one of {', '.join(DAYS)}"

    async def late(route: Route) -> None:
        if route.request.url.endswith(".js") == (day == "scripts"):
            await asyncio.sleep(SLOW)
        await route.fallback()

    if day == "answers":
        await context.add_init_script(LATE_ANSWERS)
    else:
        await context.route("**/*", late)
