"""The store, as far as both databases are alike: conversations in one SQL, and plain reading queries by Piccolo."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, TypeVar, get_args
from uuid import UUID

import msgspec
from msgspec.structs import replace
from piccolo.query import Select

from app.db import schema, tables
from app.db.engines import Engine, rows
from app.db.history import History, customers_like
from app.db.shapes import (
    ALARM,
    BUSINESS,
    CARD,
    COUNTER,
    COUPON,
    CUSTOMER,
    ENTRY,
    EVENT,
    GOOGLE_CLASS,
    INSTALLATION,
    KEPT,
    LOCATION,
    LOGIN,
    OFFER,
    PASSKEY,
    PROGRAM,
    REDEMPTION,
    REFUSAL,
    REVERSAL,
    STAFF,
    STRIKE,
    TICKET,
    TOKEN,
    Shape,
    as_day,
    as_id,
    as_moment,
    checked,
)
from app.db.statements import Ask, Dialect, Statements, Talk
from app.db.unit import Ready, ready
from app.store import (
    MOST_FOUND,
    Alarm,
    Caller,
    CardFacts,
    Count,
    CountBy,
    Counter,
    Counting,
    Due,
    Filter,
    GoogleClass,
    Kept,
    Login,
    Lost,
    Member,
    Passkey,
    Past,
    Place,
    Row,
    Staff,
    Strikes,
    Ticket,
    Token,
    Unit,
)
from passes.businesses import Business, Location, Person
from passes.cards import Card, Customer, Entry, Event
from passes.coupons import Coupon, Presented, Redemption, Refusal, Reversal, Used
from passes.offers import SECOND, Offer
from passes.programs import Program
from passes.wallets.base import Installation

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)
Key = tuple[Any, ...]

EVENTS: Final = 10
"""The newest events of a card that its face may need, and whose coupons it may have to name."""
CALLERS: Final = 4096
"""Callers that are remembered, by everything that is read of them each time: what changed is read anew."""
FORGOTTEN_AT_ONCE: Final = 5000
"""Old answers are dropped in portions, so that no redemption waits long for the broom."""

_CARD: Final = slice(0, len(CARD.names))
_HOLDER: Final = slice(_CARD.stop, _CARD.stop + len(CUSTOMER.names))
_COUPON: Final = slice(1, 1 + len(COUPON.names))
_OFFER: Final = slice(_COUPON.stop, _COUPON.stop + 1)
_CUSTOMER: Final = _OFFER.stop
_USED: Final = slice(_CUSTOMER + 1, _CUSTOMER + 1 + len(REDEMPTION.names))


class DatabaseStore(ABC):
    """app.store.Store over one database. What is abstract is how a conversation is held and how a unit is committed."""

    def __init__(self, engine: Engine, dialect: Dialect) -> None:
        """Binds the tables to the engine; ``app.db.engines.rows`` says why several stores in one process are still safe."""
        self._engine = engine
        self._dialect = dialect
        self._say = Statements(dialect)
        for table in tables.TABLES:
            table._meta.db = engine  # noqa: SLF001 (Piccolo's way of naming a table's engine)

    # --- What each database does in its own way ---

    @abstractmethod
    async def commit(self, unit: Unit) -> int:
        """See app.store.Store."""

    @abstractmethod
    async def caller(self, secret_hash: bytes) -> Caller | None:
        """See app.store.Store."""

    @abstractmethod
    async def counting(self, secret_hash: bytes) -> Counting | None:
        """See app.store.Store."""

    @abstractmethod
    async def kept(self, caller_id: UUID, key: str) -> Kept | None:
        """See app.store.Store."""

    @abstractmethod
    async def presented(self, business_id: UUID, code: str) -> Presented | None:
        """See app.store.Store."""

    @abstractmethod
    async def close(self) -> None:
        """See app.store.Store."""

    @abstractmethod
    async def _read(self, talk: Talk[T], *, heavy: bool = False) -> T:
        """Hold a reading conversation over one moment of the database; a ``heavy`` one may not hold others up."""

    @abstractmethod
    async def _write(self, talk: Talk[T]) -> T:
        """Hold a writing conversation: all of it becomes true, or nothing."""

    @abstractmethod
    def _reached(self) -> contextlib.AbstractContextManager[None]:
        """Turns the driver's complaint that the database is not there into a DatabaseProblem."""

    # --- The hot path, for a group of questions at once ---

    def _callers(self, hashes: Sequence[Key]) -> Talk[Sequence[Caller | None]]:
        found = yield Ask(self._say.caller, rows=_numbered(hashes))
        return _answers(hashes, ((row[0], _caller(*row[1:])) for row in found))

    def _countings(self, hashes: Sequence[Key]) -> Talk[Sequence[Counting | None]]:
        found = yield Ask(self._say.counting, rows=_numbered(hashes))
        return _answers(hashes, ((row[0], _counting(row[1:])) for row in found))

    def _kept(self, keys: Sequence[Key]) -> Talk[Sequence[Kept | None]]:
        found = yield Ask(self._say.kept, rows=_numbered(keys))
        return _answers(keys, ((row[0], KEPT.read(row[1:])) for row in found))

    def _presented(self, codes: Sequence[Key]) -> Talk[Sequence[Presented | None]]:
        return (yield from self._presented_by(self._say.presented, codes))

    def _presented_by(self, text: str, keys: Sequence[Key]) -> Talk[Sequence[Presented | None]]:
        found = yield Ask(text, rows=_numbered(keys))
        offers = [OFFER.read(row[_OFFER]) for row in found]
        wanted = {place for offer in offers for place in offer.locations}
        names: dict[UUID, str] = {}
        if wanted:
            names = {as_id(row[0]): row[1] for row in (yield Ask(self._say.places, (list(wanted),)))}
        return _answers(keys, ((row[0], _presented(row, offer, names)) for row, offer in zip(found, offers, strict=True)))

    # --- Cards and coupons ---

    async def card_facts(
        self,
        *,
        business_id: UUID | None = None,
        card_id: UUID | None = None,
        number: str | None = None,
        serial: str | None = None,
        key: str | None = None,
    ) -> CardFacts | None:
        """See app.store.Store."""
        if number is not None:
            if business_id is None:
                raise ValueError("a number is a card's only within a business")
            ask = Ask(self._say.card_by_number, (checked(number), business_id))
        else:
            by, value = next((by, value) for by, value in (("id", card_id), ("serial", serial), ("key", key)) if value is not None)
            ask = Ask(self._say.card_by[by], (checked(value),))
        found = await self._read(self._facts(ask))
        facts = next(iter(found.values()), None)
        return facts if facts is not None and business_id in (None, facts.card.business_id) else None

    async def cards_facts(self, card_ids: Sequence[UUID]) -> Mapping[UUID, CardFacts]:
        """See app.store.Store."""
        return await self._read(self._facts(Ask(self._say.cards, (list(card_ids),))), heavy=True)

    def _facts(self, ask: Ask) -> Talk[Mapping[UUID, CardFacts]]:
        cards = [
            (CARD.read(row[_CARD]), CUSTOMER.read(row[_HOLDER]), PROGRAM.read(row[-2:-1]), BUSINESS.read(row[-1:])) for row in (yield ask)
        ]
        if not cards:
            return {}
        ids = [card.id for card, *_ in cards]
        events = [EVENT.read(row) for row in (yield Ask(self._say.newest_events, (ids, EVENTS - 1)))]
        mentioned = list({event.coupon_id for event in events if event.coupon_id is not None})
        coupons = [COUPON.read(row) for row in (yield Ask(self._say.card_coupons, (ids, mentioned)))]
        coupons.sort(key=lambda coupon: (coupon.issued_at, coupon.id), reverse=True)
        wanted = {goal.offer_id for _, _, program, _ in cards for goal in program.goals} | {coupon.offer_id for coupon in coupons}
        offers = {as_id(row[0]): OFFER.read(row[1:]) for row in (yield Ask(self._say.offers, (list(wanted),)))}
        coupons_of, events_of = _by_card(coupons), _by_card(events)
        return {
            card.id: CardFacts(
                card=card,
                customer=customer,
                program=program,
                business=business,
                offers=_needed(offers, program, coupons_of.get(card.id, ())),
                coupons=coupons_of.get(card.id, ()),
                events=events_of.get(card.id, ()),
            )
            for card, customer, program, business in cards
        }

    async def card_by_serial(self, serial: str) -> Card | None:
        """See app.store.Store."""
        return await self._one(CARD, tables.Card.select().where(tables.Card.serial == checked(serial)))

    async def coupon(self, business_id: UUID, coupon_id: UUID) -> Presented | None:
        """See app.store.Store."""
        return (await self._read(self._presented_by(self._say.coupon, [(business_id, coupon_id)])))[0]

    async def redemption(self, business_id: UUID, redemption_id: UUID) -> tuple[Redemption, Presented] | None:
        """See app.store.Store."""
        table = tables.Redemption
        found = await self._one(REDEMPTION, table.select().where((table.id == redemption_id) & (table.business_id == business_id)))
        presented = await self.coupon(business_id, found.coupon_id) if found is not None else None
        return (found, presented) if found is not None and presented is not None else None

    async def coupon_history(self, business_id: UUID, coupon_id: UUID) -> Sequence[Redemption | Reversal | Refusal]:
        """See app.store.Store."""
        happened: list[Redemption | Reversal | Refusal] = []
        shapes: tuple[Shape[Any], ...] = (REDEMPTION, REVERSAL, REFUSAL)
        for shape in shapes:
            table: Any = shape.table
            happened += await self._all(shape, table.select().where((table.business_id == business_id) & (table.coupon_id == coupon_id)))
        return sorted(happened, key=lambda one: (one.at, one.id))

    async def card_history(self, business_id: UUID, card_id: UUID, *, limit: int = 100) -> Sequence[Event]:
        """See app.store.Store."""
        table = tables.Event
        mine = (table.business_id == business_id) & (table.card_id == card_id)
        return await self._all(EVENT, table.select().where(mine).order_by(table.seq, ascending=False).limit(limit))

    async def ledger(self, business_id: UUID, card_id: UUID) -> Sequence[Entry]:
        """See app.store.Store."""
        table = tables.Entry
        mine = (table.business_id == business_id) & (table.card_id == card_id)
        return await self._all(ENTRY, table.select().where(mine).order_by(table.number))

    async def refusals(self, business_id: UUID, *, limit: int = 100) -> Sequence[Refusal]:
        """See app.store.Store."""
        table = tables.Refusal
        newest = table.select().where(table.business_id == business_id).order_by(table.at, table.id, ascending=False).limit(limit)
        return await self._all(REFUSAL, newest)

    # --- What is configured ---

    async def program(self, business_id: UUID, program_id: UUID) -> Program | None:
        """See app.store.Store."""
        table = tables.Program
        return await self._one(PROGRAM, table.select().where((table.id == program_id) & (table.business_id == business_id)))

    async def program_with_business(self, program_id: UUID) -> tuple[Program, Business] | None:
        """See app.store.Store."""
        program = await self._one(PROGRAM, tables.Program.select().where(tables.Program.id == program_id))
        if program is None:
            return None
        business = await self._one(BUSINESS, tables.Business.select().where(tables.Business.id == program.business_id))
        return (program, business) if business is not None else None

    async def programs(self, business_id: UUID) -> Sequence[Program]:
        """See app.store.Store."""
        return await self._of_business(PROGRAM, business_id)

    async def offers(self, business_id: UUID, offer_ids: Sequence[UUID]) -> Mapping[UUID, Offer]:
        """See app.store.Store."""
        found = {as_id(row[0]): OFFER.read(row[1:]) for row in await self._read(_just(Ask(self._say.offers, (list(offer_ids),))))}
        return {offer_id: offer for offer_id, offer in found.items() if offer.business_id == business_id}

    async def businesses(self) -> Sequence[Business]:
        """See app.store.Store."""
        return await self._all(BUSINESS, tables.Business.select().order_by(tables.Business.created))

    async def staff(self, business_id: UUID) -> Sequence[Staff]:
        """See app.store.Store."""
        return await self._of_business(STAFF, business_id)

    async def locations(self, business_id: UUID) -> Sequence[Location]:
        """See app.store.Store."""
        return await self._of_business(LOCATION, business_id)

    async def tokens(self, business_id: UUID) -> Sequence[Token]:
        """See app.store.Store."""
        table = tables.Token
        return await self._all(TOKEN, table.select().where(table.business_id == business_id).order_by(table.created_at, table.id))

    async def replace_business(self, business: Business) -> None:
        """See app.store.Store."""
        await self._write(_just(Ask(self._say.replace_business, BUSINESS.row(business))))

    async def replace_offer(self, offer: Offer) -> None:
        """See app.store.Store."""
        await self._write(_just(Ask(self._say.replace_offer, OFFER.row(offer))))

    async def revoke_token(self, token_id: UUID, at: datetime) -> None:
        """See app.store.Store."""
        await self._write(_just(Ask(self._say.revoke, (token_id, checked(at)))))

    # --- Who is there ---

    async def members(self, *, business_id: UUID | None = None, staff_id: UUID | None = None, email: str | None = None) -> Sequence[Member]:
        """See app.store.Store. Raises ValueError if nothing is asked for."""
        asked = {"business_id": business_id, "staff_id": staff_id, "email": email}
        wanted = {name: checked(value) for name, value in asked.items() if value is not None}
        if not wanted:
            raise ValueError("whose members?")
        found = await self._read(_just(Ask(self._say.members[tuple(wanted)], tuple(wanted.values()))))
        return [Member(login=LOGIN.read(row), staff=STAFF.read(row[-2:-1]), business=BUSINESS.read(row[-1:])) for row in found]

    async def replace_member(self, staff: Staff, login: Login, *, seen: int) -> bool:
        """See app.store.Store. Raises Duplicate for an e-mail address that a colleague has."""
        return await self._write(self._replace_member(STAFF.row(staff), (*LOGIN.row(login), seen)))

    def _replace_member(self, staff: Key, login: Key) -> Talk[bool]:
        *of_login, version, locked_at, seen = login
        if not (yield Ask(self._say.replace_login, (*of_login, version, locked_at, seen))):
            return False
        yield Ask(self._say.replace_staff, staff)
        return True

    async def passkeys(self, *, staff_id: UUID | None = None, credential: bytes | None = None) -> Sequence[Passkey]:
        """See app.store.Store. Raises ValueError if nothing is asked for."""
        table = tables.Passkey
        asked = [column == value for column, value in ((table.staff_id, staff_id), (table.credential, credential)) if value is not None]
        if not asked:
            raise ValueError("whose passkeys?")
        return await self._all(PASSKEY, table.select().where(*asked).order_by(table.created_at, table.id))

    async def passkey_used(self, passkey_id: UUID, *, seen: int, sign_count: int, at: datetime) -> bool:
        """See app.store.Store."""
        return bool(await self._write(_just(Ask(self._say.passkey_used, (passkey_id, seen, sign_count, checked(at))))))

    async def remove_passkey(self, business_id: UUID, staff_id: UUID, passkey_id: UUID) -> bool:
        """See app.store.Store."""
        return bool(await self._write(_just(Ask(self._say.remove_passkey, (passkey_id, business_id, staff_id)))))

    async def counters(self, business_id: UUID) -> Sequence[Counter]:
        """See app.store.Store."""
        table = tables.Counter
        return await self._all(COUNTER, table.select().where(table.business_id == business_id).order_by(table.created_at, table.id))

    async def counter_used(self, counter_id: UUID, at: datetime) -> None:
        """See app.store.Store."""
        await self._write(_just(Ask(self._say.counter_used, (counter_id, checked(at)))))

    async def change_counter(
        self, business_id: UUID, counter_id: UUID, *, name: str | None = None, revoked_at: datetime | None = None
    ) -> bool:
        """See app.store.Store."""
        values = (counter_id, business_id, checked(name), checked(revoked_at))
        return bool(await self._write(_just(Ask(self._say.change_counter, values))))

    async def ticket(self, secret_hash: bytes) -> Ticket | None:
        """See app.store.Store."""
        return await self._one(TICKET, tables.Ticket.select().where(tables.Ticket.secret_hash == secret_hash))

    async def use_ticket(self, ticket_id: UUID, *, at: datetime, rows: Sequence[Row] = ()) -> bool:
        """See app.store.Store. Raises Duplicate for a row that is there already."""
        return await self._write(self._use_ticket((ticket_id, checked(at)), ready(Unit(at=at, due_at=at, rows=tuple(rows)))))

    def _use_ticket(self, used: Key, unit: Ready) -> Talk[bool]:
        if not (yield Ask(self._say.use_ticket, used)):
            return False
        if unit.rows:
            [(tick,)] = yield Ask(self._say.tick, (unit.ticks,))
            for shape, values in unit.placed(tick - unit.ticks + 1):
                yield Ask(self._say.insert(shape), values)
        return True

    async def strikes(self, key: str) -> Strikes:
        """See app.store.Store."""
        table = tables.Strike
        return (await self._one(STRIKE, table.select().where(table.key == checked(key)))) or Strikes()

    async def strike(self, key: str, *, at: datetime, fresh: datetime) -> Strikes:
        """See app.store.Store."""
        [row] = await self._write(_just(Ask(self._say.strike, (checked(key), checked(at), checked(fresh)))))
        return STRIKE.read(row)

    async def forgive(self, key: str) -> None:
        """See app.store.Store."""
        await self._write(_just(Ask(self._say.forgive, (checked(key),))))

    # --- History, numbers and search ---

    async def past(self, business_id: UUID, wanted: Filter, *, after: Place | None = None, limit: int = 50) -> Sequence[Past]:
        """See app.store.Store."""
        checked(wanted.text)
        wanted = replace(wanted, since=checked(wanted.since), until=checked(wanted.until))
        after = after and Place(checked(after.at), after.id)
        return await self._read(History(self._dialect, business_id, wanted, after=after, limit=limit).page(), heavy=True)

    async def counted(self, business_id: UUID, *, since: date, until: date, by: Sequence[CountBy] = get_args(CountBy)) -> Sequence[Count]:
        """See app.store.Store."""
        found = await self._read(_just(Ask(self._say.counted, (business_id, since, until, list(by)))), heavy=True)
        return [Count(business_id=business_id, kind=kind, by=one, which=which, day=as_day(day), n=n) for kind, one, which, day, n in found]

    async def active_coupons(self, business_id: UUID, *, now: datetime, expired_since: datetime) -> tuple[int, int]:
        """See app.store.Store."""
        values = (business_id, checked(now) - SECOND, checked(expired_since) - SECOND)
        [(active, expired)] = await self._read(_just(Ask(self._say.active_coupons, values)), heavy=True)
        return active, expired

    async def find_cards(self, business_id: UUID, text: str, *, limit: int = MOST_FOUND) -> Sequence[tuple[Card, Customer]]:
        """See app.store.Store."""
        return await self._read(customers_like(self._dialect, business_id, checked(text), limit=limit), heavy=True)

    async def all_offers(self, business_id: UUID) -> Sequence[Offer]:
        """See app.store.Store."""
        return await self._of_business(OFFER, business_id)

    # --- Installations ---

    async def installations(self, card_id: UUID) -> Sequence[Installation]:
        """See app.store.Store."""
        table = tables.Installation
        return await self._all(INSTALLATION, table.select().where(table.card_id == card_id).order_by(table.registered_at, table.id))

    async def installation(self, *, wallet: str, address: str) -> Installation | None:
        """See app.store.Store."""
        table = tables.Installation
        return await self._one(INSTALLATION, table.select().where((table.address == checked(address)) & (table.wallet == wallet)))

    async def register(self, installation: Installation, event: Event | None) -> bool:
        """See app.store.Store. One that had gone is new again. Raises Lost if the card is not there."""
        return await self._write(self._register(installation, INSTALLATION.row(installation), EVENT.row(event) if event else None))

    def _register(self, new: Installation, row: Key, event: Key | None) -> Talk[bool]:
        card = yield Ask(self._say.hold_card, (new.card_id,))
        if not card:
            raise Lost
        [(version, changed_at)] = card
        known = yield Ask(self._say.hold_installation, (new.card_id, new.wallet, checked(new.address)))
        if known and known[0][1] is None:
            renewed = (known[0][0], checked(new.credential), checked(new.push_token), new.due_at, new.told, checked(new.registered_at))
            yield Ask(self._say.renew, renewed)
            return False
        values = dict(zip(INSTALLATION.columns, row, strict=True))
        if version > new.told:  # it changed between the drawing of what was installed and now
            values["due_at"] = min(as_moment(changed_at), values["due_at"] or as_moment(changed_at))
        if known:
            changed = ("credential", "push_token", "registered_at", "told", "told_at", "saved_at", "due_at")
            yield Ask(self._say.revive, (known[0][0], *(values[name] for name in changed)))
        else:
            yield Ask(self._say.insert(INSTALLATION), tuple(values.values()))
        if event is not None:
            yield from self._tell(event)
        return True

    async def unregister(
        self, *, wallet: str, address: str, card_id: UUID, at: datetime, event: Event, push_token: str | None = None
    ) -> bool:
        """See app.store.Store."""
        return await self._write(self._unregister((card_id, wallet, checked(address), checked(at), push_token), EVENT.row(event)))

    def _unregister(self, gone: Key, event: Key) -> Talk[bool]:
        if not (yield Ask(self._say.leave, gone)):
            return False
        yield from self._tell(event)
        return True

    async def saved(self, installation_id: UUID, *, at: datetime | None, event: Event, nonce: str) -> bool:
        """See app.store.Store. False also for an installation that is not there."""
        return await self._write(self._saved((installation_id, checked(at)), EVENT.row(event), (checked(nonce), checked(event.at))))

    def _saved(self, saved: Key, event: Key, heard: Key) -> Talk[bool]:
        if not (yield Ask(self._say.heard, heard)) or not (yield Ask(self._say.saved, saved)):
            return False
        yield from self._tell(event)
        return True

    def _tell(self, event: Key) -> Talk[None]:
        """Record an event that comes with no unit. The clock comes last, as in a unit: whoever holds it waits for nobody."""
        [(tick,)] = yield Ask(self._say.tick, (1,))
        yield Ask(self._say.insert(EVENT), (*event, tick))

    async def updated(self, *, device: str, pass_type: str, since: int) -> tuple[bool, Sequence[tuple[str, int]]]:
        """See app.store.Store. The oldest change first."""
        found = await self._read(_just(Ask(self._say.device, (checked(device), checked(pass_type)))))
        changed = [(serial, version) for serial, version in found if version > since]
        return bool(found), sorted(changed, key=lambda one: one[1])

    async def asked(self, *, device: str, pass_type: str, at: datetime) -> None:
        """See app.store.Store."""
        await self._write(_just(Ask(self._say.asked, (checked(device), checked(pass_type), checked(at)))))

    async def fetched(self, card_id: UUID, *, version: int, at: datetime) -> None:
        """See app.store.Store."""
        await self._write(_just(Ask(self._say.fetched, (card_id, version, checked(at)))))

    async def claim(
        self, *, now: datetime, lease_until: datetime, limit: int, stopped: Sequence[str], wallet: str | None = None
    ) -> Sequence[Due]:
        """See app.store.Store. While claimed, ``due_at`` is the end of the lease."""
        values = (checked(now), checked(lease_until), limit, list(stopped))
        ask = Ask(self._say.claim, values) if wallet is None else Ask(self._say.claim_of, (*values, wallet))
        return await self._write(self._claim(ask, checked(now)))

    def _claim(self, ask: Ask, now: datetime) -> Talk[Sequence[Due]]:
        claimed = [INSTALLATION.read(row) for row in (yield ask)]
        cards = list({one.card_id for one in claimed})
        found = (yield Ask(self._say.standing, (cards, now, now - SECOND))) if cards else ()
        standing = {as_id(card_id): (version, changes_at and as_moment(changes_at)) for card_id, version, changes_at in found}
        due = ((one, *standing.get(one.card_id, (None, None))) for one in claimed)
        return [Due(installation=one, version=version, changes_at=changes_at) for one, version, changes_at in due]

    async def settle(self, done: Sequence[Installation]) -> None:
        """See app.store.Store. One whose lease is somebody else's by now is left to them; ``lease_until`` None is anybody's.

        A card that was touched during the lease is due as the touch says, or sooner; one that is behind without a time, at once.
        """
        if done:
            await self._write(self._settle([dict(zip(INSTALLATION.columns, INSTALLATION.row(one), strict=True)) for one in done]))

    def _settle(self, done: Sequence[Mapping[str, Any]]) -> Talk[None]:
        # Held first and read afterwards: a unit that was touching one of these cards is then seen with its version.
        yield Ask(self._say.hold, ([one["id"] for one in done],))
        names = ("id", "lease_until", "told", "told_at", "tries", "notified_at", "due_at", "gone_at")
        yield Ask(self._say.settle, rows=[tuple(one[name] for name in names) for one in done], silent=True)

    async def lagging(self, wallet: str | None = None) -> int:
        """See app.store.Store."""
        return int((await self._read(_just(Ask(self._say.lagging, (wallet,))), heavy=True))[0][0])

    async def pass_types(self) -> Mapping[tuple[UUID, str], int]:
        """See app.store.Store."""
        found = await self._read(_just(Ask(self._say.pass_types)), heavy=True)
        return {(as_id(business_id), pass_type): phones for business_id, pass_type, phones in found}

    # --- Vendors and housekeeping ---

    async def google_class(self, program_id: UUID) -> GoogleClass | None:
        """See app.store.Store."""
        return await self._one(GOOGLE_CLASS, tables.GoogleClass.select().where(tables.GoogleClass.program_id == program_id))

    async def keep_google_class(self, known: GoogleClass) -> None:
        """See app.store.Store."""
        await self._write(_just(Ask(self._say.keep_google_class, GOOGLE_CLASS.row(known))))

    async def alarms(self) -> Sequence[Alarm]:
        """See app.store.Store."""
        return await self._all(ALARM, tables.Alarm.select().order_by(tables.Alarm.since, tables.Alarm.id))

    async def raise_alarm(self, alarm: Alarm) -> None:
        """See app.store.Store. One that rings already keeps its ``since``."""
        await self._write(_just(Ask(self._say.raise_alarm, ALARM.row(alarm))))

    async def clear_alarm(self, wallet: str, credential: str) -> None:
        """See app.store.Store."""
        await self._write(_just(Ask(self._say.clear_alarm, (wallet, credential))))

    async def forget_kept(self, before: datetime) -> int:
        """See app.store.Store. Guesses that are as old are forgotten too: nobody counts them any more."""
        await self._write(_just(Ask(self._say.forget_strikes, (checked(before),))))
        forgotten = 0
        while True:
            dropped = len(await self._write(_just(Ask(self._say.forget, (checked(before), FORGOTTEN_AT_ONCE)))))
            forgotten += dropped
            if dropped < FORGOTTEN_AT_ONCE:
                return forgotten

    async def migrations_missing(self) -> Sequence[str]:
        """See app.store.Store."""
        with self._reached():
            return await schema.missing(self._engine)

    # --- Plain queries ---

    async def _all(self, shape: Shape[S], query: Select[Any]) -> list[S]:
        with self._reached():
            return [shape.read([row[name] for name in shape.names]) for row in await rows(self._engine, query)]

    async def _one(self, shape: Shape[S], query: Select[Any]) -> S | None:
        return next(iter(await self._all(shape, query.limit(1))), None)

    async def _of_business(self, shape: Shape[S], business_id: UUID) -> list[S]:
        table: Any = shape.table
        return await self._all(shape, table.select().where(table.business_id == business_id).order_by(table.created))


def _just(ask: Ask) -> Talk[Sequence[Sequence[Any]]]:
    """A conversation of one question."""
    return (yield ask)


def _numbered(keys: Sequence[Key]) -> list[Key]:
    return [(number, *key) for number, key in enumerate(keys)]


def _answers(keys: Sequence[Key], found: Iterable[tuple[int, T]]) -> Sequence[T | None]:
    """An answer to each question of a group, in its order."""
    by = dict(found)
    return [by.get(number) for number in range(len(keys))]


@lru_cache(CALLERS)
def _caller(token_id: UUID | str, location_id: UUID | str, location: str, staff: str, business: str) -> Caller:
    person = STAFF.read((staff,))
    return Caller(
        person=Person(
            staff_id=person.id,
            staff=person.name,
            role=person.role,
            location_id=as_id(location_id),
            location=location,
            counter_id=as_id(token_id),
        ),
        business=BUSINESS.read((business,)),
    )


def _counting(row: Sequence[Any]) -> Counting:
    return Counting(counter=COUNTER.read(row[2:]), location=LOCATION.read(row), business=BUSINESS.read(row[1:]))


def _presented(row: Sequence[Any], offer: Offer, names: Mapping[UUID, str]) -> Presented:
    staff, location, in_all, by_customer = row[_USED.stop :]
    used = row[_USED]
    return Presented(
        coupon=COUPON.read(row[_COUPON]),
        offer=offer,
        customer=row[_CUSTOMER] or "",
        used=Used(redemption=REDEMPTION.read(used), location=location or "", staff=staff or "") if used[0] is not None else None,
        places=tuple(names[place] for place in offer.locations if place in names),
        redeemed_in_all=max(0, in_all or 0),
        redeemed_by_customer=max(0, by_customer or 0),
    )


def _by_card(found: Sequence[T]) -> dict[UUID, list[T]]:
    by: dict[UUID, list[T]] = {}
    for one in found:
        by.setdefault(one.card_id, []).append(one)  # type: ignore[attr-defined]
    return by


def _needed(offers: Mapping[UUID, Offer], program: Program, coupons: Sequence[Coupon]) -> Mapping[UUID, Offer]:
    """The offers of a program's goals and of a card's coupons."""
    wanted = {goal.offer_id for goal in program.goals} | {coupon.offer_id for coupon in coupons}
    return {offer_id: offers[offer_id] for offer_id in wanted if offer_id in offers}
