"""Whom a message reaches, and what came of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from app.store.rows.customers import Sent
from passes.campaigns import Campaign, Rules
from passes.cards import Card, Customer


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


class Reaching(Protocol):
    """Segments, what campaigns reach, and their letters."""

    async def segment(
        self, business_id: UUID, rules: Rules, *, now: datetime, zone: ZoneInfo, after: UUID | None = None, limit: int = 100
    ) -> Sequence[tuple[Card, Customer]]:
        """The cards that rules mean, by id, after one. None that was left, none of somebody who was erased or merged."""
        ...

    async def card_ids(self, program_id: UUID, *, after: UUID | None = None, limit: int = 100) -> Sequence[UUID]:
        """The cards of a program that were not left, by id, after one: for who needs no more of them than that."""
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
