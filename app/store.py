"""What the desk, the followers and the readers may ask of the database, whichever it is. ``app/db`` is the implementation."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, Literal, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from passes.businesses import Business, Location, Person, Role
from passes.campaigns import Campaign, Rules, Segment
from passes.cards import Card, Customer, Entry, Event
from passes.coupons import Channel, Coupon, Presented, Redemption, Refusal, Reversal
from passes.offers import Offer
from passes.programs import Program
from passes.wallets.base import Installation
from passes.words import Text

# --- Rows that only the house knows ---


class Staff(msgspec.Struct, frozen=True, kw_only=True):
    """A person who works for a business."""

    id: UUID
    business_id: UUID
    name: str
    email: str = ""
    role: Role
    suspended_at: datetime | None = None
    counter: bool = False
    """Not a person: a kiosk or an autopilot, which works by itself under its own name."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a member of staff proves who they are with. One row a person, made with the person; its id is the person's.

    ``password`` and ``pin`` are Argon2id in PHC format, or empty: then that way in is closed. ``version`` is written into
    every session; whatever changes here raises it, and that ends them all.
    """

    id: UUID
    business_id: UUID
    email: str = ""
    """In lower case. Unique within a business only: who has two shops may use one address for both."""
    password: str = ""
    pin: str = ""
    version: int = 0
    locked_at: datetime | None = None
    """Since when the PIN is locked, after too many wrong ones; a manager unlocks it."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A member of staff with what they sign in with, and their business."""

    staff: Staff
    login: Login
    business: Business


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey of a person (WebAuthn): the credential's id and public key as the browser gave them."""

    id: UUID
    business_id: UUID
    staff_id: UUID
    credential: bytes
    public_key: bytes
    sign_count: int
    name: str
    created_at: datetime
    used_at: datetime | None = None


CounterKind = Literal["staff", "kiosk", "autopilot"]


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """A browser enrolled for a location. Only the SHA-256 of the secret in its cookie is stored.

    On a ``staff`` counter people say who they are by PIN; a ``kiosk`` faces the customer and an ``autopilot`` has only a
    hardware scanner: both work as the staff row ``machine_id``.
    """

    id: UUID
    business_id: UUID
    location_id: UUID
    name: str
    kind: CounterKind
    machine_id: UUID | None = None
    secret_hash: bytes
    created_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


class Counting(msgspec.Struct, frozen=True, kw_only=True):
    """An enrolled browser with its location and its business."""

    counter: Counter
    location: Location
    business: Business


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A link that works once, until it expires: to enrol a browser as a counter, or to let a person set password and PIN.

    For a counter ``location_id``, ``name`` and ``counter`` say what it becomes; for a person ``staff_id`` says who.
    """

    id: UUID
    business_id: UUID
    kind: Literal["counter", "person"]
    secret_hash: bytes
    made_by: UUID
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    staff_id: UUID | None = None
    location_id: UUID | None = None
    name: str = ""
    counter: CounterKind = "staff"


class Strikes(msgspec.Struct, frozen=True):
    """How many wrong guesses were counted under a key, and when the last one was."""

    n: int = 0
    last: datetime | None = None


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer token that stands for a staff member at a location; only the SHA-256 of its secret is stored."""

    id: UUID
    business_id: UUID
    staff_id: UUID
    location_id: UUID
    name: str
    secret_hash: bytes
    created_at: datetime
    revoked_at: datetime | None = None


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who a token stands for, with the business that it works for."""

    person: Person
    business: Business


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The finished answer to a request with an Idempotency-Key, committed together with what the request changed."""

    caller_id: UUID
    key: str
    business_id: UUID
    digest: bytes
    """SHA-256 over method, path and body: the same key with another digest is a mistake of the caller."""
    status: int
    body: bytes
    at: datetime


class GoogleClass(msgspec.Struct, frozen=True, kw_only=True):
    """Which draft of a program's class Google has: ``digest`` is the SHA-256 of the body last accepted."""

    program_id: UUID
    business_id: UUID
    digest: bytes
    at: datetime


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor that refuses our credentials or requests: followers stop for it until ``probe_at``, then try one card."""

    wallet: Literal["apple", "google"]
    credential: str
    """Whose credentials: the pass type identifier, or Google's issuer id."""
    why: str
    since: datetime
    probe_at: datetime


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Whose an e-mail address or a phone number is within a business: one customer's, who was first to give it.

    ``value`` is ``mailto:`` and the address in lower case, or ``tel:`` and the digits. A second row of the same value is a Duplicate.
    ``proven``: staff or a till wrote it down, or whose it is has opened the link of a letter to it, which has the ``id`` in it: nobody
    else knows that. Until then it may be anybody's who typed it.
    """

    id: UUID
    business_id: UUID
    value: str
    customer_id: UUID
    proven: bool = False


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that a business brought, checked and made fit. ``digest`` is the SHA-256 (hex) of its bytes, by which it is named."""

    id: UUID
    business_id: UUID
    digest: str
    kind: Literal["image/png", "image/jpeg"]
    content: bytes
    at: datetime


ErrandKind = Literal["redraw", "campaign", "issue", "import", "change"]


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """Long work that goes on by itself, a portion at a time, whoever leaves (app.errands). How far it is, its portions say.

    ``body`` is JSON of what it is about, as its kind's story reads it; ``total`` is how many there are to do, as far as is known.
    """

    id: UUID
    business_id: UUID
    kind: ErrandKind
    body: str
    made_by: UUID
    made_at: datetime
    total: int
    due_at: datetime
    lease_until: datetime | None = None
    stopped_at: datetime | None = None
    ended_at: datetime | None = None


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """So far an errand has come: recorded in the unit that makes it true, and a second one of the same number is a Duplicate.

    ``after`` is where the next portion begins (as the kind's story reads it); ``done`` and ``failed`` are sums over all portions.
    """

    id: UUID
    business_id: UUID
    errand_id: UUID
    number: int
    after: str
    done: int
    failed: int = 0
    last: bool = False
    at: datetime


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a file that was brought (lines of an import), kept until its errand has ended."""

    id: UUID
    business_id: UUID
    errand_id: UUID
    number: int
    content: bytes


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign (or a program's birthday reward) has reached a card on an occasion: once, a second such row is a Duplicate.

    ``mail`` says how the e-mail of it stands, if there is one: due, sent or failed (``mail_tries`` times).
    """

    id: UUID
    business_id: UUID
    campaign_id: UUID
    card_id: UUID
    customer_id: UUID
    occasion: str
    at: datetime
    coupon_id: UUID | None = None
    mail: Literal["", "due", "sent", "failed"] = ""
    mail_tries: int = 0
    mail_at: datetime | None = None
    """When the e-mail is due, or was sent."""


class Insert(msgspec.Struct, frozen=True, kw_only=True):
    """A one-time QR on a receipt or in a delivery: who opens it gets ``gives`` stamps or points. Only its secret's SHA-256 is kept."""

    id: UUID
    business_id: UUID
    program_id: UUID
    batch_id: UUID
    secret_hash: bytes
    gives: int
    made_at: datetime
    expires_at: datetime | None = None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An insert was used: its id is the insert's, so that a second time is a Duplicate."""

    id: UUID
    business_id: UUID
    card_id: UUID
    at: datetime


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed what, when, from what to what. Written with the change, and never changed itself.

    ``what`` is a word such as ``offer.changed``, ``of_id`` the thing's id and ``name`` its name (never a customer's: of people only
    the names of the fields that changed are kept). ``was`` and ``became`` are JSON objects of the fields that differ.
    """

    id: UUID
    business_id: UUID
    at: datetime
    staff_id: UUID
    what: str
    of_id: UUID
    name: str = ""
    was: str = "{}"
    became: str = "{}"


Row = (
    Business
    | Location
    | Staff
    | Token
    | Program
    | Offer
    | Customer
    | Card
    | Coupon
    | Redemption
    | Reversal
    | Refusal
    | Entry
    | Event
    | Kept
    | Installation
    | Login
    | Passkey
    | Counter
    | Ticket
    | Contact
    | Picture
    | Errand
    | Portion
    | Sheet
    | Sent
    | Insert
    | Opened
    | Audit
    | Campaign
    | Segment
)
Revised = Business | Location | Program | Offer | Customer | Contact | Campaign | Segment
"""What is written anew as a whole (Store.revise); everything else only grows, or changes by a Change."""

# --- A unit of truth ---


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A compare-and-set: the row of this type and id becomes ``to`` if each column of ``seen`` still has its value.

    A card's ``changed_at`` can be seen, too: then nothing that touches it has happened since.
    """

    of: type[Card] | type[Coupon]
    id: UUID
    seen: Mapping[str, object]
    to: Mapping[str, object]


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Count one more (or one less) under ``key``; with ``most`` the unit is lost where that would pass it."""

    business_id: UUID
    key: str
    by: Literal[1, -1]
    most: int | None = None


CountKind = Literal[
    "redeemed", "goodwill", "refused", "issued", "used", "joined", "visit", "first_visit", "corrected", "compensated", "voided"
]
"""What is counted by the day (in the business's zone). ``used`` counts a redemption on the day on which its coupon was issued:
used over issued of the same days is the Redemption Rate. ``visit`` counts actions that added stamps or points, ``first_visit``
those that were a card's first."""
CountBy = Literal["all", "location", "offer", "staff", "hour"]


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """So many more (or fewer) of a kind on a day, in all or of one location, offer, person or hour.

    ``which`` is the id's text; for ``hour`` the hour of the week ("0" is Monday 00:00 … "167"), for ``all`` it is "".
    """

    business_id: UUID
    kind: CountKind
    by: CountBy
    which: str = ""
    day: date
    n: int = 1


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes true together or not at all: comparisons, new rows, and the cards whose face changes by it.

    A touched card gets the unit's place on the clock of changes as its ``version`` and ``at`` as ``changed_at``, and its
    installations become due at ``due_at`` (or stay due earlier).
    """

    at: datetime
    due_at: datetime
    changes: tuple[Change, ...] = ()
    tallies: tuple[Tally, ...] = ()
    counts: tuple[Count, ...] = ()
    rows: tuple[Row, ...] = ()
    touches: tuple[UUID, ...] = ()


class Unstorable(ValueError):
    """A text that no database keeps (with NUL, or half a surrogate pair): so nothing is known under it, and nothing can be."""


class Lost(Exception):
    """A comparison failed: somebody else was first. Nothing of the unit was recorded. Read again and decide again."""


class Duplicate(Exception):
    """A row exists already (an idempotency key, a code). ``of`` is its type's name. Nothing of the unit was recorded."""

    def __init__(self, of: str) -> None:
        self.of = of
        super().__init__(of)


class Overloaded(Exception):
    """The writer's queue is full; nothing of the unit was recorded."""


class DatabaseProblem(Exception):
    """The database cannot be reached or cannot write now. Its sentence says what to look at, and if it is not known what was recorded."""


class CardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A card with all that its face is derived from (see passes.face.face). ``coupons``: active, or used lately; newest first."""

    card: Card
    customer: Customer
    program: Program
    business: Business
    offers: Mapping[UUID, Offer]
    coupons: Sequence[Coupon]
    events: Sequence[Event]
    messages: Mapping[UUID, Text] = {}
    """What the campaigns say that its events name."""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """An installation that was taken, its card's version then (None: there is no such card), and when its coupons next begin or end."""

    installation: Installation
    version: int | None
    changes_at: datetime | None


# --- Whom a message reaches ---


class Reach(msgspec.Struct, frozen=True):
    """How many a campaign would reach now: cards that its rules mean, and customers, of whom each gets it on one card."""

    cards: int
    customers: int
    not_agreed: int
    """They have not consented to be sent offers."""
    enough: int
    """They agreed, and have had as many messages this week as one gets."""
    reached: int
    held: int
    """Of those reached, who have the card in a wallet, so that their phone can tell them."""
    mailed: int
    """Of those reached, who have an e-mail address."""


class Awaited(msgspec.Struct, frozen=True):
    """A card whose time for an automation has come: the occasion, and the coupon that it is about, if it is about one."""

    card: Card
    customer: Customer
    occasion: str
    coupon_id: UUID | None = None


class Results(msgspec.Struct, frozen=True):
    """What came of a campaign. ``shown``: a phone has fetched (or, Google's, was told) the card as it was then or later."""

    reached: int = 0
    shown: int = 0
    mail_due: int = 0
    mail_sent: int = 0
    mail_failed: int = 0
    coupons: int = 0
    redeemed: int = 0


# --- The history of presentations ---

Status = Literal["redeemed", "reversed", "goodwill", "refused"]


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which presentations are wanted; an empty tuple wants all. ``text``: part of a code, a customer's name or an offer's title."""

    text: str = ""
    statuses: tuple[Status, ...] = ()
    locations: tuple[UUID, ...] = ()
    staff: tuple[UUID, ...] = ()
    offers: tuple[UUID, ...] = ()
    counters: tuple[UUID, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    """The first moment that is not wanted any more."""


class Place(msgspec.Struct, frozen=True):
    """Where a page of the history ended: the next one begins after it (older)."""

    at: datetime
    id: UUID


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """One presentation of a code: a redemption (``reversed`` if it was taken back), a goodwill, or a refusal, with its names.

    ``id`` is the redemption's or the refusal's. A refusal of a code that is nobody's has no coupon, and ``presented`` is what
    was typed. ``prefix`` is the offer's; ``title`` is its title in every language.
    """

    id: UUID
    status: Status
    at: datetime
    code: str
    prefix: str = ""
    presented: str = ""
    coupon_id: UUID | None = None
    card_id: UUID | None = None
    offer_id: UUID | None = None
    title: Text | None = None
    customer: str = ""
    location_id: UUID
    location: str
    staff_id: UUID
    staff: str
    counter_id: UUID
    channel: Channel
    word: str = ""
    """Why it was refused."""
    reason: str = ""
    """Why it was honoured, or taken back."""
    reversed_at: datetime | None = None


# --- Customers, as those who look after them see them ---

PeopleOrder = Literal["newest", "visited", "visits"]
"""By when they joined, when they were last there (or joined), or how often they came; the most first."""


class Mark(msgspec.Struct, frozen=True):
    """Where a page of customers ended, by what they are in order of: the next one begins after it."""

    at: datetime | int
    id: UUID


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A customer with their cards by age, those that were left too; ``at`` is what the list is in order of."""

    customer: Customer
    cards: tuple[Card, ...]
    at: datetime | int = 0


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """All that is recorded of a customer, each kind newest first. ``family``: the customer, then those that were merged into them."""

    family: tuple[Customer, ...]
    cards: tuple[Card, ...]
    coupons: tuple[Coupon, ...]
    events: tuple[Event, ...]
    entries: tuple[Entry, ...]
    redemptions: tuple[Redemption, ...]
    reversals: tuple[Reversal, ...]
    refusals: tuple[Refusal, ...]


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """Two customers become one: ``keep`` becomes ``kept``, ``other`` is merged into it.

    ``cards`` are the other's cards that become one with a card of the kept customer (theirs, ours): their coupons move. Every other
    card of the other's is the kept customer's from now on. ``unit`` says what becomes of the cards that become one, and what is recorded.
    """

    keep: Customer
    kept: Customer
    other: Customer
    cards: Mapping[UUID, UUID]
    unit: Unit


GivenState = Literal["active", "expired", "redeemed", "voided"]
"""How a coupon stands, for people: an active one whose time is over is expired."""

# --- What came of the customers ---


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """Of the cards that joined in a time: how many there are, and how many were ever saved to a wallet, stamped, and so on."""

    joined: int = 0
    saved: int = 0
    stamped: int = 0
    earned: int = 0
    redeemed: int = 0


class Came(msgspec.Struct, frozen=True):
    """A card with how often it was there in a time."""

    card_id: UUID
    customer_id: UUID
    name: str
    visits: int


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """How many cards were there in a time, how often in all, and those that were there most."""

    cards: int = 0
    visits: int = 0
    most: tuple[Came, ...] = ()


class Returned(msgspec.Struct, frozen=True):
    """Of so many redemptions of an offer, after how many the card was there again."""

    offer_id: UUID
    redeemed: int
    returned: int


MOST_FOUND: Final = 20
"""Customers that a search at the counter gives at most: nobody reads further, and nobody shall list them all."""


class Store(Protocol):
    """The database. Reads see what is committed; every write goes through ``commit`` or one of the followers' verbs."""

    async def commit(self, unit: Unit) -> int:
        """Make a unit true; its place on the clock of changes. Raises Lost, Duplicate or Overloaded, and then nothing is."""
        ...

    # The hot path: these are grouped, so that a crowd costs about as much as one.
    async def caller(self, secret_hash: bytes) -> Caller | None:
        """Who a live token stands for (not revoked, staff not suspended)."""
        ...

    async def kept(self, caller_id: UUID, key: str) -> Kept | None:
        """The finished answer under an idempotency key."""
        ...

    async def presented(self, business_id: UUID, code: str) -> Presented | None:
        """A coupon of this business by its code, with all that the rule asks about."""
        ...

    # Cards and coupons, by id within a business.
    async def card_facts(
        self,
        *,
        business_id: UUID | None = None,
        card_id: UUID | None = None,
        number: str | None = None,
        serial: str | None = None,
        key: str | None = None,
    ) -> CardFacts | None:
        """A card and everything on it, by id or number within a business, or by serial or holder's key anywhere."""
        ...

    async def card_by_serial(self, serial: str) -> Card | None:
        """Just the card: what Apple's device calls need to authenticate."""
        ...

    async def cards_facts(self, card_ids: Sequence[UUID]) -> Mapping[UUID, CardFacts]:
        """Many cards at once, for the followers."""
        ...

    async def coupon(self, business_id: UUID, coupon_id: UUID) -> Presented | None:
        """A coupon by id."""
        ...

    async def redemption(self, business_id: UUID, redemption_id: UUID) -> tuple[Redemption, Presented] | None:
        """A redemption by id with its coupon as it is now."""
        ...

    async def coupon_history(self, business_id: UUID, coupon_id: UUID) -> Sequence[Redemption | Reversal | Refusal]:
        """Everything that happened to a coupon at a counter, oldest first."""
        ...

    async def done_at_desk(self, business_id: UUID, coupon_id: UUID) -> Sequence[Event]:
        """How a coupon was cancelled or extended, oldest first."""
        ...

    async def card_history(self, business_id: UUID, card_id: UUID, *, limit: int = 100) -> Sequence[Event]:
        """A card's events, newest first."""
        ...

    async def ledger(self, business_id: UUID, card_id: UUID) -> Sequence[Entry]:
        """A card's whole ledger, oldest first."""
        ...

    async def tick(self) -> int:
        """Where the clock of changes stands."""
        ...

    async def since(self, card_ids: Sequence[UUID], tick: int) -> Sequence[tuple[Event, UUID | None]]:
        """What happened to cards after a place on the clock, in order, each with the offer of its coupon."""
        ...

    async def refusals(self, business_id: UUID, *, limit: int = 100) -> Sequence[Refusal]:
        """The newest refusals first."""
        ...

    async def program(self, business_id: UUID, program_id: UUID) -> Program | None:
        """A program of this business."""
        ...

    async def programs(self, business_id: UUID) -> Sequence[Program]:
        """All programs of a business, by age."""
        ...

    async def offers(self, business_id: UUID, offer_ids: Sequence[UUID]) -> Mapping[UUID, Offer]:
        """Offers of this business by id."""
        ...

    async def businesses(self) -> Sequence[Business]:
        """All businesses of the installation, by age."""
        ...

    async def staff(self, business_id: UUID) -> Sequence[Staff]:
        """The people of a business."""
        ...

    async def locations(self, business_id: UUID) -> Sequence[Location]:
        """The locations of a business."""
        ...

    async def tokens(self, business_id: UUID) -> Sequence[Token]:
        """The tokens of a business by age, revoked ones too."""
        ...

    async def revise(self, pairs: Sequence[tuple[Revised, Revised]], rows: Sequence[Row] = ()) -> bool:
        """Write things anew, each if it is still as the first of its pair, and record rows with them: all or nothing.

        False if something has changed meanwhile: read again. Raises Duplicate. An offer that gets its first limit has its tallies
        counted from what was redeemed already.
        """
        ...

    # Customers, their contacts, and what they were sent.
    async def customer(self, business_id: UUID, customer_id: UUID) -> Customer | None:
        """A customer of this business."""
        ...

    async def contact(self, business_id: UUID, value: str) -> Contact | None:
        """Whose an e-mail address or phone number is."""
        ...

    async def cards_of(self, business_id: UUID, customer_id: UUID) -> Sequence[Card]:
        """A customer's cards by age, those that were left too."""
        ...

    async def forget(self, customer: Customer, *, at: datetime, also: Sequence[Customer] = (), rows: Sequence[Row] = ()) -> None:
        """Nothing is known of a person any more but what they did; rows are recorded with that. For good.

        ``also`` are those who were merged into them, and who are the same person under other names. Raises Lost if they are not (all
        of) those, or not as they were.

        Of the customer's row their language, when they joined and ``erased_at`` are left. Their contacts go; reasons, refused texts
        and kept answers that name them are blanked, and whoever asks for such an answer again is told that it is gone. A rule of a
        segment or a campaign that is their name, address or number loses it, and means nobody.
        """
        ...

    async def people(
        self,
        business_id: UUID,
        *,
        order: PeopleOrder = "newest",
        ids: Sequence[UUID] | None = None,
        after: Mark | None = None,
        limit: int = 50,
    ) -> Sequence[Known]:
        """Customers that are neither merged nor erased, in an order, after a mark; with ``ids`` only these."""
        ...

    async def people_like(self, business_id: UUID, text: str, *, limit: int = 50) -> Sequence[UUID]:
        """Customers whose name or phone contains the text (at least 3 characters), or whose e-mail address begins with it."""
        ...

    async def life(self, business_id: UUID, customer_id: UUID, *, limit: int = 500) -> Life | None:
        """All that is recorded of a customer and those merged into them, at most so much of each kind."""
        ...

    async def alike(self, business_id: UUID, *, limit: int = 50) -> Sequence[tuple[UUID, UUID]]:
        """Pairs of customers that are perhaps one person (older, newer): said so on joining, or of one name and one phone."""
        ...

    async def change_customer(self, was: Customer, became: Customer, contacts: Sequence[Contact], rows: Sequence[Row] = ()) -> bool:
        """Write a customer anew if they are still as they were, known by these contacts and no others; record rows with that.

        False if they are not. Raises Duplicate of Contact if one of the values is somebody else's.
        """
        ...

    async def merge(self, merge: Merge) -> int:
        """Make two customers one, all of it or nothing. Raises Lost if a customer or a card is not as it was seen, and Duplicate."""
        ...

    # Coupons: batches and pools.
    async def coupons(
        self,
        business_id: UUID,
        *,
        customer_id: UUID | None = None,
        batch_id: UUID | None = None,
        offer_id: UUID | None = None,
        after: UUID | None = None,
        limit: int = 100,
        pooled: bool = False,
    ) -> Sequence[Coupon]:
        """Coupons by id (so by age), after one: of a customer, of a batch and/or of an offer. Those in a pool only if asked for."""
        ...

    async def given(
        self,
        business_id: UUID,
        *,
        now: datetime,
        offer_id: UUID | None = None,
        batch_id: UUID | None = None,
        state: GivenState | None = None,
        after: Place | None = None,
        limit: int = 50,
    ) -> Sequence[tuple[Coupon, str]]:
        """Coupons that were given, the newest first, after (older than) a place; each with its customer's name ("" if it is nobody's)."""
        ...

    async def pooled(self, business_id: UUID, offer_id: UUID, *, limit: int, now: datetime | None = None) -> Sequence[Coupon]:
        """Codes that are left in an offer's pool; with ``now``, those that are not over.

        A Change from ``state`` pooled takes one: draw some, so that few fight for one.
        """
        ...

    async def pools(self, business_id: UUID) -> Mapping[UUID, int]:
        """How many codes are left, by offer."""
        ...

    async def outstanding(self, business_id: UUID, *, now: datetime) -> Mapping[UUID, tuple[int, int]]:
        """By offer: how many coupons can still be redeemed, now or later, and on how many cards they are."""
        ...

    async def balances(self, business_id: UUID, program_id: UUID) -> Mapping[int, int]:
        """How many cards of a program have so many stamps or points. None that was left."""
        ...

    async def known_codes(self, business_id: UUID, codes: Sequence[str]) -> frozenset[str]:
        """Which of these codes the business has already, in whatever state."""
        ...

    # Errands: long work.
    async def errand(self, business_id: UUID, errand_id: UUID) -> tuple[Errand, Portion | None] | None:
        """An errand with its newest portion."""
        ...

    async def errands(
        self, business_id: UUID, *, kind: ErrandKind | None = None, limit: int = 50
    ) -> Sequence[tuple[Errand, Portion | None]]:
        """A business's errands, the newest first."""
        ...

    async def take_errand(self, *, now: datetime, lease_until: datetime) -> tuple[Errand, Portion | None] | None:
        """One that is due, neither stopped nor ended, and in nobody's hands: ours until the lease ends."""
        ...

    async def put_errand(self, errand_id: UUID, *, due_at: datetime | None = None, ended_at: datetime | None = None) -> None:
        """Lay an errand down again: due later, or ended (then its sheets go)."""
        ...

    async def stop_errand(self, business_id: UUID, errand_id: UUID, at: datetime) -> bool:
        """Stop one that has not ended; what it did stays."""
        ...

    async def sheet(self, errand_id: UUID, number: int) -> Sheet | None:
        """A piece of the errand's file, from 0."""
        ...

    # Pictures, inserts, campaigns, audit.
    async def picture(self, digest: str) -> Picture | None:
        """A picture by its digest."""
        ...

    async def insert(self, secret_hash: bytes) -> tuple[Insert, bool] | None:
        """An insert by its secret, and whether it was used."""
        ...

    async def campaigns(self, business_id: UUID) -> Sequence[Campaign]:
        """All campaigns of a business, by age."""
        ...

    async def segments(self, business_id: UUID) -> Sequence[Segment]:
        """Rules that were given a name, by age."""
        ...

    async def remove_segment(self, business_id: UUID, segment_id: UUID, rows: Sequence[Row]) -> bool:
        """Forget rules that had a name, and record rows with that; False if there are none such (any more)."""
        ...

    async def campaign(self, business_id: UUID, campaign_id: UUID) -> Campaign | None:
        """A campaign of this business."""
        ...

    async def segment(
        self, business_id: UUID, rules: Rules, *, now: datetime, zone: ZoneInfo, after: UUID | None = None, limit: int = 100
    ) -> Sequence[tuple[Card, Customer]]:
        """The cards that rules mean, by id, after one. None that was left, none of somebody who was erased or merged."""
        ...

    async def segment_size(self, business_id: UUID, rules: Rules, *, now: datetime, zone: ZoneInfo) -> int:
        """How many cards that is."""
        ...

    async def reach(self, business_id: UUID, rules: Rules, *, now: datetime, zone: ZoneInfo, weekly: int) -> Reach:
        """How many a campaign for them would reach now, and why it does not reach others; ``weekly`` is the most for one in a week."""
        ...

    async def lately(
        self, customer_ids: Sequence[UUID], *, since: datetime, campaign_id: UUID | None = None
    ) -> Mapping[UUID, tuple[int, bool]]:
        """By customer: how many messages they were sent after a moment, and whether this campaign ever reached them."""
        ...

    async def awaited(
        self, campaign: Campaign, *, now: datetime, zone: ZoneInfo, weekly: int | None = None, limit: int = 100
    ) -> Sequence[Awaited]:
        """Cards for which an automation's time has come, and which it has not reached on this occasion.

        With ``weekly``, only of those who have had fewer messages this week and, where that is asked of them, agreed.
        """
        ...

    async def results(self, campaign_ids: Sequence[UUID]) -> Mapping[UUID, Results]:
        """What came of campaigns, of those that have reached anybody."""
        ...

    async def take_mail(self, *, now: datetime, lease_until: datetime, limit: int) -> Sequence[Sent]:
        """E-mails that are due, ours until the lease ends: by then they are due again."""
        ...

    async def put_mail(self, done: Sequence[Sent]) -> None:
        """Write back how e-mails stand (mail, mail_tries, mail_at)."""
        ...

    async def audited(
        self,
        business_id: UUID,
        *,
        staff_id: UUID | None = None,
        what: str = "",
        of_id: UUID | None = None,
        after: Place | None = None,
        limit: int = 50,
    ) -> Sequence[Audit]:
        """The audit, newest first, after (older than) a place; ``what`` is the beginning of the word (``offer.``)."""
        ...

    async def tallied(self, business_id: UUID, key: str) -> int:
        """What is counted under a key of a Tally."""
        ...

    async def revoke_token(self, token_id: UUID, at: datetime) -> None:
        """A token stands for nobody from now on."""
        ...

    # Who is there: people, counters, one-time links, guesses.
    async def members(self, *, business_id: UUID | None = None, staff_id: UUID | None = None, email: str | None = None) -> Sequence[Member]:
        """People with their logins: all of a business by age, one by id, or those with an e-mail address in any business.

        Machines and suspended people are among them: the asker decides. Given several conditions, all must hold.
        """
        ...

    async def replace_member(self, staff: Staff, login: Login, *, seen: int, rows: Sequence[Row] = ()) -> bool:
        """Write a person and their login anew, and record rows with them, if the login's version is still ``seen``.

        False: somebody was first.
        """
        ...

    async def passkeys(self, *, staff_id: UUID | None = None, credential: bytes | None = None) -> Sequence[Passkey]:
        """A person's passkeys by age, or the one with this credential id."""
        ...

    async def passkey_used(self, passkey_id: UUID, *, seen: int, sign_count: int, at: datetime) -> bool:
        """A passkey signed: its counter goes on from ``seen``. False if it has moved meanwhile (a clone, or a replay)."""
        ...

    async def remove_passkey(self, business_id: UUID, staff_id: UUID, passkey_id: UUID) -> bool:
        """Forget a passkey of this person."""
        ...

    async def counting(self, secret_hash: bytes) -> Counting | None:
        """The enrolled browser with this secret, not revoked. Grouped like ``caller``."""
        ...

    async def counters(self, business_id: UUID) -> Sequence[Counter]:
        """All counters of a business by age, revoked ones too."""
        ...

    async def counter_used(self, counter_id: UUID, at: datetime) -> None:
        """Remember that it was used now (the caller asks once a minute at most)."""
        ...

    async def change_counter(
        self,
        business_id: UUID,
        counter_id: UUID,
        *,
        name: str | None = None,
        revoked_at: datetime | None = None,
        rows: Sequence[Row] = (),
    ) -> bool:
        """Rename or revoke a counter of this business, and record rows with that; False if there is none such (any more)."""
        ...

    async def ticket(self, secret_hash: bytes) -> Ticket | None:
        """A one-time link, used and expired ones too."""
        ...

    async def use_ticket(self, ticket_id: UUID, *, at: datetime, rows: Sequence[Row] = ()) -> bool:
        """Use a link up and record what came of it, both or neither. False if it was used already."""
        ...

    async def strikes(self, key: str) -> Strikes:
        """The wrong guesses under a key."""
        ...

    async def strike(self, key: str, *, at: datetime, fresh: datetime) -> Strikes:
        """Count one more guess, from one again if the last was before ``fresh``. Atomic: parallel guesses all count."""
        ...

    async def forgive(self, key: str) -> None:
        """Forget the guesses under a key."""
        ...

    # History, numbers and search.
    async def past(self, business_id: UUID, wanted: Filter, *, after: Place | None = None, limit: int = 50) -> Sequence[Past]:
        """Presentations, the newest first, after (older than) a place. A handful of index reads, however many there are."""
        ...

    async def counted(self, business_id: UUID, *, since: date, until: date, by: Sequence[CountBy] = ...) -> Sequence[Count]:
        """The counts of the days from ``since`` to ``until`` (both included), without those that are zero; all, or only ``by`` these."""
        ...

    async def active_coupons(self, business_id: UUID, *, now: datetime, expired_since: datetime) -> tuple[int, int]:
        """(active and not over now, active in state but over since ``expired_since``): both from one partial index."""
        ...

    async def find_cards(self, business_id: UUID, text: str, *, limit: int = MOST_FOUND) -> Sequence[tuple[Card, Customer]]:
        """Cards that are not left, of customers whose name or phone contains the text (at least 3 characters), by name."""
        ...

    async def all_offers(self, business_id: UUID) -> Sequence[Offer]:
        """All offers of a business, by age."""
        ...

    # Insight.
    async def funnel(self, business_id: UUID, *, since: datetime, until: datetime) -> Funnel:
        """How far the cards have come that joined from ``since`` to before ``until``."""
        ...

    async def activity(self, business_id: UUID, *, since: datetime, until: datetime, limit: int = 10) -> Activity:
        """Who earned stamps or points from ``since`` to before ``until``, those who did most often first."""
        ...

    async def returned(self, business_id: UUID, *, since: datetime, until: datetime, days: int, newest: int) -> Sequence[Returned]:
        """Of the ``newest`` redemptions in a time, by offer: after how many the card was stamped on a later visit within so many days."""
        ...

    # Installations.
    async def installations(self, card_id: UUID) -> Sequence[Installation]:
        """All of a card, gone ones too, oldest first."""
        ...

    async def installation(self, *, wallet: str, address: str) -> Installation | None:
        """One by its address (a Google object's id)."""
        ...

    async def program_with_business(self, program_id: UUID) -> tuple[Program, Business] | None:
        """A program of any business: what is public about it is drawn for anybody."""
        ...

    async def register(self, installation: Installation, event: Event | None) -> bool:
        """An Apple device registers for a card, or a Google object is made: True if new (then ``event`` is recorded too).

        One that exists (card, wallet, address) gets the push token and comes back to life if it was gone.
        """
        ...

    async def unregister(
        self, *, wallet: str, address: str, card_id: UUID, at: datetime, event: Event, push_token: str | None = None
    ) -> bool:
        """A device gave a card up: True if it was registered (then ``event`` is recorded too). The row stays, with ``gone_at``.

        With ``push_token``, only if that is still its token: one that came back with another is alive.
        """
        ...

    async def saved(self, installation_id: UUID, *, at: datetime | None, event: Event, nonce: str) -> bool:
        """Google says that the object was saved (``at``) or deleted (None). False for a nonce seen before."""
        ...

    async def updated(self, *, device: str, pass_type: str, since: int) -> tuple[bool, Sequence[tuple[str, int]]]:
        """(device known, [(serial, version)] of its registered cards with a version above ``since``)."""
        ...

    async def asked(self, *, device: str, pass_type: str, at: datetime) -> None:
        """An Apple device asked what changed."""
        ...

    async def fetched(self, card_id: UUID, *, version: int, at: datetime) -> None:
        """An Apple device fetched the pass. The call names no device: the one that asked last and had not fetched is marked."""
        ...

    async def claim(
        self, *, now: datetime, lease_until: datetime, limit: int, stopped: Sequence[str], wallet: str | None = None
    ) -> Sequence[Due]:
        """Take due installations (of one ``wallet``) whose lease is free, by compare-and-set; none whose credential is ``stopped``."""
        ...

    async def settle(self, done: Sequence[Installation]) -> None:
        """Write back claimed installations (told, told_at, tries, due_at, gone_at, notified_at) and free their leases.

        One whose card has changed since ``told`` stays due.
        """
        ...

    async def lagging(self, wallet: str | None = None) -> int:
        """How many installations are behind their card."""
        ...

    async def pass_types(self) -> Mapping[tuple[UUID, str], int]:
        """How many Apple installations are not gone, by business and by the pass type that they are known under."""
        ...

    async def google_class(self, program_id: UUID) -> GoogleClass | None:
        """What Google has of a program's class."""
        ...

    async def keep_google_class(self, known: GoogleClass) -> None:
        """Remember what Google has now."""
        ...

    async def alarms(self) -> Sequence[Alarm]:
        """Vendors that are stopped now."""
        ...

    async def raise_alarm(self, alarm: Alarm) -> None:
        """Stop a vendor (or move its next probe)."""
        ...

    async def clear_alarm(self, wallet: str, credential: str) -> None:
        """The vendor is well again."""
        ...

    async def forget_kept(self, before: datetime) -> int:
        """Drop idempotency answers older than 24 hours; how many."""
        ...

    async def migrations_missing(self) -> Sequence[str]:
        """Migrations that this code has and the database has not."""
        ...

    async def close(self) -> None:
        """Finish what waits and let go of every connection."""
        ...
