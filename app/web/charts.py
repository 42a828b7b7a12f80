"""Charts as SVG, drawn here: no script, the page's own colours by class, widths in percent so that words keep their size on any screen."""

from collections.abc import Callable, Sequence
from datetime import date
from html import escape
from typing import Final

from app.history import OnDay

PLOT: Final = 120
"""Pixels of the tallest bar."""
HEAD: Final = 20
"""Pixels above the bars, for the number on the last one."""
FOOT: Final = 22
"""Pixels below, for the days or hours."""
GAP: Final = 0.2
"""How much of a bar's room stays free; nothing of it when there are more days than CROWD."""
CROWD: Final = 62
NAMED: Final = 10
"""Bars of which each has its name and number; of more, every second or third has: they would run into each other on a phone."""
LINE: Final = 60
"""Letters that have room beside each other under a chart on a phone: of bars whose names are longer, every second or third has its name."""
ROW: Final = 22
SIDE: Final = 13.0
"""Percent of the width for the names of weekdays."""
HEATS: Final = 4
"""Shades of an hour that had something."""
FROM_HOUR, TO_HOUR = 8, 20
"""Hours that are shown even if nothing happened in them."""
EVERY: Final = 3
"""Every so many hours one is named."""


def _svg(name: str, height: int, title: str, described: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart chart-{name}" width="100%" height="{height}" role="img" aria-labelledby="chart-{name}-title chart-{name}-desc" '
        f'xmlns="http://www.w3.org/2000/svg"><title id="chart-{name}-title">{escape(title)}</title>'
        f'<desc id="chart-{name}-desc">{escape(described)}</desc>{"".join(parts)}</svg>'
    )


def _rect(kind: str, tip: str, *, x: float, y: float, width: float, height: float) -> str:
    place = f'x="{x:.3f}%" y="{y:.1f}" width="{width:.3f}%" height="{height:.1f}"'
    return f'<rect class="{kind}" {place} rx="2"><title>{escape(tip)}</title></rect>'


def _text(kind: str, x: float, y: float, anchor: str, words: object) -> str:
    return f'<text class="{kind}" x="{x:.3f}%" y="{y:.1f}" text-anchor="{anchor}">{escape(str(words))}</text>'


def days(shown: Sequence[OnDay], *, title: str, described: str, day: Callable[[date], str], tip: Callable[[OnDay], str]) -> str:
    """Bars by the day: redemptions, and quietly on top of them refusals. The last day's redemptions stand over its bar."""
    most = max([1, *(one.redeemed + one.refused for one in shown)])
    room = 100 / len(shown)
    gap = room * GAP if len(shown) <= CROWD else 0
    floor = HEAD + PLOT
    parts = [f'<line class="axis" x1="0" x2="100%" y1="{floor}.5" y2="{floor}.5"/>']
    for number, one in enumerate(shown):
        height, more = (PLOT * part / most for part in (one.redeemed, one.refused))
        x = number * room + gap / 2
        if more:
            parts.append(_rect("refused", tip(one), x=x, y=floor - height - more, width=room - gap, height=more))
        if height:
            parts.append(_rect("redeemed", tip(one), x=x, y=floor - height, width=room - gap, height=height))
    last = shown[-1]
    middle = 100 - room / 2
    near_the_edge = room < 100 / 14
    top = floor - PLOT * (last.redeemed + last.refused) / most
    parts.append(_text("last", 100 if near_the_edge else middle, top - 6, "end" if near_the_edge else "middle", last.redeemed))
    named = sorted({0, len(shown) // 2, len(shown) - 1})  # more would run into each other on a phone
    for number in named:
        place = {0: (0.0, "start"), len(shown) - 1: (100.0, "end")} if near_the_edge else {}
        x, anchor = place.get(number, ((number + 0.5) * room, "middle"))
        parts.append(_text("name", x, floor + 17, anchor, day(shown[number].day)))
    return _svg("days", floor + FOOT, title, described, parts)


def columns(name: str, shown: Sequence[tuple[str, int, int, str]], *, title: str, described: str) -> str:
    """Bars beside each other: (name, lower part, upper part, tip). Numbers stand over them, and names below, while they have room."""
    most = max([1, *(lower + upper for _, lower, upper, _ in shown)])
    room = 100 / len(shown)
    floor = HEAD + PLOT
    parts = [f'<line class="axis" x1="0" x2="100%" y1="{floor}.5" y2="{floor}.5"/>']
    every = -(-len(shown) // NAMED)
    apart = every * -(-len(shown) * (1 + max(len(below) for below, *_ in shown)) // (every * LINE))
    for number, (below, lower, upper, tip) in enumerate(shown):
        height, more = (PLOT * part / most for part in (lower, upper))
        x, middle = number * room + room * GAP / 2, (number + 0.5) * room
        if lower:
            parts.append(_rect("redeemed", tip, x=x, y=floor - height, width=room * (1 - GAP), height=height))
        if upper:
            parts.append(_rect("refused", tip, x=x, y=floor - height - more, width=room * (1 - GAP), height=more))
        if number % every == 0:
            parts.append(_text("last", middle, floor - height - more - 6, "middle", lower + upper))
        if number % apart == 0:
            parts.append(_text("name", middle, floor + 17, "middle", below))
    return _svg(name, floor + FOOT, title, described, parts)


def hours(
    grid: Sequence[Sequence[int]],
    *,
    weekdays: Sequence[tuple[int, str]],
    title: str,
    described: str,
    tip: Callable[[str, int, int], str],
) -> str:
    """A grid of weekdays and hours, the darker the more; ``weekdays`` are the rows: (0 for Monday …, its name)."""
    busy = [hour for row in grid for hour, n in enumerate(row) if n]
    first, last = min([FROM_HOUR, *busy]), max([TO_HOUR, *busy])
    most = max([1, *(n for row in grid for n in row)])
    room = (100 - SIDE) / (last - first + 1)
    parts = []
    for row, (weekday, name) in enumerate(weekdays):
        parts.append(_text("name", 0, row * ROW + 15, "start", name))
        for hour in range(first, last + 1):
            n = grid[weekday][hour]
            shade = f"heat-{-(-n * HEATS // most)}"  # rounded up: one redemption is never shown as none
            x = SIDE + (hour - first) * room
            parts.append(_rect(shade, tip(name, hour, n), x=x + room * 0.05, y=row * ROW + 1, width=room * 0.9, height=ROW - 2))
    foot = len(weekdays) * ROW + 16
    parts += [
        _text("name", SIDE + (hour - first + 0.5) * room, foot, "middle", hour) for hour in range(first, last + 1) if hour % EVERY == 0
    ]
    return _svg("hours", len(weekdays) * ROW + FOOT, title, described, parts)


def share(part: int, most: int) -> str:
    """One bar of a list, as long as its part of the longest. Its number stands beside it, so it says nothing by itself."""
    return (
        '<svg class="share" width="100%" height="8" aria-hidden="true" xmlns="http://www.w3.org/2000/svg">'
        '<rect class="rest" width="100%" height="8" rx="4"/>'
        f'<rect class="redeemed" width="{100 * part / max(most, 1):.2f}%" height="8" rx="4"/></svg>'
    )
