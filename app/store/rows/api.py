"""Programs that speak for a business: keys, what they said of sales and hold for baskets, whom they have told, and kept answers."""

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from passes.businesses import Business, Person

Scope = Literal["read", "earn", "redeem", "issue", "manage"]
SCOPES: Final[tuple[Scope, ...]] = ("read", "earn", "redeem", "issue", "manage")
"""What a key may do. ``read``: see customers, cards, coupons and what happened. ``earn``: join, stamp, take a receipt back.
``redeem``: look up, reserve, redeem, reverse. ``issue``: give coupons. ``manage``: correct, void, extend, change customers, webhooks,
exports and imports."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key with which a program speaks for a business at a location. Its secrets are rows of their own (ApiSecret).

    ``staff_id`` is the person whom it works for, or a machine of its own. A key of test mode belongs to the business's twin.
    """

    id: UUID
    business_id: UUID
    staff_id: UUID
    location_id: UUID
    name: str
    scopes: str
    """Words of SCOPES with spaces between them."""
    per_minute: int
    made_by: UUID
    created_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


class ApiSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret of a key; only its SHA-256 and its end, by which people know it again, are stored. A rolled one works ``until`` then."""

    id: UUID
    business_id: UUID
    key_id: UUID
    secret_hash: bytes
    hint: str
    made_at: datetime
    until: datetime | None = None


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, with the business that it works for; for a key also what it may do, how often, and until when."""

    person: Person
    business: Business
    scopes: frozenset[str] = frozenset(SCOPES)
    per_minute: int = 0
    """0 is as often as it likes: a person at a page."""
    until: datetime | None = None
    used_at: datetime | None = None
    key: str = ""
    """The key's name."""
    closed: bool = False
    """The location where a key works is closed: it does not work until that is open again."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The finished answer to a request with an Idempotency-Key, committed together with what the request changed.

    A program's ``key`` is kept as a hash: it may have somebody's name or number in it.
    """

    caller_id: UUID
    key: str
    business_id: UUID
    digest: bytes
    """SHA-256 over method, path and body: the same key with another digest is a mistake of the caller."""
    status: int
    body: bytes
    at: datetime


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """What a till said of the sale in which something was earned or redeemed: its receipt, and what was paid in minor units.

    ``earned`` are the stamps or points that it added to ``card_id`` by the event ``event_id``; ``basket_id`` what was redeemed with it.
    ``reference`` is the till's own name of it where it speaks to the facade. A receipt may have several.
    """

    id: UUID
    business_id: UUID
    at: datetime
    location_id: UUID
    staff_id: UUID
    key_id: UUID
    receipt: str
    reference: str = ""
    amount: int | None = None
    currency: str = ""
    card_id: UUID | None = None
    event_id: UUID | None = None
    earned: int = 0
    basket_id: UUID | None = None


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """Goods of a sale came back: what was paid back of it, and what was taken off the card. A second one of a number is a Duplicate."""

    id: UUID
    business_id: UUID
    sale_id: UUID
    number: int
    at: datetime
    location_id: UUID
    staff_id: UUID
    key_id: UUID
    amount: int | None = None
    """In minor units; None is all that was left of it."""
    taken: int = 0
    event_id: UUID | None = None


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """Coupons that are held for a basket until then. Which of them still are, the coupons say (``held_by``)."""

    id: UUID
    business_id: UUID
    key_id: UUID
    location_id: UUID
    staff_id: UUID
    at: datetime
    until: datetime
    coupon_ids: tuple[UUID, ...]
    receipt: str = ""
    releases: UUID | None = None
    """The reservation that this row lets go; it holds nothing itself."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An address of the business's own that is told what happens (a webhook): a follower of the log of events, which knows how far it is.

    ``cursor`` is the place on the clock of the last event that was made a Delivery. ``failures`` in a row since ``failed_at``.
    """

    id: UUID
    business_id: UUID
    url: str
    types: str = ""
    """Words such as ``coupon.redeemed`` with spaces between them; "" is all."""
    description: str = ""
    secret: str
    """``whsec_`` and base64."""
    old_secret: str = ""
    old_until: datetime | None = None
    made_by: UUID
    made_at: datetime
    cursor: int
    due_at: datetime
    lease_until: datetime | None = None
    failures: int = 0
    failed_at: datetime | None = None
    disabled_at: datetime | None = None
    disabled_why: str = ""
    removed_at: datetime | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to an endpoint: a second one of the same event is a Duplicate. Its id is the message's id.

    ``lane`` is the card (else the coupon, else the business): within one, nothing overtakes. The body names things by ids only.
    """

    id: UUID
    business_id: UUID
    endpoint_id: UUID
    event_id: UUID
    seq: int
    lane: UUID
    type: str
    body: str
    at: datetime
    state: Literal["due", "sent", "failed"] = "due"
    due_at: datetime
    tries: int = 0
    tried_at: datetime | None = None
    status: int | None = None
    said: str = ""
    """How the receiver's answer began, or why there was none."""
