"""The redemptions page: three numbers, what was presented and what came of it, trends, and the story of each coupon."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream
from litestar.status_codes import HTTP_201_CREATED, HTTP_400_BAD_REQUEST

from app import history
from app.desk import audit, reverse, webhooks
from app.history import Numbers, OnDay, Period, PeriodName
from app.problems import TITLES
from app.store import Filter, Member, Past, Status
from app.web import charts, live
from app.web.forms import Line, filled_in
from app.web.lists import Search, as_csv, asked_for, begins_after, place_of
from app.web.pages import is_fragment, language_of, member_of, render
from app.web.saying import Saying
from app.web.sessions import caller_at, managers, once_at
from app.web.wire import Ask, desk_of
from passes import codes
from passes.businesses import Location
from passes.coupons import Channel
from passes.offers import DAYS
from passes.problems import NotFound
from passes.words import N_

View = Literal["history", "trends"]
Facts = dict[str, Any]
"""What a template is given."""
ONE: Final = ("period", "view", "first", "last", "since", "until", "q", "after")
"""What is asked once; everything else (status, location, staff, offer, key) may be asked several times."""
COLUMNS: Final = (
    N_("Code"),
    N_("Customer"),
    N_("Offer"),
    N_("Status"),
    N_("Why"),
    N_("When"),
    N_("Location"),
    N_("Staff"),
    N_("Channel"),
)
CHANNELS: Final[Mapping[Channel, str]] = {
    "typed": N_("Typed"),
    "camera": N_("Camera"),
    "scanner": N_("Scanner"),
    "photo": N_("Photo"),
    "api": N_("Till"),
    "alone": N_("Own phone"),
}
STATUSES: Final[Mapping[Status, str]] = {
    "redeemed": N_("Redeemed"),
    "reversed": N_("Reversed"),
    "goodwill": N_("Goodwill"),
    "refused": N_("Refused"),
}
DROPS: Final = {
    "statuses": "status",
    "locations": "location",
    "staff": "staff",
    "offers": "offer",
    "counters": "key",
    "since": "since",
    "until": "until",
    "text": "q",
}
"""The condition of a filter, and its name in the page's address."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the page is asked for: a period for the numbers and trends, and conditions for the history."""

    period: PeriodName = "week"
    first: date | None = None
    last: date | None = None
    view: View = "history"
    status: tuple[Status, ...] = ()
    location: tuple[UUID, ...] = ()
    staff: tuple[UUID, ...] = ()
    offer: tuple[UUID, ...] = ()
    key: tuple[UUID, ...] = ()
    since: date | None = None
    until: date | None = None
    q: Search = ""
    after: str = ""

    def link(self, *without: str, **other: object) -> str:
        """The address of this page with something else, never with what was searched for."""
        pairs: list[tuple[str, str]] = []
        for field in msgspec.structs.fields(Asked):
            value = other.get(field.name, getattr(self, field.name))
            if field.name in ("q", *without) or (field.name == "after" and "after" not in other) or value == field.default:
                continue
            pairs += [(field.name, str(one)) for one in (value if isinstance(value, tuple) else (value,))]
        return f"/redemptions?{urlencode(pairs)}" if pairs else "/redemptions"


class TakeBack(msgspec.Struct, frozen=True, kw_only=True):
    """Why a redemption is taken back."""

    reason: Line = ""


def _asked(pairs: Iterable[tuple[str, Any]]) -> Asked:
    """What an address or a form asks for; empty fields ask for nothing. Raises InvalidRequest."""
    given: dict[str, Any] = {}
    for name, value in pairs:
        if isinstance(value, str) and value:
            if name in ONE:
                given[name] = value
            else:
                given.setdefault(name, []).append(value)
    return asked_for(Asked, given)


def _of_address(request: Ask) -> Asked:
    return msgspec.structs.replace(_asked(request.query_params.multi_items()), q="")


async def _of_form(request: Ask) -> Asked:
    return _asked((await request.form()).multi_items())


class Visit:
    """One owner's request: who asks, of which business, in which language."""

    def __init__(self, request: Ask) -> None:
        member = member_of(request)
        if member is None:
            raise TypeError("a page without its guard")
        self.request = request
        self.desk = desk_of(request)
        self.member: Member = member
        self.business = member.business
        self.language = language_of(request, self.desk.words)
        self.t = partial(self.desk.words.said, self.language)
        self.say = Saying(self.desk.words, self.language, self.business.tz, self.desk.world.now())

    def during(self, asked: Asked) -> Period:
        """The period that is asked for."""
        today = self.desk.world.now().astimezone(self.business.tz).date()
        return history.period(asked.period, today=today, first=asked.first, last=asked.last)

    def wanted(self, asked: Asked) -> Filter:
        """The filter that is asked for; dates are days of the business."""

        def begins(day: date) -> datetime:
            return history.begins(min(max(day, history.EARLIEST), history.LATEST), self.business.tz)

        return Filter(
            text="".join(char for char in asked.q if char.isprintable()).strip(),
            statuses=asked.status,
            locations=asked.location,
            staff=asked.staff,
            offers=asked.offer,
            counters=asked.key,
            since=begins(asked.since) if asked.since else None,
            until=begins(min(asked.until, history.LATEST) + timedelta(days=1)) if asked.until else None,
        )

    async def numbers(self, asked: Asked) -> Facts:
        """What the three cards say."""
        during = self.during(asked)
        now = await history.numbers(self.desk, self.business, during)
        return {"during": during, "numbers": now, "change": self._changes(now)}

    def _changes(self, now: Numbers) -> dict[str, str]:
        points = None if now.rate is None or now.rate_before is None else round(now.rate - now.rate_before, 1)
        return {
            "redeemed": self._signed(now.redeemed - now.redeemed_before),
            "active": self._signed(now.active - now.active_before),
            "rate": ""
            if points is None
            else self.t(N_("{change} point") if abs(points) == 1 else N_("{change} points"), change=self._signed(points)),
        }

    def _signed(self, change: float) -> str:
        sign = "+" if change > 0 else "−" if change < 0 else "±"
        return sign + self.say.number(abs(change))

    async def rows(self, asked: Asked) -> Facts:
        """A page of the history, or what to do about an empty one."""
        wanted = self.wanted(asked)
        page = await history.page(self.desk, self.business, wanted, after=begins_after(asked.after))
        blamed = await history.worth_dropping(self.desk, self.business, wanted) if not page.rows and not asked.after else ()
        return {
            "asked": asked,
            "rows": page.rows,
            "after": place_of(page.after),
            "filtered": wanted != Filter(),
            "drops": [DROPS[name] for name in blamed],
            "group": codes.group,
            "channels": CHANNELS,
            "key_names": dict(await self.keys()) if any(one.channel == "api" for one in page.rows) else {},
            "why": TITLES,
        }

    async def trends(self, asked: Asked) -> Facts:
        """The trends with their charts."""
        during = self.during(asked)
        seen = await history.trends(self.desk, self.business, during, language=self.language)
        names = DAYS.get(self.language, DAYS["en"])
        shown = sorted({day.weekday() for day in during.days})
        return {
            "asked": asked,
            "during": during,
            "trends": seen,
            "best_day": max(seen.days, key=lambda one: one.redeemed),
            "best_hour": self._best_hour(seen.hours, names),
            "weekdays": [(day, names[day]) for day in shown],
            "days_chart": self._days(seen.days),
            "hours_chart": self._hours(seen.hours, [(day, names[day]) for day in shown]),
            "share": charts.share,
            "most": {side: max((one.redeemed for one in getattr(seen, side)), default=0) for side in ("offers", "locations", "staff")},
        }

    @staticmethod
    def _best_hour(hours: tuple[tuple[int, ...], ...], names: tuple[str, ...]) -> tuple[str, int] | None:
        n, day, hour = max((n, -day, -hour) for day, row in enumerate(hours) for hour, n in enumerate(row))
        return (names[-day], -hour) if n else None

    def _days(self, days: tuple[OnDay, ...]) -> str:
        def tip(one: OnDay) -> str:
            return self.t(
                N_("{day}: {redeemed} redeemed, {refused} refused"), day=self.say.day(one.day), redeemed=one.redeemed, refused=one.refused
            )

        return charts.days(
            days,
            title=self.t(N_("Redemptions by day")),
            described=self.t(N_("A bar for each day, with the refusals on top. The same numbers stand in the table below.")),
            day=self.say.day,
            tip=tip,
        )

    def _hours(self, hours: tuple[tuple[int, ...], ...], weekdays: list[tuple[int, str]]) -> str:
        return charts.hours(
            hours,
            weekdays=weekdays,
            title=self.t(N_("Redemptions by hour of the week")),
            described=self.t(N_("A square for each hour, the darker the more. The same numbers stand in the table below.")),
            tip=lambda name, hour, n: self.t(N_("{weekday} {hour}:00: {redeemed} redeemed"), weekday=name, hour=hour, redeemed=n),
        )

    async def trouble(self) -> Facts:
        """The webhooks that do not get through: an owner sees it here, before a till or the books miss something."""
        owner = self.member.staff.role == "owner"
        return {"untold": await webhooks.untold(self.desk.store, self.business.id) if owner else ()}

    async def keys(self) -> list[tuple[UUID, str]]:
        """The keys of the business, revoked ones too, with their names: a till says no more of itself."""
        return [(key.id, key.name) for key, _ in await self.desk.store.api_keys(self.business.id)]

    async def choices(self) -> Facts:
        """What can be chosen in the filters: (id, name) pairs."""
        store, business = self.desk.store, self.business
        return {
            "locations": [(one.id, one.name) for one in await store.locations(business.id)],
            "people": [(one.id, one.name) for one in await store.staff(business.id)],
            "offers": [(one.id, one.title.said(self.language)) for one in await store.all_offers(business.id)],
            "keys": await self.keys(),
            "said_statuses": [(status, self.t(words)) for status, words in STATUSES.items()],
        }

    async def story(self, coupon_id: UUID) -> Facts:
        """The life of a coupon. Raises NotFound."""
        anywhere = Location(id=self.business.id, business_id=self.business.id, name="")  # looking needs no place
        life = await history.story(self.desk, caller_at(self.member, anywhere), coupon_id, language=self.language)
        by_till = [step.happened.id for step in life.steps if step.happened and step.happened.channel == "api"]
        names = dict(await self.keys()) if by_till else {}
        pasts = [past for id_ in by_till if (past := await self.desk.store.presentation(self.business.id, id_))]
        key_of = {past.id: names[past.counter_id] for past in pasts if past.counter_id in names}
        return {"life": life, "channels": CHANNELS, "why": TITLES, "key_of": key_of}


@get("/redemptions", guards=[managers])
async def page(request: Ask) -> Response[str]:
    """The whole page."""
    here, asked = Visit(request), _of_address(request)
    facts = {**await here.numbers(asked), **await here.choices(), **await here.trouble()}
    facts |= await (here.rows(asked) if asked.view == "history" else here.trends(asked))
    return render(request, "redemptions.html", **facts)


@get("/redemptions/numbers", guards=[managers])
async def numbers(request: Ask) -> Response[str]:
    """The three cards alone."""
    return render(request, "redemptions_numbers.html", **await Visit(request).numbers(_of_address(request)))


@get("/redemptions/trends", guards=[managers])
async def trends(request: Ask) -> Response[str]:
    """The trends alone."""
    return render(request, "redemptions_trends.html", **await Visit(request).trends(_of_address(request)))


@post("/redemptions/rows", guards=[managers])
async def rows(request: Ask) -> Response[str]:
    """Rows of the history. The search is in the body: names and codes never stand in an address."""
    return render(request, "redemptions_rows.html", **await Visit(request).rows(await _of_form(request)))


@post("/redemptions/export.csv", guards=[managers])
async def export(request: Ask) -> Stream:
    """What is filtered, as CSV (RFC 4180), streamed."""
    here, asked = Visit(request), await _of_form(request)
    await audit.exported(here.desk, here.business, here.member.staff.id, "redemptions")
    return as_csv(_lines(here, here.wanted(asked)), f"redemptions-{here.desk.world.now().astimezone(here.business.tz):%Y-%m-%d}.csv")


async def _lines(here: Visit, wanted: Filter) -> AsyncIterator[Sequence[str]]:
    yield [here.t(column) for column in COLUMNS]
    async for one in history.rows(here.desk, here.business, wanted):
        yield _cells(here, one)


def _cells(here: Visit, one: Past) -> tuple[str, ...]:
    return (
        codes.group(one.code, one.prefix) if one.code else one.presented,
        one.customer,
        one.title.said(here.language) if one.title else "",
        here.t(STATUSES[one.status]),
        here.t(TITLES[one.word]) if one.word in TITLES else one.reason,
        one.at.astimezone(here.business.tz).isoformat(timespec="seconds"),
        one.location,
        one.staff,
        here.t(CHANNELS[one.channel]),
    )


@get("/redemptions/coupons/{coupon_id:uuid}", guards=[managers])
async def story(request: Ask, coupon_id: FromPath[UUID]) -> Response[str]:
    """The story of a coupon, as a page, or as the panel of a row."""
    template = "redemptions_story.html" if is_fragment(request) else "story.html"
    return render(request, template, undone=False, **await Visit(request).story(coupon_id))


@post("/redemptions/{redemption_id:uuid}/reversal", guards=[managers])
async def take_back(request: Ask, redemption_id: FromPath[UUID]) -> Response[str]:
    """Take a redemption back, with a reason: the coupon is active again. Asked by our script, with an Idempotency-Key."""
    here = Visit(request)
    reason = (await filled_in(request, TakeBack)).reason
    found = await here.desk.store.redemption(here.business.id, redemption_id)
    if found is None:
        raise NotFound(what=N_("redemption"))
    redemption, presented = found
    answer = await once_at(
        request,
        here.member,
        redemption.location_id,
        lambda caller, answering: reverse.reverse(here.desk, caller, redemption_id, reason=reason, once=answering),
    )
    status = answer.status_code or HTTP_201_CREATED
    if status >= HTTP_400_BAD_REQUEST:  # refused before, and the same request came again
        document = msgspec.json.decode(answer.content)
        return render(request, "problem_fragment.html", status=status, headers={"X-Problem": document["word"]}, problem=document)
    return render(request, "redemptions_story.html", undone=True, **await here.story(presented.coupon.id))


handlers = (page, numbers, trends, rows, export, story, take_back, live.live)
