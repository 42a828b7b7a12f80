"""The tables, as Piccolo knows them: they define the schema, the migrations and the plain reading queries.

Every table carries ``business_id``, except the clock, the alarms, the nonces and the strikes, which belong to the installation.
What is configured (business, location, staff, program, offer) is one JSON ``body`` of its Struct beside the few columns
that are searched, so that a field can be added with a default and without a migration. What is written at the counter
has a column for each field of its Struct, in the order of the fields, and then what only the database knows.

There are no foreign keys: on PostgreSQL each one takes a share lock on the row it names, so that every redemption of a
business would lock the same few rows of its offers, staff and locations; the units name only rows that were just read, and nothing
that is named is ever deleted. Texts have no length here: SQLite would not enforce it (the Structs and the web do).
"""

from typing import Final

from piccolo.columns import UUID, BigInt, BigSerial, Boolean, Bytea, Date, Integer, Text, Timestamptz
from piccolo.table import Table

CLOCK: Final = 1
"""The id of the clock's only row."""


class Business(Table, tablename="business"):
    """One tenant. ``created`` is its place on the clock of changes."""

    id = UUID(primary_key=True, default=None)
    body = Text(default=None)
    created = BigInt(default=None)


class Location(Table, tablename="location"):
    """A branch or till position."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    name = Text(default=None)
    body = Text(default=None)
    created = BigInt(default=None)


class Staff(Table, tablename="staff"):
    """A person who works for a business."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    name = Text(default=None)
    suspended_at = Timestamptz(default=None, null=True)
    body = Text(default=None)
    created = BigInt(default=None)


class Login(Table, tablename="login"):
    """What a member of staff proves who they are with."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    email = Text(default=None)
    password = Text(default=None)
    pin = Text(default=None)
    version = BigInt(default=None)
    locked_at = Timestamptz(default=None, null=True)


class Passkey(Table, tablename="passkey"):
    """A passkey of a person."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    staff_id = UUID(default=None)
    credential = Bytea(default=None)
    public_key = Bytea(default=None)
    sign_count = BigInt(default=None)
    name = Text(default=None)
    created_at = Timestamptz(default=None)
    used_at = Timestamptz(default=None, null=True)


class Counter(Table, tablename="counter"):
    """A browser enrolled for a location; only the SHA-256 of its secret."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    location_id = UUID(default=None)
    name = Text(default=None)
    kind = Text(default=None)
    machine_id = UUID(default=None, null=True)
    secret_hash = Bytea(default=None)
    created_at = Timestamptz(default=None)
    used_at = Timestamptz(default=None, null=True)
    revoked_at = Timestamptz(default=None, null=True)


class Ticket(Table, tablename="ticket"):
    """A link that works once; only the SHA-256 of its secret."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    kind = Text(default=None)
    secret_hash = Bytea(default=None)
    made_by = UUID(default=None)
    made_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    used_at = Timestamptz(default=None, null=True)
    staff_id = UUID(default=None, null=True)
    location_id = UUID(default=None, null=True)
    name = Text(default=None)
    counter = Text(default=None)


class Strike(Table, tablename="strike"):
    """How many wrong guesses were counted under a key."""

    key = Text(primary_key=True, default=None)
    n = BigInt(default=None)
    last = Timestamptz(default=None)


class Program(Table, tablename="program"):
    """How cards earn."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    body = Text(default=None)
    created = BigInt(default=None)


class Offer(Table, tablename="offer"):
    """What somebody gets. ``limited`` says that its redemptions are counted in ``tally``."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    limited = Boolean(default=None)
    body = Text(default=None)
    created = BigInt(default=None)


class Token(Table, tablename="token"):
    """A bearer token; only the SHA-256 of its secret."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    staff_id = UUID(default=None)
    location_id = UUID(default=None)
    name = Text(default=None)
    secret_hash = Bytea(default=None)
    created_at = Timestamptz(default=None)
    revoked_at = Timestamptz(default=None, null=True)


class Customer(Table, tablename="customer"):
    """A person known to one business. ``sought`` is their name and phone as they are looked for (app.db.sought)."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    name = Text(default=None)
    email = Text(default=None)
    phone = Text(default=None)
    language = Text(default=None)
    joined_at = Timestamptz(default=None)
    birthday = Text(default="")
    consent_at = Timestamptz(default=None, null=True)
    note = Text(default="")
    location_id = UUID(default=None, null=True)
    maybe_id = UUID(default=None, null=True)
    merged_into = UUID(default=None, null=True)
    erased_at = Timestamptz(default=None, null=True)
    sought = Text(default="")


class Card(Table, tablename="card"):
    """A customer's membership of a program."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    program_id = UUID(default=None)
    customer_id = UUID(default=None)
    number = Text(default=None)
    serial = Text(default=None)
    token = Text(default=None)
    key = Text(default=None)
    balance = BigInt(default=None)
    entries = BigInt(default=None)
    version = BigInt(default=None)
    joined_at = Timestamptz(default=None)
    changed_at = Timestamptz(default=None)
    left_at = Timestamptz(default=None, null=True)
    visited_at = Timestamptz(default=None, null=True)
    visits = BigInt(default=0)
    location_id = UUID(default=None, null=True)


class Coupon(Table, tablename="coupon"):
    """One right to one offer."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    offer_id = UUID(default=None)
    card_id = UUID(default=None, null=True)
    customer_id = UUID(default=None, null=True)
    code = Text(default=None)
    state = Text(default=None)
    issued_at = Timestamptz(default=None)
    valid_from = Timestamptz(default=None, null=True)
    expires_at = Timestamptz(default=None, null=True)
    redemption_id = UUID(default=None, null=True)
    voided_at = Timestamptz(default=None, null=True)
    batch_id = UUID(default=None, null=True)


class Redemption(Table, tablename="redemption"):
    """The record that a coupon was used."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    coupon_id = UUID(default=None)
    card_id = UUID(default=None, null=True)
    kind = Text(default=None)
    at = Timestamptz(default=None)
    location_id = UUID(default=None)
    staff_id = UUID(default=None)
    counter_id = UUID(default=None)
    channel = Text(default=None)
    reason = Text(default=None)
    offer_id = UUID(default=None, null=True)
    customer_id = UUID(default=None, null=True)


class Reversal(Table, tablename="reversal"):
    """The record that takes a redemption back."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    redemption_id = UUID(default=None)
    coupon_id = UUID(default=None)
    at = Timestamptz(default=None)
    location_id = UUID(default=None)
    staff_id = UUID(default=None)
    counter_id = UUID(default=None)
    reason = Text(default=None)
    redeemed_at = Timestamptz(default=None, null=True)


class Refusal(Table, tablename="refusal"):
    """The record that a code was presented and not redeemed. ``sought`` is what was presented if it is no coupon's, as codes are kept."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    presented = Text(default=None)
    coupon_id = UUID(default=None, null=True)
    word = Text(default=None)
    at = Timestamptz(default=None)
    location_id = UUID(default=None)
    staff_id = UUID(default=None)
    counter_id = UUID(default=None)
    channel = Text(default=None)
    offer_id = UUID(default=None, null=True)
    customer_id = UUID(default=None, null=True)
    sought = Text(default="")


class Entry(Table, tablename="entry"):
    """One line of a card's ledger."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    card_id = UUID(default=None)
    number = BigInt(default=None)
    kind = Text(default=None)
    amount = BigInt(default=None)
    balance = BigInt(default=None)
    at = Timestamptz(default=None)
    location_id = UUID(default=None)
    staff_id = UUID(default=None)
    reason = Text(default="")


class Event(Table, tablename="event"):
    """One line of a customer's engagement. ``seq`` is its place on the clock of changes, which no other event shares."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    card_id = UUID(default=None, null=True)
    customer_id = UUID(default=None, null=True)
    coupon_id = UUID(default=None, null=True)
    kind = Text(default=None)
    at = Timestamptz(default=None)
    amount = BigInt(default=None)
    wallet = Text(default=None)
    reason = Text(default="")
    staff_id = UUID(default=None, null=True)
    campaign_id = UUID(default=None, null=True)
    seq = BigInt(default=None)


class Kept(Table, tablename="kept"):
    """The finished answer under an idempotency key."""

    id = BigSerial(primary_key=True)
    caller_id = UUID(default=None)
    key = Text(default=None)
    business_id = UUID(default=None)
    digest = Bytea(default=None)
    status = BigInt(default=None)
    body = Bytea(default=None)
    at = Timestamptz(default=None)


class Installation(Table, tablename="installation"):
    """A face living somewhere. ``notified_at`` is a JSON list: an array cannot travel inside an array of rows."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    card_id = UUID(default=None)
    wallet = Text(default=None)
    address = Text(default=None)
    credential = Text(default=None)
    push_token = Text(default=None)
    registered_at = Timestamptz(default=None)
    told = BigInt(default=None)
    told_at = Timestamptz(default=None, null=True)
    asked_at = Timestamptz(default=None, null=True)
    fetched = BigInt(default=None)
    fetched_at = Timestamptz(default=None, null=True)
    saved_at = Timestamptz(default=None, null=True)
    notified_at = Text(default=None)
    due_at = Timestamptz(default=None, null=True)
    tries = BigInt(default=None)
    lease_until = Timestamptz(default=None, null=True)
    gone_at = Timestamptz(default=None, null=True)


class Tally(Table, tablename="tally"):
    """A count with a limit, changed in the commit that it counts. ``most`` is the limit that was last asked about."""

    id = BigSerial(primary_key=True)
    business_id = UUID(default=None)
    key = Text(default=None)
    n = BigInt(default=None)
    most = BigInt(default=None, null=True)


class DayCount(Table, tablename="day_count"):
    """How many of a kind there were on a day, changed in the commit that it counts."""

    id = BigSerial(primary_key=True)
    business_id = UUID(default=None)
    kind = Text(default=None)
    by = Text(default=None)
    which = Text(default=None)
    day = Date(default=None)
    n = BigInt(default=None)


class Contact(Table, tablename="contact"):
    """Whose an e-mail address or a phone number is."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    value = Text(default=None)
    customer_id = UUID(default=None)
    proven = Boolean(default=False)


class Picture(Table, tablename="picture"):
    """A picture that a business brought."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    digest = Text(default=None)
    kind = Text(default=None)
    content = Bytea(default=None)
    at = Timestamptz(default=None)


class Errand(Table, tablename="errand"):
    """Long work."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    kind = Text(default=None)
    body = Text(default=None)
    made_by = UUID(default=None)
    made_at = Timestamptz(default=None)
    total = BigInt(default=None)
    due_at = Timestamptz(default=None)
    lease_until = Timestamptz(default=None, null=True)
    stopped_at = Timestamptz(default=None, null=True)
    ended_at = Timestamptz(default=None, null=True)


class Portion(Table, tablename="portion"):
    """How far an errand has come."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    errand_id = UUID(default=None)
    number = BigInt(default=None)
    after = Text(default=None)
    done = BigInt(default=None)
    failed = BigInt(default=None)
    last = Boolean(default=None)
    at = Timestamptz(default=None)


class Sheet(Table, tablename="sheet"):
    """A piece of a file that an errand works through."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    errand_id = UUID(default=None)
    number = BigInt(default=None)
    content = Bytea(default=None)


class Sent(Table, tablename="sent"):
    """A campaign has reached a card."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    campaign_id = UUID(default=None)
    card_id = UUID(default=None)
    customer_id = UUID(default=None)
    occasion = Text(default=None)
    at = Timestamptz(default=None)
    coupon_id = UUID(default=None, null=True)
    mail = Text(default=None)
    mail_tries = BigInt(default=None)
    mail_at = Timestamptz(default=None, null=True)


class Insert(Table, tablename="insert_"):
    """A one-time QR; only the SHA-256 of its secret."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    program_id = UUID(default=None)
    batch_id = UUID(default=None)
    secret_hash = Bytea(default=None)
    gives = BigInt(default=None)
    made_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None, null=True)


class Opened(Table, tablename="opened"):
    """An insert was used."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    card_id = UUID(default=None)
    at = Timestamptz(default=None)


class Audit(Table, tablename="audit"):
    """Who changed what. A trigger refuses every change and deletion."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    at = Timestamptz(default=None)
    staff_id = UUID(default=None)
    what = Text(default=None)
    of_id = UUID(default=None)
    name = Text(default=None)
    was = Text(default=None)
    became = Text(default=None)


class Campaign(Table, tablename="campaign"):
    """A message and/or a coupon for many."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    body = Text(default=None)
    created = BigInt(default=None)


class Segment(Table, tablename="segment"):
    """Rules under a name."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    body = Text(default=None)
    created = BigInt(default=None)


class GoogleClass(Table, tablename="google_class"):
    """Which draft of a program's class Google has."""

    program_id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    digest = Bytea(default=None)
    at = Timestamptz(default=None)


class Alarm(Table, tablename="alarm"):
    """A vendor that is stopped."""

    id = BigSerial(primary_key=True)
    wallet = Text(default=None)
    credential = Text(default=None)
    why = Text(default=None)
    since = Timestamptz(default=None)
    probe_at = Timestamptz(default=None)


class Nonce(Table, tablename="nonce"):
    """A callback that was heard already."""

    nonce = Text(primary_key=True, default=None)
    at = Timestamptz(default=None)


class Clock(Table, tablename="clock"):
    """The clock of changes: one row, whose lock orders the commits of all processes."""

    id = Integer(primary_key=True, default=None)
    tick = BigInt(default=None)


TABLES: Final[tuple[type[Table], ...]] = (
    Business,
    Location,
    Staff,
    Login,
    Passkey,
    Counter,
    Ticket,
    Strike,
    Program,
    Offer,
    Token,
    Customer,
    Card,
    Coupon,
    Redemption,
    Reversal,
    Refusal,
    Entry,
    Event,
    Kept,
    Installation,
    Tally,
    DayCount,
    Contact,
    Picture,
    Errand,
    Portion,
    Sheet,
    Sent,
    Insert,
    Opened,
    Audit,
    Campaign,
    Segment,
    GoogleClass,
    Alarm,
    Nonce,
    Clock,
)
