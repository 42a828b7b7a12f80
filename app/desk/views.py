"""What the desk answers: plain values in the words of product and shop, times in the business's zone, texts in one language."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from app.desk.telling import EVENT_TYPES, EventType
from app.store import CardFacts, Sale
from passes import codes
from passes.businesses import Business
from passes.cards import Card, Customer, Entry, EntryKind, Event, ready
from passes.coupons import Channel, Coupon, Presented, Redemption, Refusal, Reversal, Used
from passes.offers import AddOn, AmountOff, Benefit, FreeItem, Offer, PercentOff, over
from passes.wallets.base import Installation


class FreeItemView(msgspec.Struct, frozen=True, kw_only=True, tag="free_item", tag_field="kind"):
    """One thing for nothing."""

    item: str


class PercentOffView(msgspec.Struct, frozen=True, kw_only=True, tag="percent_off", tag_field="kind"):
    """So many percent off the bill, or off ``item``."""

    percent: int
    item: str


class AddOnView(msgspec.Struct, frozen=True, kw_only=True, tag="add_on", tag_field="kind"):
    """Something on top of a purchase."""

    item: str


BenefitView = FreeItemView | AmountOff | PercentOffView | AddOnView


class OfferView(msgspec.Struct, frozen=True, kw_only=True):
    """What to give, and what to do to give it."""

    id: UUID
    title: str
    action: str
    benefit: BenefitView


class RedemptionView(msgspec.Struct, frozen=True, kw_only=True):
    """When, where, by whom and through which channel a coupon was used."""

    id: UUID
    kind: Literal["redemption", "goodwill"]
    at: datetime
    location_id: UUID
    location: str
    staff_id: UUID
    staff: str
    channel: Channel
    reason: str = ""
    basket_id: UUID | None = None
    receipt: str = ""
    amount: int | None = None
    """What the till said of the sale, in minor units."""


class CouponView(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon as it stands. ``state`` says "expired" for an active coupon whose time is over."""

    id: UUID
    code: str
    shown: str
    state: Literal["active", "redeemed", "voided", "expired"]
    offer: OfferView
    card_id: UUID | None
    customer_id: UUID | None
    batch_id: UUID | None
    issued_at: datetime
    valid_from: datetime | None
    expires_at: datetime | None
    redemption: RedemptionView | None = None


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """Where the holder gets the card; null for a wallet without credentials here."""

    apple: str | None
    google: str | None


class CardView(msgspec.Struct, frozen=True, kw_only=True):
    """A card: whose it is, its progress, and what is ready on it (the coupon that expires first in front)."""

    id: UUID
    number: str
    shown: str
    customer: str
    customer_id: UUID
    program_id: UUID
    program: str
    unit: Literal["stamps", "points"]
    balance: int
    goal: int
    next_offer: str
    ready: tuple[CouponView, ...]
    joined_at: datetime
    left_at: datetime | None
    links: Links


class HeldCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card of a customer's, in brief."""

    id: UUID
    number: str
    program_id: UUID
    joined_at: datetime
    left_at: datetime | None


class CustomerView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a customer, with their cards by age. Of one who is ``erased`` nothing is known but what they did.

    ``birthday`` is ``MM-DD``; ``consent``: they said that they want to be sent offers.
    """

    id: UUID
    name: str
    email: str
    phone: str
    birthday: str
    language: str
    consent: bool
    joined_at: datetime
    cards: tuple[HeldCard, ...]
    erased: bool


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """A customer and their card: new, or those that were there already."""

    customer_id: UUID
    card: CardView


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A redemption (or goodwill) that is recorded: what to give, to whom."""

    redemption: RedemptionView
    coupon: CouponView
    customer: str


class BasketView(msgspec.Struct, frozen=True, kw_only=True):
    """Codes that were redeemed together, all of them."""

    basket_id: UUID
    redemptions: tuple[Receipt, ...]


class ResultView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one code of a basket: it is redeemed, or there is the problem for which it is not."""

    code: str
    redemption: RedemptionView | None = None
    coupon: CouponView | None = None
    customer: str = ""
    problem: dict[str, object] | None = None


class ResultsView(msgspec.Struct, frozen=True, kw_only=True):
    """Codes that were redeemed each by itself: a result for each, in the order in which they were sent."""

    basket_id: UUID
    results: tuple[ResultView, ...]


class ReversalView(msgspec.Struct, frozen=True, kw_only=True):
    """A redemption that was taken back: the coupon is active again; voided, if its card was left meanwhile."""

    id: UUID
    redemption_id: UUID
    at: datetime
    reason: str
    coupon: CouponView


class BasketReversalView(msgspec.Struct, frozen=True, kw_only=True):
    """Redemptions of a basket that were taken back together."""

    basket_id: UUID
    reversals: tuple[ReversalView, ...]


class ReservationView(msgspec.Struct, frozen=True, kw_only=True):
    """Coupons that are held for a basket until then; or were: redeemed, released, or ended by time."""

    id: UUID
    state: Literal["held", "redeemed", "released", "ended"]
    at: datetime
    until: datetime
    receipt: str
    coupons: tuple[CouponView, ...]


class EarnedView(msgspec.Struct, frozen=True, kw_only=True):
    """What an action added, what it earned, and the card after it."""

    added: int
    earned: tuple[CouponView, ...]
    card: CardView


class ReturnedView(msgspec.Struct, frozen=True, kw_only=True):
    """What a return took off one card: stamps or points, and the rewards that it does not reach any more. ``short`` could not be taken."""

    taken: int
    short: int
    voided: tuple[CouponView, ...]
    card: CardView


class ReturnView(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt of which goods came back. ``amount`` is what was paid back in minor units; null: all that was left of it."""

    receipt: str
    amount: int | None
    cards: tuple[ReturnedView, ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What redeeming this code would give now: "redeemable", "card" (a card's own number), or the word of a problem."""

    verdict: str
    problem: dict[str, object] | None = None
    coupon: CouponView | None = None
    customer: str = ""
    card: CardView | None = None


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a card, by its type in the log of events."""

    type: EventType
    at: datetime
    count: int = 0
    coupon_id: UUID | None = None
    wallet: str = ""


class InstallationView(msgspec.Struct, frozen=True, kw_only=True):
    """The story of one phone: told → asked → fetched, with the card's version each time."""

    wallet: Literal["apple", "google"]
    since: datetime
    saved_at: datetime | None
    told: int
    told_at: datetime | None
    asked_at: datetime | None
    fetched: int
    fetched_at: datetime | None
    up_to_date: bool
    next_try_at: datetime | None
    tries: int
    gone_at: datetime | None


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a card's ledger; the last line's balance is the card's."""

    number: int
    kind: EntryKind
    count: int
    balance: int
    at: datetime


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a coupon at a counter. ``word`` says why it was refused."""

    kind: Literal["redemption", "goodwill", "reversal", "refusal"]
    id: UUID
    at: datetime
    location: str
    staff: str
    channel: str = ""
    reason: str = ""
    word: str = ""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """All that happened to a card, newest first, its ledger, and the proof per phone that it was told, asked and fetched."""

    card: CardView
    version: int
    events: tuple[EventView, ...]
    ledger: tuple[EntryView, ...]
    installations: tuple[InstallationView, ...]


class CouponStory(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon and everything that happened to it at a counter, oldest first."""

    coupon: CouponView
    history: tuple[Happened, ...]


class Look(msgspec.Struct, frozen=True):
    """How to say things to this caller: one language, the business's zone."""

    language: str
    business: Business
    now: datetime
    public_url: str
    apple: bool
    google: bool

    def at(self, moment: datetime) -> datetime:
        """The moment in the business's zone."""
        return moment.astimezone(self.zone)

    @property
    def zone(self) -> ZoneInfo:
        """The business's zone."""
        return self.business.tz

    def offer(self, offer: Offer) -> OfferView:
        """What to give."""
        return OfferView(
            id=offer.id, title=offer.title.said(self.language), action=offer.action.said(self.language), benefit=self.benefit(offer.benefit)
        )

    def benefit(self, benefit: Benefit) -> BenefitView:
        """What an offer is worth."""
        match benefit:
            case FreeItem():
                return FreeItemView(item=benefit.item.said(self.language))
            case PercentOff():
                return PercentOffView(percent=benefit.percent, item=benefit.item.said(self.language) if benefit.item else "")
            case AddOn():
                return AddOnView(item=benefit.item.said(self.language))
        return benefit

    def redemption(self, used: Used, sale: Sale | None = None) -> RedemptionView:
        """When, where and by whom, and in which sale."""
        done = used.redemption
        return RedemptionView(
            id=done.id,
            kind=done.kind,
            at=self.at(done.at),
            location_id=done.location_id,
            location=used.location,
            staff_id=done.staff_id,
            staff=used.staff,
            channel=done.channel,
            reason=done.reason,
            basket_id=done.basket_id,
            receipt=sale.receipt if sale else "",
            amount=sale.amount if sale else None,
        )

    def coupon(self, coupon: Coupon, offer: Offer, used: Used | None = None, sale: Sale | None = None) -> CouponView:
        """A coupon as it stands now. Raises ValueError for a code in a pool: it is no coupon before somebody is given it."""
        if coupon.state == "pooled":
            raise ValueError("a code that nobody was given is not shown")
        expired = coupon.state == "active" and over(coupon.expires_at, self.now)
        return CouponView(
            id=coupon.id,
            code=codes.joined(coupon.code, offer.prefix),
            shown=codes.group(coupon.code, offer.prefix),
            state="expired" if expired else coupon.state,
            offer=self.offer(offer),
            card_id=coupon.card_id,
            customer_id=coupon.customer_id,
            batch_id=coupon.batch_id,
            issued_at=self.at(coupon.issued_at),
            valid_from=self.at(coupon.valid_from) if coupon.valid_from else None,
            expires_at=self.at(coupon.expires_at) if coupon.expires_at else None,
            redemption=self.redemption(used, sale) if used else None,
        )

    def presented(self, presented: Presented) -> CouponView:
        """A coupon as it was presented."""
        return self.coupon(presented.coupon, presented.offer, presented.used)

    def card(self, facts: CardFacts) -> CardView:
        """A card, its progress and what is ready on it."""
        card, program = facts.card, facts.program
        goal = program.next_goal(card.balance)
        page = f"{self.public_url}/c/{card.key}"
        return CardView(
            id=card.id,
            number=card.number,
            shown=codes.group(card.number),
            customer=facts.customer.name,
            customer_id=card.customer_id,
            program_id=program.id,
            program=program.name.said(self.language),
            unit=program.unit,
            balance=card.balance,
            goal=goal.at,
            next_offer=facts.offers[goal.offer_id].title.said(self.language),
            ready=tuple(self.coupon(coupon, facts.offers[coupon.offer_id]) for coupon in ready(facts.coupons, self.now)),
            joined_at=self.at(card.joined_at),
            left_at=self.at(card.left_at) if card.left_at else None,
            links=Links(apple=f"{page}/card.pkpass" if self.apple else None, google=f"{page}/google" if self.google else None),
        )

    def customer(self, customer: Customer, cards: Iterable[Card]) -> CustomerView:
        """What is known of a customer."""
        return CustomerView(
            id=customer.id,
            name=customer.name,
            email=customer.email,
            phone=customer.phone,
            birthday=customer.birthday,
            language=customer.language,
            consent=customer.consent_at is not None,
            joined_at=self.at(customer.joined_at),
            cards=tuple(
                HeldCard(
                    id=card.id,
                    number=card.number,
                    program_id=card.program_id,
                    joined_at=self.at(card.joined_at),
                    left_at=self.at(card.left_at) if card.left_at else None,
                )
                for card in sorted(cards, key=lambda one: (one.joined_at, one.id))
            ),
            erased=customer.erased_at is not None,
        )

    def event(self, event: Event) -> EventView:
        """One line of a card's engagement."""
        return EventView(
            type=EVENT_TYPES[event.kind], at=self.at(event.at), count=event.amount, coupon_id=event.coupon_id, wallet=event.wallet
        )

    def entry(self, entry: Entry) -> EntryView:
        """One line of a card's ledger."""
        return EntryView(number=entry.number, kind=entry.kind, count=entry.amount, balance=entry.balance, at=self.at(entry.at))

    def happened(self, one: Redemption | Reversal | Refusal, *, location: str, staff: str) -> Happened:
        """One thing that happened to a coupon at a counter."""
        kind: Literal["redemption", "goodwill", "reversal", "refusal"]
        match one:
            case Redemption():
                kind = one.kind
            case Reversal():
                kind = "reversal"
            case Refusal():
                kind = "refusal"
        return Happened(
            kind=kind,
            id=one.id,
            at=self.at(one.at),
            location=location,
            staff=staff,
            channel=getattr(one, "channel", ""),
            reason=getattr(one, "reason", ""),
            word=getattr(one, "word", ""),
        )

    def installation(self, one: Installation, card: Card) -> InstallationView:
        """The story of one phone."""

        def at(moment: datetime | None) -> datetime | None:
            return self.at(moment) if moment else None

        shown = one.told if one.wallet == "google" else one.fetched
        return InstallationView(
            wallet=one.wallet,
            since=self.at(one.registered_at),
            saved_at=at(one.saved_at),
            told=one.told,
            told_at=at(one.told_at),
            asked_at=at(one.asked_at),
            fetched=one.fetched,
            fetched_at=at(one.fetched_at),
            up_to_date=shown >= card.version,
            next_try_at=at(one.due_at),
            tries=one.tries,
            gone_at=at(one.gone_at),
        )
