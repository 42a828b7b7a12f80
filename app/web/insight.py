"""The insight page: how far cards come, who comes back and why, who works how, and what is out of the ordinary; each table as CSV too."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import FromPath
from litestar.response import Stream

from app import history, insight
from app.history import Period, PeriodName
from app.insight import DEEDS, Close, Insight, Unusual, Work
from app.store import CountKind
from app.web import charts
from app.web.lists import as_csv, asked_for
from app.web.pages import language_of, render
from app.web.saying import Saying
from app.web.sessions import managers
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes import codes
from passes.problems import NotFound
from passes.words import N_

STEPS: Final = {
    "joined": N_("Joined"),
    "saved": N_("Saved to a wallet"),
    "stamped": N_("Stamped"),
    "earned": N_("Earned a reward"),
    "redeemed": N_("Redeemed one"),
}
DID: Final[Mapping[CountKind, str]] = {
    "visit": N_("Visits stamped"),
    "redeemed": N_("Redemptions"),
    "corrected": N_("Corrections"),
    "goodwill": N_("Goodwill"),
    "compensated": N_("Compensations"),
}
BEFORE: Final = N_("Before")
"""The column that compares: the same in the period before."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which days are looked at."""

    period: PeriodName = "month"
    first: date | None = None
    last: date | None = None
    of: str = "funnel"
    """Which table of the page, for the one that is downloaded."""

    def link(self, path: str = "/insight", **other: object) -> str:
        """This page, or a table of it, for these days or for others."""
        given = {name: other.get(name, getattr(self, name)) for name in ("period", "first", "last")}
        if given["period"] != "custom":
            given = {"period": given["period"]}
        return f"{path}?{urlencode({name: str(value) for name, value in {**given, 'of': other.get('of')}.items() if value})}"


class Table(msgspec.Struct, frozen=True):
    """What a chart shows, as a table: the first column names the row, the others are numbers or words."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str | int]]


class Visit:
    """One request: what is looked at, and how it is said."""

    def __init__(self, request: Ask) -> None:
        self.desk, self.business = desk_of(request), me(request).business
        self.language = language_of(request, self.desk.words)
        now = self.desk.world.now()
        self.t = partial(self.desk.words.said, self.language)
        self.say = Saying(self.desk.words, self.language, self.business.tz, now)
        self.asked = asked_for(Asked, request.query_params)
        self.during: Period = history.period(
            self.asked.period, today=now.astimezone(self.business.tz).date(), first=self.asked.first, last=self.asked.last
        )

    async def seen(self) -> Insight:
        """What there is to learn."""
        return await insight.insight(self.desk, self.business, self.during, language=self.language)

    def tables(self, seen: Insight) -> dict[str, Table]:
        """Every table of the page, by its name in an address."""
        t, before = self.t, self.t(BEFORE)
        close = {f"close-{number}": self._close_table(one) for number, one in enumerate(seen.close, 1)}
        return {
            "funnel": Table(
                (t(N_("Step")), t(N_("Cards")), before),
                [(t(said), getattr(seen.funnel, name), getattr(seen.funnel_before, name)) for name, said in STEPS.items()],
            ),
            "weeks": Table(
                (t(N_("Week from")), t(N_("First visits")), t(N_("Returning"))),
                [(self.say.day(one.monday), one.new, one.returning) for one in reversed(seen.weeks)],
            ),
            **close,
            "offers": Table(
                (t(N_("Offer")), t(N_("Redeemed")), t(N_("There again")), t(N_("Share")), before),
                [(one.name, one.redeemed, one.returned, self._rate(one.rate), self._rate(one.rate_before)) for one in seen.offers],
            ),
            "active": Table((t(N_("Customer")), t(N_("Visits"))), [(one.name, one.visits) for one in seen.activity.most]),
            "locations": self._work_table(t(N_("Location")), seen.locations),
            "staff": self._work_table(t(N_("Staff")), seen.staff),
        }

    def _rate(self, rate: float | None) -> str:
        return "" if rate is None else self.say.percent(rate / 100)

    def _close_table(self, close: Close) -> Table:
        to_go = self.t(N_("Stamps to go")) if close.unit == "stamps" else self.t(N_("Points to go"))
        return Table((to_go, self.t(N_("Cards"))), [(_span(first, last), n) for first, last, n in close.bars])

    def _work_table(self, of: str, work: Sequence[Work]) -> Table:
        heads = [of]
        for said in DID.values():
            heads += [self.t(said), self.t(BEFORE)]
        return Table(heads, [(one.name, *(n for kind in DEEDS for n in (one.done.get(kind, 0), one.before.get(kind, 0)))) for one in work])

    def weeks(self, seen: Insight) -> str:
        """Bars by the week."""
        return charts.columns(
            "weeks",
            [
                (
                    self.say.day(one.monday),
                    one.returning,
                    one.new,
                    self.say.count(
                        one.new,
                        N_("Week from {day}: 1 first visit, {returning} returning"),
                        N_("Week from {day}: {n} first visits, {returning} returning"),
                        day=self.say.day(one.monday),
                        returning=self.say.number(one.returning),
                    ),
                )
                for one in seen.weeks
            ],
            title=self.t(N_("New and returning by week")),
            described=self.t(N_("A bar for each week, with the first visits on top. The same numbers stand in the table below.")),
        )

    def close(self, number: int, close: Close) -> str:
        """The histogram of a program."""
        return charts.columns(
            f"close-{number}",
            [
                (
                    _span(first, last),
                    n,
                    0,
                    self.say.count(n, N_("{to_go} to go: 1 card"), N_("{to_go} to go: {n} cards"), to_go=_span(first, last)),
                )
                for first, last, n in close.bars
            ],
            title=self.t(N_("Close to a reward: {program}"), program=close.program.name.said(self.language)),
            described=self.t(N_("A bar for each distance from the next reward. The same numbers stand in the table below.")),
        )

    def change(self, now: int, before: int) -> str:
        """``+3``, ``−2`` or ``±0``."""
        change = now - before
        return ("+" if change > 0 else "−" if change < 0 else "±") + self.say.number(abs(change))

    def unusual(self, one: Unusual) -> tuple[str, str, str]:
        """What it is, what to look at, and where."""
        facts = {"name": one.name, "n": self.say.number(one.n), "usual": self.say.number(round(one.usual, 1))}
        match one.kind:
            case "card":
                what = self.t(N_("{name} was there {n} times; others who came, {usual} on average."), **facts)
                return what, self.t(N_("Look at who stamped this card, and when.")), f"/customers/{one.id}"
            case "corrected":
                what = self.t(N_("{name} corrected cards {n} times; their colleagues, {usual} on average."), **facts)
                return what, self.t(N_("Look at the reasons that were given, and at whose cards they were.")), self._deeds(one)
            case "goodwill":
                what = self.t(N_("{name} honoured {n} expired coupons; their colleagues, {usual} on average."), **facts)
                return what, self.t(N_("Look at the reasons that were given.")), self._goodwill(one.id)
            case "compensated":
                what = self.t(N_("{name} gave {n} coupons as compensation; their colleagues, {usual} on average."), **facts)
                return what, self.t(N_("Look at the reasons that were given, and at who got them.")), self._deeds(one)

    def _deeds(self, one: Unusual) -> str:
        return self.asked.link(f"/insight/staff/{one.id}")

    def _goodwill(self, staff_id: UUID) -> str:
        first, last = self.during.first, self.during.last
        return f"/redemptions?{urlencode({'status': 'goodwill', 'staff': staff_id, 'since': first, 'until': last})}"


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"


@get("/insight", guards=[managers])
async def page(request: Ask) -> Response[str]:
    """The whole page."""
    here = Visit(request)
    seen = await here.seen()
    facts: dict[str, Any] = {
        "asked": here.asked,
        "during": here.during,
        "seen": seen,
        "tables": here.tables(seen),
        "steps": [(here.t(said), getattr(seen.funnel, name), getattr(seen.funnel_before, name)) for name, said in STEPS.items()],
        "weeks_chart": here.weeks(seen),
        "close_charts": [here.close(number, one) for number, one in enumerate(seen.close, 1)],
        "unusual": [here.unusual(one) for one in seen.unusual],
        "share": charts.share,
        "change": here.change,
    }
    return render(request, "insight.html", **facts)


@get("/insight/staff/{staff_id:uuid}", guards=[managers])
async def deeds(request: Ask, staff_id: FromPath[UUID]) -> Response[str]:
    """What a person corrected, or gave as compensation: each line that the numbers count, with its reason. Raises NotFound."""
    here = Visit(request)
    desk, business = here.desk, here.business
    who = next((one for one in await desk.store.staff(business.id) if one.id == staff_id), None)
    if who is None:
        raise NotFound(what=N_("page"))
    facts: dict[str, Any] = {
        "asked": here.asked,
        "during": here.during,
        "who": who,
        "lines": await insight.deeds(desk, business, here.during, who.id),
        "most": insight.LINES,
        "programs": {one.id: one for one in await desk.store.programs(business.id)},
        "offers": {one.id: one for one in await desk.store.all_offers(business.id)},
        "group": codes.group,
    }
    return render(request, "insight_deeds.html", **facts)


@get("/insight/export.csv", guards=[managers])
async def export(request: Ask) -> Stream:
    """One table of the page as CSV (RFC 4180), for the same days. Raises NotFound."""
    here = Visit(request)
    found = here.tables(await here.seen()).get(here.asked.of)
    if found is None:
        raise NotFound(what=N_("page"))
    return as_csv([found.heads, *([str(cell) for cell in row] for row in found.rows)], f"insight-{here.asked.of}.csv")


handlers: Final = (page, deeds, export)
