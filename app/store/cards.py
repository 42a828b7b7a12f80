"""Cards with all that is on them: coupons, stamps and points, and what happened to them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from app.store.history import Place
from app.store.rows.api import Caller, Kept
from app.store.rows.customers import Insert
from passes.businesses import Business
from passes.cards import Card, Customer, Entry, Event
from passes.coupons import Coupon, Presented, Redemption, Refusal, Reversal
from passes.offers import Offer
from passes.programs import Program
from passes.words import Text


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


GivenState = Literal["active", "expired", "redeemed", "voided"]
"""How a coupon stands, for people: an active one whose time is over is expired."""


class Cards(Protocol):
    """Cards and coupons, by id within a business."""

    async def caller(self, secret_hash: bytes) -> Caller | None:
        """Who a key stands for (not revoked, staff not suspended)."""
        ...

    async def kept(self, caller_id: UUID, key: str) -> Kept | None:
        """The finished answer under an idempotency key."""
        ...

    async def presented(self, business_id: UUID, code: str) -> Presented | None:
        """A coupon of this business by its code, with all that the rule asks about."""
        ...

    async def card_facts(
        self,
        *,
        business_id: UUID | None = None,
        card_id: UUID | None = None,
        number: str | None = None,
        serial: str | None = None,
        key: str | None = None,
        story: bool = True,
    ) -> CardFacts | None:
        """A card and everything on it, by id or number within a business, or by serial or holder's key anywhere.

        Without ``story`` no events come with it, and only active coupons: what a counter shows, and too little to draw a face from.
        """
        ...

    async def card_by_serial(self, serial: str) -> Card | None:
        """Just the card: what Apple's device calls need to authenticate."""
        ...

    async def cards_facts(self, card_ids: Sequence[UUID]) -> Mapping[UUID, CardFacts]:
        """Many cards at once, for the followers."""
        ...

    async def cards_of(self, business_id: UUID, customer_id: UUID) -> Sequence[Card]:
        """A customer's cards by age, those that were left too."""
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

    async def insert(self, secret_hash: bytes) -> tuple[Insert, bool] | None:
        """An insert by its secret, and whether it was used."""
        ...
