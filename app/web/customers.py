"""Customers: the list, the search, one customer's page, what is put right there, two who are one person, and being forgotten."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Stream
from litestar.status_codes import HTTP_400_BAD_REQUEST

from app import customers as seen
from app.customers import Happened, Wanted
from app.desk import audit, correcting, earn, forgetting, merging
from app.desk import customers as knowing
from app.desk.customers import Told
from app.desk.wallets import draw
from app.problems import TITLES, InvalidRequest
from app.store import Caller, Known, Mark, PeopleOrder
from app.web import brand, forms
from app.web.forms import Area, Line, Name, Wrong, against, filled_in, fresh, wrong
from app.web.holder import pictures
from app.web.lists import Moment, Search, as_csv, asked_for
from app.web.pages import HEADERS, go, is_fragment, language_of, render, saying_of
from app.web.sessions import Story, managers, once_at
from app.web.signing_in import me
from app.web.wire import Answering, Ask, desk_of
from passes import codes
from passes.contacts import country_of, value_of
from passes.problems import CannotEarn, ContactTaken, LimitReached, NotFound, Problem, ReasonNeeded
from passes.words import N_

ORDERS: Final = (("newest", N_("Newest first")), ("visited", N_("Last visit first")), ("visits", N_("Most visits first")))
COLUMNS: Final = (
    N_("Name"),
    N_("E-mail address"),
    N_("Phone"),
    N_("Language"),
    N_("Birthday"),
    N_("Wants offers"),
    N_("Joined"),
    N_("Last visit"),
    N_("Visits"),
    N_("Their cards"),
)
MONTHS: Final = 12
LONGEST_MONTH: Final = 31


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the list is asked for. What was searched for never stands in an address."""

    order: PeopleOrder = "newest"
    segment: UUID | None = None
    q: Search = ""
    after: str = ""

    @property
    def wanted(self) -> Wanted:
        """The same, for whoever reads."""
        text = "".join(char for char in self.q if char.isprintable())
        return Wanted(order=self.order, segment=self.segment, text=text)

    def link(self, **other: object) -> str:
        """The address of the list with something else."""
        pairs = {"order": other.get("order", self.order), "segment": other.get("segment", self.segment), "after": other.get("after", "")}
        query = urlencode({name: str(value) for name, value in pairs.items() if value and value != "newest"})
        return f"/customers?{query}" if query else "/customers"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a customer."""

    name: Name
    email: Line = ""
    phone: Line = ""
    day: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_MONTH)] | None = None
    month: Annotated[int, msgspec.Meta(ge=1, le=MONTHS)] | None = None
    language: Line
    consent: bool = False


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A note for the staff."""

    note: Area = ""


class Stamps(msgspec.Struct, frozen=True, kw_only=True):
    """So many stamps or points more. ``nonce``: the same form, sent twice, adds them once."""

    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    nonce: Name


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """So many more, or fewer, and why."""

    way: Literal["more", "fewer"]
    amount: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    reason: Line = ""
    nonce: Name


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody meant it."""

    sure: bool = False


# --- The list ---


def _of_address(request: Ask) -> Asked:
    return asked_for(Asked, {name: value for name, value in request.query_params.items() if name != "q"})


async def _of_form(request: Ask) -> Asked:
    return asked_for(Asked, {name: value for name, value in (await request.form()).items() if isinstance(value, str)})


def _mark(after: str) -> Mark | None:
    """Where a page of the list begins. Raises InvalidRequest."""
    if not after:
        return None
    at, _, id_ = after.partition("~")
    try:
        return Mark(int(at) if at.isdecimal() else msgspec.convert(at, Moment).astimezone(UTC), UUID(id_))
    except (msgspec.ValidationError, ValueError, OverflowError):
        raise InvalidRequest(errors="after") from None


def _after(mark: Mark | None) -> str:
    return f"{mark.at.isoformat() if isinstance(mark.at, datetime) else mark.at}~{mark.id}" if mark else ""


async def _rows(request: Ask, asked: Asked) -> dict[str, Any]:
    desk, business = desk_of(request), me(request).business
    page = await seen.page(desk, business, asked.wanted, after=_mark(asked.after))
    programs = {one.id: one for one in await desk.store.programs(business.id)}
    return {"asked": asked, "rows": page.rows, "after": _after(page.after), "programs": programs, "lately": _lately}


def born(birthday: str) -> date:
    """A birthday (``MM-DD``) as a day, of a year that has them all."""
    return date.fromisoformat(f"2000-{birthday}")


def _lately(known: Known) -> datetime | None:
    return max((card.visited_at for card in known.cards if card.visited_at), default=None)


async def _list(request: Ask, asked: Asked, *, unpicked: bool = False) -> Response[str]:
    store, business = desk_of(request).store, me(request).business
    facts = await _rows(request, asked)
    facts["alike"] = len(await store.alike(business.id, limit=seen.ALIKE))
    facts["segments"] = [(one.id, one.name) for one in await store.segments(business.id)]
    return render(request, "customers.html", orders=ORDERS, unpicked=unpicked, **facts)


@get("/customers", guards=[managers])
async def customers(request: Ask, *, unpicked: FromQuery[bool] = False) -> Response[str]:
    """The list. ``unpicked``: somebody wanted to write to those who are ticked, and nobody was."""
    return await _list(request, _of_address(request), unpicked=unpicked)


@post("/customers", guards=[managers], status_code=200)
async def search(request: Ask) -> Response[str]:
    """The list for what was searched: as a page, or as the rows that the page's script asks for."""
    asked = await _of_form(request)
    if is_fragment(request):
        return render(request, "customers_rows.html", **await _rows(request, asked))
    return await _list(request, asked)


@post("/customers/export.csv", guards=[managers])
async def export(request: Ask) -> Stream:
    """The list as CSV (RFC 4180), streamed."""
    asked, business = await _of_form(request), me(request).business
    if asked.segment is not None:  # an unknown one is refused before anything is sent
        await seen.page(desk_of(request), business, asked.wanted, limit=1)
    today = desk_of(request).world.now().astimezone(business.tz)
    await audit.exported(desk_of(request), business, me(request).staff.id, "customers")
    return as_csv(_lines(request, asked), f"customers-{today:%Y-%m-%d}.csv")


async def _lines(request: Ask, asked: Asked) -> AsyncIterator[Sequence[str]]:
    desk, business = desk_of(request), me(request).business
    language = language_of(request, desk.words)
    yield [desk.words.said(language, column) for column in COLUMNS]
    async for one in seen.rows(desk, business, asked.wanted):
        who, lately = one.customer, _lately(one)
        yield (
            who.name,
            who.email,
            who.phone,
            who.language,
            who.birthday,
            desk.words.said(language, N_("yes") if who.consent_at else N_("no")),
            who.joined_at.astimezone(business.tz).isoformat(timespec="seconds"),
            lately.astimezone(business.tz).isoformat(timespec="seconds") if lately else "",
            str(sum(card.visits for card in one.cards)),
            " ".join(codes.group(card.number) for card in one.cards if card.left_at is None),
        )


# --- One customer ---


async def _whole(request: Ask, customer_id: UUID) -> seen.Whole:
    desk, business = desk_of(request), me(request).business
    return await seen.whole(desk, business, customer_id, language=language_of(request, desk.words))


async def _customer(
    request: Ask, customer_id: UUID, *, wrong: Wrong | None = None, which: UUID | str = "", saved: str = ""
) -> Response[str]:
    desk, business = desk_of(request), me(request).business
    whole = await _whole(request, customer_id)
    drawn = [draw(facts, desk.words, desk.world.now()) for facts in (await desk.store.cards_facts(_live(whole))).values()]
    mine = [(one, other) for one, other in await desk.store.alike(business.id, limit=seen.ALIKE) if customer_id in (one, other)]
    facts: dict[str, Any] = {
        "whole": whole,
        "alike": [other if one == customer_id else one for one, other in mine],
        "spoken": [(code, saying_of(request).language(code)) for code in dict.fromkeys((*business.languages, *desk.words.languages))],
        "nonce": desk.world.token(),
        "drawn_from": forms.seen(whole.customer),
        "which": which,
        "saved": saved,
        "why": TITLES,
        "born": born,
        "paint": brand.paint_address(drawn[0].brand) if drawn else "",
        "faces": {face.card_id: (face, pictures(face)) for face in drawn if face.brand == drawn[0].brand},
    }
    return render(request, "customer.html", wrong=wrong, **facts)


def _live(whole: seen.Whole) -> list[UUID]:
    return [card.view.id for card in whole.cards if card.left_at is None]


@get("/customers/{customer_id:uuid}", guards=[managers])
async def customer(request: Ask, customer_id: FromPath[UUID], *, saved: FromQuery[str] = "") -> Response[Any]:
    """One customer; who was merged leads to whom they were merged into. ``saved``: what of the page was just saved."""
    life = await desk_of(request).store.life(me(request).business.id, customer_id, limit=1)
    if life is not None and life.family[0].id != customer_id:
        return go(f"/customers/{life.family[0].id}")
    return await _customer(request, customer_id, saved=saved)


async def _told(request: Ask) -> Told:
    """The form, read. Raises Wrong for an address, a number or a birthday that is none."""
    said, business = await filled_in(request, Change), me(request).business
    against: dict[str, str] = {}
    if said.email.strip() and not value_of(email=said.email):
        against["email"] = N_("An e-mail address, such as lan@example.com.")
    if said.phone.strip() and not value_of(phone=said.phone, country=country_of(business)):
        against["phone"] = N_("A phone number, such as 0901 234 567.")
    if said.language not in (*business.languages, *desk_of(request).words.languages):
        against["language"] = N_("Choose one of these.")
    birthday = ""
    if said.day is not None or said.month is not None:
        try:
            birthday = f"{datetime(2000, said.month or 0, said.day or 0, tzinfo=UTC):%m-%d}"
        except ValueError:
            against["day"] = N_("A day and a month, such as 29 and 2; or neither.")
    if against:
        raise await wrong(request, against)
    return Told(
        name=said.name,
        email=said.email,
        phone=said.phone,
        birthday=birthday,
        language=said.language,
        consent=said.consent,
    )


@post("/customers/{customer_id:uuid}", guards=[managers])
async def change(request: Ask, customer_id: FromPath[UUID]) -> Response[Any]:
    """What is known of them, put right."""
    actor = me(request)
    await fresh(request, await knowing.customer(desk_of(request), actor.business.id, customer_id))
    try:
        told = await _told(request)
        try:
            await knowing.change(desk_of(request), actor.business, actor.staff.id, customer_id, told)
        except ContactTaken as taken:
            raise await wrong(request, {"email" if told.email.strip() else "phone": taken.sentence}) from None
    except Wrong as refused:
        return await _customer(request, customer_id, wrong=refused, which="who")
    return go(f"/customers/{customer_id}?saved=who#who")


@post("/customers/{customer_id:uuid}/note", guards=[managers])
async def note(request: Ask, customer_id: FromPath[UUID]) -> Response[Any]:
    """A note for the staff."""
    actor = me(request)
    try:
        said = await filled_in(request, Note)
    except Wrong as refused:
        return await _customer(request, customer_id, wrong=refused, which="note")
    await knowing.note(desk_of(request), actor.business, actor.staff.id, customer_id, said.note)
    return go(f"/customers/{customer_id}?saved=note#notes")


async def _on_card(request: Ask, customer_id: UUID, card_id: UUID, story: Story, *, nonce: str, field: str) -> Response[Any]:
    """Something is done to a card, once per form; what the rules say against it stands beside the field."""
    actor = me(request)
    card = next((one for one in await desk_of(request).store.cards_of(actor.business.id, customer_id) if one.id == card_id), None)
    if card is None:
        raise NotFound(what=N_("card"))
    refused: Problem | str = ""
    try:
        answer = await once_at(request, actor, card.location_id, story, key=nonce)
        if (answer.status_code or 0) >= HTTP_400_BAD_REQUEST:  # refused before, and the same form came again
            refused = msgspec.json.decode(answer.content)["detail"]
    except (CannotEarn, LimitReached, ReasonNeeded) as problem:
        refused = problem
        field = "reason" if isinstance(problem, ReasonNeeded) else field
    if refused:
        return await _customer(request, customer_id, wrong=await against(request, field, refused), which=card_id)
    return go(f"/customers/{customer_id}#card-{card_id}")


@post("/customers/{customer_id:uuid}/cards/{card_id:uuid}/stamps", guards=[managers])
async def stamps(request: Ask, customer_id: FromPath[UUID], card_id: FromPath[UUID]) -> Response[Any]:
    """Stamps or points, as at a counter."""
    try:
        said = await filled_in(request, Stamps)
    except Wrong as refused:
        return await _customer(request, customer_id, wrong=refused, which=card_id)
    desk = desk_of(request)

    def story(caller: Caller, answering: Answering) -> Awaitable[object]:
        return earn.earn(desk, caller, str(card_id), count=said.count, amount=None, once=answering)

    return await _on_card(request, customer_id, card_id, story, nonce=said.nonce, field="count")


@post("/customers/{customer_id:uuid}/cards/{card_id:uuid}/correction", guards=[managers])
async def correction(request: Ask, customer_id: FromPath[UUID], card_id: FromPath[UUID]) -> Response[Any]:
    """More or fewer, with a reason."""
    try:
        said = await filled_in(request, Correction)
    except Wrong as refused:
        return await _customer(request, customer_id, wrong=refused, which=card_id)
    desk, amount = desk_of(request), said.amount if said.way == "more" else -said.amount

    def story(caller: Caller, answering: Answering) -> Awaitable[object]:
        return correcting.correct(desk, caller, str(card_id), amount=amount, reason=said.reason, once=answering)

    return await _on_card(request, customer_id, card_id, story, nonce=said.nonce, field="amount")


# --- Two who are one person ---


@get("/customers/duplicates", guards=[managers])
async def duplicates(request: Ask) -> Response[str]:
    """Customers that are perhaps one person."""
    desk, business = desk_of(request), me(request).business
    programs = {one.id: one for one in await desk.store.programs(business.id)}
    pairs = await seen.alike(desk, business)
    proven = await seen.proven(desk, business, [one for pair in pairs for one in pair])
    return render(request, "customers_alike.html", pairs=pairs, proven=proven, programs=programs, lately=_lately)


@get("/customers/{customer_id:uuid}/merge/{other_id:uuid}", guards=[managers])
async def compare(request: Ask, customer_id: FromPath[UUID], other_id: FromPath[UUID]) -> Response[str]:
    """Two customers side by side, and what making them one would do."""
    desk, business = desk_of(request), me(request).business
    plan = await merging.plan(desk, business, customer_id, other_id)
    known = {one.customer.id: one for one in await desk.store.people(business.id, ids=[customer_id, other_id])}
    programs = {one.id: one for one in await desk.store.programs(business.id)}
    both = (known[customer_id], known[other_id])
    proven = await seen.proven(desk, business, both)
    return render(request, "customers_merge.html", plan=plan, both=both, proven=proven, programs=programs, lately=_lately, born=born)


@post("/customers/{customer_id:uuid}/merge/{other_id:uuid}", guards=[managers])
async def merge(request: Ask, customer_id: FromPath[UUID], other_id: FromPath[UUID]) -> Response[Any]:
    """The two are one from now on."""
    actor = me(request)
    await merging.merge(desk_of(request), actor.business, actor.staff.id, customer_id, other_id)
    return go(f"/customers/{customer_id}")


# --- What is known, handed over; and forgotten ---


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of a customer, as it is handed over."""

    business: str
    name: str
    email: str
    phone: str
    birthday: str
    language: str
    joined_at: datetime
    joined_in: str
    agreed_to_offers_at: datetime | None
    note: str
    also_known_as: tuple[dict[str, str], ...]
    cards: tuple[dict[str, Any], ...]
    coupons: tuple[dict[str, Any], ...]
    story: tuple[Happened, ...]


@get("/customers/{customer_id:uuid}/record", guards=[managers])
async def record(request: Ask, customer_id: FromPath[UUID]) -> Response[str]:
    """Everything that is known of a customer, to be read and printed."""
    desk, business = desk_of(request), me(request).business
    whole = await seen.whole(desk, business, customer_id, language=language_of(request, desk.words), limit=seen.ALL)
    return render(request, "customers_record.html", whole=whole, why=TITLES, born=born)


@get("/customers/{customer_id:uuid}/record.json", guards=[managers])
async def record_json(request: Ask, customer_id: FromPath[UUID]) -> Response[bytes]:
    """The same for a program."""
    desk, business = desk_of(request), me(request).business
    whole = await seen.whole(desk, business, customer_id, language=language_of(request, desk.words), limit=seen.ALL)
    who = whole.customer
    told = Record(
        business=business.name,
        name=who.name,
        email=who.email,
        phone=who.phone,
        birthday=who.birthday,
        language=who.language,
        joined_at=who.joined_at.astimezone(business.tz),
        joined_in=whole.joined_in,
        agreed_to_offers_at=who.consent_at.astimezone(business.tz) if who.consent_at else None,
        note=who.note,
        also_known_as=tuple({"name": one.name, "email": one.email, "phone": one.phone} for one in whole.others),
        cards=tuple(
            {
                "number": one.view.shown,
                "program": one.view.program,
                one.view.unit: one.view.balance,
                "joined_at": one.view.joined_at,
                "visits": one.visits,
                "last_visit_at": one.visited_at,
                "left_at": one.left_at,
                "wallets": [{"wallet": phone.wallet, "since": phone.since, "gone_at": phone.gone_at} for phone in one.phones],
            }
            for one in whole.cards
        ),
        coupons=tuple(
            {"code": one.shown, "offer": one.offer.title, "state": one.state, "issued_at": one.issued_at, "expires_at": one.expires_at}
            for one in whole.coupons
        ),
        story=whole.story,
    )
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="customer-{who.id}.json"'}
    return Response(msgspec.json.format(msgspec.json.encode(told), indent=2), media_type="application/json", headers=headers)


@post("/customers/{customer_id:uuid}/erase", guards=[managers])
async def erase(request: Ask, customer_id: FromPath[UUID]) -> Response[Any]:
    """The person goes, the ledger stays."""
    said, actor = await filled_in(request, Erasure), me(request)
    await knowing.customer(desk_of(request), actor.business.id, customer_id)
    if not said.sure:
        refused = await wrong(request, {"sure": N_("Say here that you mean it: nobody can bring the customer back.")})
        return await _customer(request, customer_id, wrong=refused, which="erase")
    await forgetting.forget(desk_of(request), actor.business, customer_id, by=actor.staff.id)
    return go("/customers")


handlers: Final = (
    customers,
    search,
    export,
    duplicates,
    customer,
    change,
    note,
    stamps,
    correction,
    compare,
    merge,
    record,
    record_json,
    erase,
)
