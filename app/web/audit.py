"""The audit: who changed what, when, from what to what, in sentences; and how often one of the staff may do something in a day."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.response import Stream
from msgspec.structs import replace

from app import history
from app.desk.audit import revise
from app.store import Audit, Place
from app.web.forms import Wrong, filled_in
from app.web.keys import SCOPES
from app.web.lists import Moment, as_csv, asked_for, begins_after, place_of
from app.web.pages import go, language_of, render, saying_of
from app.web.sessions import owners
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes.businesses import Limits
from passes.words import N_, Text

PAGE: Final = 50
AT_ONCE: Final = 1000
FIRST: Final = UUID(int=0)
NOTHING: Final = "–"
THINGS: Final = {
    "business": N_("the business"),
    "location": N_("the location {name}"),
    "counter": N_("the counter {name}"),
    "key": N_("the key {name}"),
    "test_mode": N_("all customers of test mode"),
    "webhook": N_("the webhook {name}"),
    "program": N_("the program {name}"),
    "offer": N_("the offer {name}"),
    "customer": N_("a customer"),
    "coupons": N_("coupons of {name}"),
    "codes": N_("codes of {name}"),
    "inserts": N_("inserts of {name}"),
    "campaign": N_("the campaign {name}"),
    "segment": N_("the segment {name}"),
}
"""What a line is about, by the beginning of its word."""
DONE: Final = {
    "made": N_("{who} made {thing}"),
    "changed": N_("{who} changed {thing}"),
    "limits": N_("{who} changed how often one of the staff may do something"),
    "invited": N_("{who} invited {thing}"),
    "accepted": N_("{who} set what they sign in with"),
    "suspended": N_("{who} suspended {thing}"),
    "resumed": N_("{who} let {thing} go on"),
    "unlocked": N_("{who} unlocked the PIN of {thing}"),
    "password": N_("{who} changed their password"),
    "pin": N_("{who} changed their PIN"),
    "revoked": N_("{who} revoked {thing}"),
    "forgotten": N_("{who} forgot {thing}"),
    "rolled": N_("{who} rolled {thing}"),
    "merged": N_("{who} merged {thing} with another one"),
    "erased": N_("{who} forgot {thing}, as they wished"),
    "issued": N_("{who} issued {thing}"),
    "imported": N_("{who} imported {thing}"),
    "exported": N_("{who} took a file of {thing} out"),
    "brought": N_("{who} brought a file of {thing} in"),
    "printed": N_("{who} printed {thing}"),
    "voided": N_("{who} voided {thing}"),
    "removed": N_("{who} deleted {thing}"),
    "sent": N_("{who} sent {thing}"),
    "started": N_("{who} started {thing}"),
    "stopped": N_("{who} stopped {thing}"),
    "archived": N_("{who} archived {thing}"),
}
"""What was done, by the end of its word."""
KINDS: Final = (
    ("business", N_("Business")),
    ("location", N_("Locations")),
    ("staff", N_("Staff")),
    ("counter", N_("Counters")),
    ("key", N_("Keys")),
    ("webhook", N_("Webhooks")),
    ("program", N_("Programs")),
    ("offer", N_("Offers")),
    ("coupon", N_("Coupons")),
    ("campaign", N_("Campaigns")),
    ("segment", N_("Segments")),
    ("customer", N_("Customers")),
)
FIELDS: Final = {
    "name": N_("Name"),
    "title": N_("Title"),
    "email": N_("E-mail address"),
    "phone": N_("Phone"),
    "birthday": N_("Birthday"),
    "language": N_("Language"),
    "languages": N_("Languages"),
    "consent_at": N_("Wants offers"),
    "note": N_("Note"),
    "role": N_("Role"),
    "suspended_at": N_("Suspended"),
    "revoked_at": N_("Revoked"),
    "created_at": N_("Made"),
    "made_at": N_("Made"),
    "kind": N_("Kind"),
    "location_id": N_("Location"),
    "locations": N_("Locations"),
    "zone": N_("Time zone"),
    "currency": N_("Currency"),
    "contact": N_("Contact"),
    "honour": N_("Who may honour an expired coupon"),
    "honour_days": N_("Days after expiry"),
    "asks_first": N_("Counters ask first"),
    "quiet_from": N_("Quiet from"),
    "quiet_until": N_("Quiet until"),
    "weekly": N_("Messages in a week"),
    "brand": N_("Brand"),
    "background": N_("Background"),
    "foreground": N_("Text colour"),
    "label": N_("Label colour"),
    "symbol": N_("Symbol"),
    "design": N_("Design"),
    "logo": N_("Logo"),
    "strip": N_("Picture behind the stamps"),
    "stamp": N_("Stamp"),
    "place": N_("Place of a stamp"),
    "limits": N_("Limits a day"),
    "redemptions": N_("Redemptions"),
    "stamps": N_("Stamps or points"),
    "corrections": N_("Corrections"),
    "goodwill": N_("Goodwill"),
    "compensations": N_("Compensations"),
    "address": N_("Address"),
    "latitude": N_("Latitude"),
    "longitude": N_("Longitude"),
    "closed": N_("Closed"),
    "unit": N_("Unit"),
    "earning": N_("How it earns"),
    "each": N_("Each time"),
    "amount": N_("Amount"),
    "goals": N_("Goals"),
    "at": N_("At"),
    "offer_id": N_("Offer"),
    "terms": N_("Terms"),
    "state": N_("State"),
    "remainder": N_("Remainder"),
    "welcome": N_("Welcome reward"),
    "asks": N_("Asks for"),
    "intro": N_("Introduction"),
    "benefit": N_("Benefit"),
    "item": N_("Item"),
    "percent": N_("Percent"),
    "action": N_("What staff do"),
    "validity": N_("Validity"),
    "days": N_("Days"),
    "months": N_("Months"),
    "date": N_("Date"),
    "time": N_("Time"),
    "windows": N_("Hours"),
    "start": N_("From"),
    "end": N_("To"),
    "most": N_("At most"),
    "most_each": N_("At most for one customer"),
    "prefix": N_("Prefix"),
    "prefixes": N_("Prefixes"),
    "format": N_("Barcode"),
    "at_kiosk": N_("At a kiosk"),
    "alone": N_("By the customer alone"),
    "alone_minutes": N_("Minutes on the phone"),
    "source": N_("Where codes come from"),
    "low_water": N_("Warning below"),
    "picture": N_("Picture"),
    "imported": N_("Imported codes"),
    "rules": N_("Rules"),
    "trigger": N_("Occasion"),
    "before": N_("Days before"),
    "after": N_("Days after"),
    "message": N_("Message"),
    "program_id": N_("Program"),
    "made_by": N_("By"),
    "types": N_("Is told"),
    "description": N_("Description"),
    "disabled_at": N_("Switched off"),
    "removed_at": N_("Deleted"),
    "scopes": N_("It may"),
    "per_minute": N_("Requests a minute"),
    "staff_id": N_("Staff"),
    "merged_into": N_("Merged into"),
    "total": N_("How many"),
    "file": N_("File"),
    "gives": N_("Stamps or points each"),
    "folder": N_("Design"),
    "facts": N_("What stands where on an iPhone"),
    "cards": N_("Only these cards"),
    "joined_within": N_("Joined in the last … days"),
    "joined_before": N_("Joined more than … days ago"),
    "visited_within": N_("Came in the last … days"),
    "not_visited_for": N_("Not come for … days"),
    "balance_from": N_("Stamps or points, at least"),
    "balance_to": N_("Stamps or points, at most"),
    "birthday_month": N_("Birthday in"),
    "waiting": N_("A reward is ready"),
    "text": N_("Name, e-mail or phone contains"),
}
"""What the fields are called; one that is not here is called as it is."""
BY_MAIL: Final = N_("Also by e-mail")
"""What ``email`` is of a campaign: whether it goes by e-mail, too; anywhere else it is an address."""
UUIDS: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CLOCK: Final = re.compile(r"\d\d:\d\d:00")
UNKEPT: Final = "…"
"""What app.desk.audit keeps of what may name a person."""
SAID: Final = {
    "owner": N_("Owner"),
    "manager": N_("Manager"),
    "cashier": N_("Cashier"),
    "running": N_("running"),
    "paused": N_("paused"),
    "archived": N_("archived"),
    "on": N_("On"),
    "off": N_("Off"),
    "draft": N_("Draft"),
    "scheduled": N_("Scheduled"),
    "sending": N_("Being sent"),
    "done": N_("Sent"),
    "stopped": N_("Stopped"),
    "birthday": N_("Birthday"),
    "win_back": N_("Come back"),
    "waiting": N_("A reward waits"),
    "expiring": N_("A reward is about to end"),
    "nobody": N_("nobody"),
    "managers": N_("managers"),
    "everyone": N_("everybody"),
    "carry": N_("carried on"),
    "drop": N_("dropped"),
    "minted": N_("minted here"),
    "pool": N_("imported"),
    "stamps": N_("stamps"),
    "points": N_("points"),
    "no": N_("no"),
    "optional": N_("optional"),
    "required": N_("required"),
    "staff": N_("Counter"),
    "kiosk": N_("Kiosk"),
    "autopilot": N_("Autopilot"),
    "free_item": N_("one thing for nothing"),
    "amount_off": N_("an amount off"),
    "percent_off": N_("percent off"),
    "add_on": N_("something on top"),
    "unlimited": N_("without end"),
    "days": N_("so many days"),
    "months": N_("so many months"),
    "until": N_("until a day"),
    "by_visit": N_("by visit"),
    "by_spend": N_("by amount"),
}
"""What the words are called that a field chooses from."""
SWITCHED: Final = {"running": "on", "paused": "off"}
CHOOSING: Final = frozenset({"kind", "role", "state", "honour", "remainder", "source", "unit", "email", "phone", "birthday"})
"""The fields that choose from words; whatever else is written in a text is somebody's own."""
COLUMNS: Final = (N_("When"), N_("Who"), N_("What"), N_("Field"), N_("From"), N_("To"))


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the page is asked for."""

    who: UUID | None = None
    kind: str = ""
    since: date | None = None
    until: date | None = None
    after: str = ""

    def link(self, **other: object) -> str:
        """The address of this page with something else."""
        pairs = {name: other.get(name, getattr(self, name)) for name in ("who", "kind", "since", "until")} | {"after": other.get("after")}
        query = urlencode({name: str(value) for name, value in pairs.items() if value})
        return f"/audit?{query}" if query else "/audit"


class Field(msgspec.Struct, frozen=True):
    """One field that differs, in words."""

    name: str
    was: str
    became: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit in words. ``hidden``: of a person it is not kept what the fields were."""

    at: datetime
    who: str
    said: str
    fields: tuple[Field, ...]
    hidden: bool


class Reading:
    """One owner who reads: in which language, with the names of things."""

    def __init__(self, request: Ask, names: Mapping[str, str]) -> None:
        self._desk, self._say, self._names = desk_of(request), saying_of(request), names
        self._language = language_of(request, self._desk.words)
        self._tz, self._currency = me(request).business.tz, me(request).business.currency

    @classmethod
    async def begun(cls, request: Ask) -> "Reading":
        """With the names of everything that a line may mention by its id."""
        store, business = desk_of(request).store, me(request).business
        language = language_of(request, desk_of(request).words)
        names = {str(one.id): one.name for one in await store.staff(business.id)}
        names |= {str(one.id): one.name for one in await store.locations(business.id)}
        names |= {str(one.id): one.title.said(language) for one in await store.all_offers(business.id)}
        names |= {str(one.id): one.name.said(language) for one in await store.programs(business.id)}
        names |= {str(one.id): one.name for one in await store.campaigns(business.id)}
        names |= {str(one.id): one.name for one in await store.segments(business.id)}
        return cls(request, names)

    def t(self, sentence: str, **facts: object) -> str:
        """A sentence of the catalogue."""
        return self._desk.words.said(self._language, sentence, **facts)

    def line(self, one: Audit) -> Line:
        """A line in words."""
        kind, _, done = one.what.partition(".")
        who = self._names.get(str(one.staff_id), NOTHING)
        name = one.name or self._names.get(str(one.of_id), "…")  # a segment's and a campaign's stand with themselves alone
        thing = self.t(THINGS[kind], name=name) if kind in THINGS else one.name
        said = self.t(DONE[done], who=who, thing=thing) if done in DONE else f"{who}: {one.what} {one.name}".strip()
        was, became = (msgspec.json.decode(text) for text in (one.was, one.became))
        if kind == "campaign":  # an automation's switch says so, too
            was, became = ({**of, "state": SWITCHED.get(of["state"], of["state"])} if "state" in of else of for of in (was, became))
        fields = tuple(self._fields(was, became)) if kind != "customer" else self._hidden({**was, **became})
        return Line(at=one.at.astimezone(self._tz), who=who, said=said, fields=fields, hidden=kind == "customer")

    def _hidden(self, names: Mapping[str, Any]) -> tuple[Field, ...]:
        return tuple(Field(self._called(name, names[name]), "", "") for name in names)

    def _fields(self, was: Mapping[str, Any], became: Mapping[str, Any], within: str = "") -> Iterator[Field]:
        for name in {**was, **became}:
            old, new = was.get(name), became.get(name)
            called = f"{within}{self._called(name, was.get(name, new))}"
            if UNKEPT in (old, new):
                yield Field(called, NOTHING, self.t(N_("something else (not kept here)") if name in was else N_("(not kept here)")))
            elif old == new:
                continue
            elif _plain(old) and _plain(new) and (old or new) and _kind(old) == _kind(new):
                yield from self._fields(old or {}, new or {}, f"{called}: ")
            elif (was_said := self._value(old, name)) != (became_said := self._value(new, name)):
                yield Field(called, was_said, became_said)

    def _called(self, name: str, value: object) -> str:
        if name == "email" and isinstance(value, bool):
            return self.t(BY_MAIL)
        return self.t(FIELDS[name]) if name in FIELDS else name.replace("_", " ")

    def _value(self, value: Any, name: str) -> str:  # noqa: PLR0911 (a table)
        if value is None or value in ("", [], {}):
            return NOTHING
        match value:
            case bool():
                return self.t(N_("yes") if value else N_("no"))
            case int() if name == "amount":
                return self._say.money(value, self._currency)
            case int() | float():
                return self._say.number(value)
            case dict():
                return self._struct(value)
            case list():
                return "; ".join(self._value(one, name) for one in value)
        return self._text(str(value), name)

    def _struct(self, value: Mapping[str, Any]) -> str:
        """A text in the reader's language; anything else field by field, with its kind in front."""
        if "by" in value:
            return Text(tuple((language, words) for language, words in value["by"])).said(self._language)
        if "currency" in value:
            return self._say.money(value["amount"], value["currency"])
        kind = [self._value(value["kind"], "kind")] if "kind" in value else []
        rest = ((name, one) for name, one in value.items() if name != "kind" and one is not None)
        return ", ".join([*kind, *(f"{self._called(name, one)} {self._value(one, name)}" for name, one in rest)])

    def _text(self, text: str, name: str) -> str:
        if name == "scopes":
            return " · ".join(self.t(SCOPES[word][0]) if word in SCOPES else word for word in text.split())
        if name in CHOOSING and text in SAID:
            return self.t(SAID[text])
        return self._names.get(text) or self._moment(text)

    def _moment(self, text: str) -> str:
        """A moment as people say it, a time of day without its seconds, of what has no name nothing; any other text as it is."""
        if UUIDS.fullmatch(text):
            return NOTHING
        if CLOCK.fullmatch(text):
            return text.removesuffix(":00")
        try:
            return self._say.dated(msgspec.convert(text, Moment)) if "T" in text else text
        except msgspec.ValidationError:
            return text


def _plain(value: Any) -> bool:
    """Whether it is a Struct's fields, to be compared one by one (or nothing)."""
    return value is None or (isinstance(value, dict) and not value.keys() & {"by", "currency"})


def _kind(value: Any) -> object:
    return value.get("kind") if value else None


async def _some(request: Ask, asked: Asked, after: Place | None, limit: int) -> tuple[list[Audit], Place | None]:
    """Lines, newest first, and where the next ones begin."""
    desk, business = desk_of(request), me(request).business
    if after is None and asked.until is not None:  # older than the first moment of the day after
        after = Place(history.begins(min(max(asked.until, history.EARLIEST), history.LATEST) + timedelta(days=1), business.tz), FIRST)
    kind = asked.kind if asked.kind in dict(KINDS) else ""
    found = await desk.store.audited(business.id, staff_id=asked.who, what=kind, after=after, limit=limit + 1)
    since = history.begins(min(max(asked.since, history.EARLIEST), history.LATEST), business.tz) if asked.since else None
    rows = [one for one in found[:limit] if since is None or one.at >= since]
    more = len(found) > limit and len(rows) == limit
    return rows, Place(rows[-1].at, rows[-1].id) if more else None


@get("/audit", guards=[owners])
async def audit(request: Ask) -> Response[str]:
    """Who changed what."""
    asked, reading = asked_for(Asked, request.query_params), await Reading.begun(request)
    rows, after = await _some(request, asked, begins_after(asked.after), PAGE)
    people = [(one.id, one.name) for one in await desk_of(request).store.staff(me(request).business.id)]
    return render(
        request,
        "audit.html",
        asked=asked,
        lines=[reading.line(one) for one in rows],
        after=place_of(after),
        people=people,
        kinds=KINDS,
    )


@get("/audit/export.csv", guards=[owners])
async def export(request: Ask) -> Stream:
    """What is filtered, as CSV (RFC 4180), streamed: a row for each field."""
    asked, reading = asked_for(Asked, request.query_params), await Reading.begun(request)
    today = desk_of(request).world.now().astimezone(me(request).business.tz)
    return as_csv(_lines(request, asked, reading), f"audit-{today:%Y-%m-%d}.csv")


async def _lines(request: Ask, asked: Asked, reading: Reading) -> AsyncIterator[Sequence[str]]:
    yield [reading.t(column) for column in COLUMNS]
    after: Place | None = None
    while True:
        rows, after = await _some(request, asked, after, AT_ONCE)
        for line in map(reading.line, rows):
            for field in line.fields or (Field("", "", ""),):
                yield (line.at.isoformat(timespec="seconds"), line.who, line.said, field.name, field.was, field.became)
        if after is None:
            return


# --- How often one may ---


async def _limits(request: Ask, *, wrong: Wrong | None = None, done: bool = False) -> Response[str]:
    return render(request, "staff_limits.html", wrong=wrong, limits=me(request).business.limits, done=done)


@get("/staff/limits", guards=[owners])
async def limits(request: Ask) -> Response[str]:
    """How often one of the staff may do something in a day."""
    return await _limits(request, done="saved" in request.query_params)


@post("/staff/limits", guards=[owners])
async def change_limits(request: Ask) -> Response[Any]:
    """Other limits, from the next action on."""
    try:
        said = await filled_in(request, Limits)
    except Wrong as refused:
        return await _limits(request, wrong=refused)
    was = me(request).business
    await revise(desk_of(request), me(request).staff.id, "business.limits", (was, replace(was, limits=said)))
    return go("/staff/limits?saved")


handlers: Final = (audit, export, limits, change_limits)
