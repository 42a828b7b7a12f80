"""Customers, their cards, and what happened to both."""

from piccolo.columns import UUID, BigInt, Boolean, Bytea, Text, Timestamptz
from piccolo.table import Table


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


class Contact(Table, tablename="contact"):
    """Whose an e-mail address or a phone number is."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    value = Text(default=None)
    customer_id = UUID(default=None)
    proven = Boolean(default=False)


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
    location_id = UUID(default=None, null=True)
    seq = BigInt(default=None)


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
