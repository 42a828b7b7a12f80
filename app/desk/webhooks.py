"""Webhooks: an owner says which address is told what, rolls its secret, tries it, and has what was said repeated."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit
from uuid import UUID, uuid5

import msgspec
from msgspec.structs import replace

from app.desk import Desk, audit
from app.desk.telling import EVENT_TYPES, EventType
from app.store import BEHIND, ENOUGH, Audit, Delivery, Endpoint, Facts, Row, Store
from app.world import World
from passes.cards import Event
from passes.problems import ChangedMeanwhile, NotFound, WebhookRefused
from passes.words import N_

MOST: Final = 20
"""Endpoints of one business."""
LONGEST_URL: Final = 500
OVERLAPS: Final[Mapping[str, timedelta]] = {"now": timedelta(0), "1h": timedelta(hours=1), "24h": timedelta(hours=24)}
"""How long the old secret signs beside the new one."""
TEST: Final = "webhook.test"
"""The type of what is sent to try an address: nothing has happened."""

_INSIDE: Final = ("", "localhost", "local", "internal")
"""Names that end so are of the house."""

AT_THE_TIME: Final = timedelta(minutes=5)
"""What was under way when an endpoint was added, on whichever machine, is told to it."""

State = Literal["working", "resting", "disabled"]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an owner says of an endpoint; no ``types`` are all of them."""

    url: str
    types: tuple[EventType, ...] = ()
    description: str = ""


# --- What an endpoint is told ---


class Data(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened, to which things: by their ids, so that nothing of it names a person. What does not apply is left out.

    ``count`` is stamps or points that came or went, ``balance`` what is on the card after it; ``reason`` the word of a refusal.
    """

    event_id: UUID | None = None
    card_id: UUID | None = None
    card_number: str | None = None
    customer_id: UUID | None = None
    coupon_id: UUID | None = None
    offer_id: UUID | None = None
    expires_at: datetime | None = None
    redemption_id: UUID | None = None
    campaign_id: UUID | None = None
    location_id: UUID | None = None
    staff_id: UUID | None = None
    count: int | None = None
    balance: int | None = None
    wallet: str | None = None
    reason: str | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True, rename={"kind": "type"}):
    """The body of a webhook (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)."""

    kind: EventType | Literal["webhook.test"]
    timestamp: datetime
    data: Data


def wants(endpoint: Endpoint, event: Event) -> bool:
    """Whether an endpoint is told of this: of what happened since it was added, and was not brought along from elsewhere (an import)."""
    if event.at < endpoint.made_at - AT_THE_TIME:
        return False
    return asks_for(endpoint, EVENT_TYPES[event.kind])


def asks_for(endpoint: Endpoint, kind: str) -> bool:
    """Whether this type is one of those that its owner wants to hear; what is sent to try it always is."""
    return not endpoint.types or kind in (TEST, *endpoint.types.split())


def message(world: World, endpoint: Endpoint, place: int, event: Event, facts: Facts) -> Delivery:
    """An event on its way to an endpoint."""
    data = Data(
        event_id=event.id,
        card_id=event.card_id,
        card_number=facts.card_number,
        customer_id=event.customer_id,
        coupon_id=event.coupon_id,
        offer_id=facts.offer_id,
        expires_at=facts.expires_at,
        redemption_id=facts.redemption_id,
        campaign_id=event.campaign_id,
        location_id=facts.location_id,
        staff_id=event.staff_id,
        count=event.amount or None,
        balance=facts.balance,
        wallet=event.wallet or None,
        reason=event.reason if event.kind == "refused" else None,  # others are what people wrote
    )
    lane = event.card_id or event.coupon_id or event.business_id
    return _delivery(world, endpoint, EVENT_TYPES[event.kind], data, event_id=event.id, at=event.at, lane=lane, seq=place)


def _delivery(
    world: World,
    endpoint: Endpoint,
    kind: EventType | Literal["webhook.test"],
    data: Data,
    *,
    event_id: UUID,
    at: datetime,
    lane: UUID,
    seq: int,
) -> Delivery:
    now = world.now()
    return Delivery(
        id=uuid5(endpoint.id, str(event_id)),  # the same one again, where a backup was brought back
        business_id=endpoint.business_id,
        endpoint_id=endpoint.id,
        event_id=event_id,
        seq=seq,
        lane=lane,
        type=kind,
        body=msgspec.json.encode(Told(kind=kind, timestamp=at.astimezone(UTC), data=data)).decode(),
        at=now,
        due_at=now,
    )


# --- What an owner says ---


def _nothing(_: object) -> Sequence[Row]:
    return ()


async def endpoint(desk: Desk, business_id: UUID, endpoint_id: UUID) -> Endpoint:
    """An endpoint of this business. Raises NotFound."""
    found = await desk.store.endpoint(business_id, endpoint_id)
    if found is None:
        raise NotFound(what=N_("webhook"))
    return found


async def make(
    desk: Desk, business_id: UUID, by: UUID, wanted: Wanted, *, also: Callable[[Endpoint], Sequence[Row]] = _nothing
) -> Endpoint:
    """An address that is told from now on; ``also`` are rows that are recorded with it. Raises WebhookRefused."""
    check(desk, wanted.url)
    if len(await desk.store.endpoints(business_id)) >= MOST:
        raise WebhookRefused(why=N_("there are as many addresses as there can be"))
    now = desk.world.now()
    made = Endpoint(
        id=desk.world.new_id(),
        business_id=business_id,
        url=wanted.url.strip(),
        types=" ".join(dict.fromkeys(wanted.types)),
        description=wanted.description.strip(),
        secret=_secret(desk.world),
        made_by=by,
        made_at=now,
        cursor=await desk.store.log_end(business_id),
        due_at=BEHIND,
    )
    await desk.commit(now, rows=(made, _line(desk, by, "webhook.made", None, made), *also(made)))
    return made


async def change(
    desk: Desk, by: UUID, was: Endpoint, wanted: Wanted, *, on: bool | None = None, also: Callable[[Endpoint], Sequence[Row]] = _nothing
) -> Endpoint:
    """Another address, other types, another description; and switched ``on`` or off. Raises WebhookRefused, ChangedMeanwhile."""
    url, types = wanted.url.strip(), " ".join(dict.fromkeys(wanted.types))
    if url != was.url:
        check(desk, url)
    said = replace(was, url=url, types=types, description=wanted.description.strip())
    became = said if on is None else _switched(said, on=on, now=desk.world.now())
    switched = "webhook.started" if on else "webhook.stopped"
    return await _became(desk, by, "webhook.changed" if said != was else switched, (was, became), also)


async def roll(
    desk: Desk, by: UUID, was: Endpoint, overlap: timedelta, *, also: Callable[[Endpoint], Sequence[Row]] = _nothing
) -> Endpoint:
    """A new secret; until the overlap is over, the old one signs beside it. Raises ChangedMeanwhile."""
    until = desk.world.now() + overlap
    became = replace(was, secret=_secret(desk.world), old_secret=was.secret if overlap else "", old_until=until if overlap else None)
    return await _became(desk, by, "webhook.rolled", (was, became), also)


async def switch(desk: Desk, by: UUID, was: Endpoint, *, on: bool) -> Endpoint:
    """Told nothing until it is switched on again; then it goes on where it was. Raises ChangedMeanwhile."""
    became = _switched(was, on=on, now=desk.world.now())
    return await _became(desk, by, "webhook.started" if on else "webhook.stopped", (was, became), _nothing)


def _switched(one: Endpoint, *, on: bool, now: datetime) -> Endpoint:
    if on:
        return replace(one, failures=0, failed_at=None, disabled_at=None, disabled_why="")
    return one if one.disabled_at is not None else replace(one, disabled_at=now, disabled_why="")


async def remove(desk: Desk, by: UUID, was: Endpoint, *, also: Callable[[Endpoint], Sequence[Row]] = _nothing) -> None:
    """It is told nothing any more, and what was said to it is forgotten. Raises ChangedMeanwhile."""
    became = replace(was, removed_at=desk.world.now(), secret="", old_secret="", old_until=None)
    await _became(desk, by, "webhook.removed", (was, became), also)


async def try_out(desk: Desk, one: Endpoint, *, also: Callable[[Delivery], Sequence[Row]] = _nothing) -> Delivery:
    """Something that has not happened is sent, in a lane of its own."""
    id_ = desk.world.new_id()
    sent = _delivery(desk.world, one, TEST, Data(), event_id=id_, at=desk.world.now(), lane=id_, seq=0)
    await desk.store.send(one.id, now=sent.at, rows=(sent, *also(sent)))
    return sent


async def repeat(desk: Desk, one: Endpoint, delivery_id: UUID, *, also: Callable[[Delivery], Sequence[Row]] = _nothing) -> Delivery:
    """What was sent (or given up) is sent again, with the same id; what waits for a later try is tried now. Raises NotFound."""
    sent, now = await desk.store.delivery(one.id, delivery_id), desk.world.now()
    if sent is None:
        raise NotFound(what=N_("delivery"))
    waits = replace(sent, state="due", due_at=sent.due_at if sent.due_at == BEHIND and sent.state == "due" else now, tries=0)
    await desk.store.send(one.id, now=now, again=sent.id, rows=tuple(also(waits)))
    return waits


def state(one: Endpoint) -> State:
    """How an endpoint is."""
    return "disabled" if one.disabled_at is not None else "resting" if one.failures >= ENOUGH else "working"


async def untold(store: Store, business_id: UUID) -> Sequence[Endpoint]:
    """Those of a business that are told nothing though nobody has said so."""
    return [one for one in await store.endpoints(business_id) if one.disabled_why or state(one) == "resting"]


async def _became(desk: Desk, by: UUID, what: str, pair: tuple[Endpoint, Endpoint], also: Callable[[Endpoint], Sequence[Row]]) -> Endpoint:
    was, became = pair
    lines = (_line(desk, by, what, was, became),) if was != became else ()
    if not await desk.store.change_endpoint(was, became, now=desk.world.now(), rows=(*lines, *also(became))):
        raise ChangedMeanwhile
    return became


class _Noted(msgspec.Struct, frozen=True, kw_only=True):
    """What the audit keeps of an endpoint: no secret, and of the address only whose it is, for the rest may be one."""

    id: UUID
    business_id: UUID
    name: str
    types: str
    description: str
    disabled_at: datetime | None
    removed_at: datetime | None


def _line(desk: Desk, by: UUID, what: str, was: Endpoint | None, became: Endpoint) -> Audit:
    return audit.line(desk, by, what, None if was is None else _noted(was), _noted(became))


def _noted(one: Endpoint) -> _Noted:
    return _Noted(
        id=one.id,
        business_id=one.business_id,
        name=urlsplit(one.url).hostname or "",
        types=one.types,
        description=one.description,
        disabled_at=one.disabled_at,
        removed_at=one.removed_at,
    )


def check(desk: Desk, url: str) -> None:
    """Raises WebhookRefused for an address that cannot be told. Where its name leads is seen when it is: a name can change its mind."""
    at = _split(url)
    local = desk.webhooks_private
    if at.scheme != "https" and not (local and at.scheme == "http"):
        raise WebhookRefused(why=N_("it must begin with https://"))
    if not local and _private(at.hostname or ""):
        raise WebhookRefused(why=N_("it is not on the public Internet"))


def _split(url: str) -> SplitResult:
    url = url.strip()
    try:
        at = urlsplit(url)
        fine = bool(at.hostname) and at.port != 0
    except ValueError:
        fine = False
    if not fine or len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url or "#" in url:
        raise WebhookRefused(why=N_("it is not an address such as https://till.example/webhooks"))
    if at.username is not None or at.password is not None:
        raise WebhookRefused(why=N_("it must not have a name and a password in it"))
    return at


def _private(host: str) -> bool:
    host = host.rstrip(".")
    try:
        return not ip_address(host).is_global
    except ValueError:  # a name; but one whose last part is a number is an address (https://url.spec.whatwg.org/#ends-in-a-number-checker)
        last = host.rpartition(".")[2]
        return last.isdecimal() or last.startswith("0x") or last in _INSIDE


def _secret(world: World) -> str:
    """256 bits."""
    drawn = hashlib.sha256((world.token() + world.token()).encode()).digest()
    return "whsec_" + base64.b64encode(drawn).decode()
