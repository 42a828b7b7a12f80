"""What a card shows right now, before any wallet decides how to draw it: derived from card, program, coupons and brand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from passes import codes
from passes.businesses import Brand, Business
from passes.campaigns import addressed
from passes.cards import Card, Customer, Event, ready
from passes.coupons import Coupon
from passes.designs import FactKey, Put, dressed, facts
from passes.offers import SECOND, Format, Offer, end_of_day
from passes.programs import Program
from passes.words import N_, Text, Words

Place = Literal["header", "primary", "secondary", "auxiliary", "back"]
EVENTS_SHOWN: Final = 5


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One fact on the card.

    ``label`` and a Text ``value`` are said in the language of the phone; a str or int value is the same in all. A datetime
    value (aware, in the business's zone) is written by the phone; ``clock`` says whether the time of day matters.
    ``announce`` is the notification when the value changes, with ``%@`` for the new value: one line of a face has it.
    """

    key: str
    place: Place
    label: Text | None
    value: Text | str | int | datetime
    clock: bool = False
    announce: Text | None = None


class Barcode(msgspec.Struct, frozen=True):
    """What a scanner reads (``message``) and what a person reads below it (``text``)."""

    format: Format
    message: str
    text: str


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A reward that can be redeemed now: its offer's title, its code plain and grouped, and its end."""

    coupon_id: UUID
    title: Text
    action: Text
    code: str
    shown: str
    expires_at: datetime | None


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a wallet may draw of one card at one version.

    ``voided`` is true only of the card itself, one that was left: coupons end, cards do not.
    """

    card_id: UUID
    program_id: UUID
    serial: str
    number: str
    token: str
    key: str
    version: int
    changed_at: datetime
    language: str
    languages: tuple[str, ...]
    organization: str
    program: Text
    customer: str
    brand: Brand
    unit: Literal["stamps", "points"]
    balance: int
    goal: int
    round: int
    goals: tuple[int, ...]
    ready: tuple[Ready, ...]
    barcode: Barcode
    lines: tuple[Line, ...]
    latest: Text
    """The last thing that happened, as one sentence: what a notification says."""
    happened: Event | None = None
    """The event that ``latest`` tells of: a wallet with a budget of notifications asks whether it is worth one."""
    starts_at: datetime | None = None
    """When the next coupon that is not valid yet becomes ready."""
    voided: bool = False
    places: tuple[tuple[float, float], ...] = ()
    """Latitude and longitude of where the card is of use: a phone near by may show it."""


LATEST: Final[Mapping[str, str]] = {
    "joined": N_("Welcome! Show this card at the counter."),
    "stamped": N_("Added: {progress}"),
    "ready": N_("Ready: {title}. Show this card at the counter."),
    "ready until": N_("Ready until {until:%d %b %Y}: {title}. Show this card at the counter."),
    "redeemed": N_("Used: {title}. Enjoy!"),
    "reversed": N_("Back on your card: {title}."),
    "goodwill": N_("Used: {title}. Enjoy!"),
}
HAPPENED: Final[Mapping[str, str]] = {
    "joined": N_("Joined"),
    "saved": N_("Saved to the phone"),
    "stamped": N_("Added"),
    "earned": N_("Reward earned"),
    "issued": N_("Reward received"),
    "redeemed": N_("Reward used"),
    "reversed": N_("Reward given back"),
    "goodwill": N_("Reward used (goodwill)"),
    "message": N_("Message"),
    "removed": N_("Removed from the phone"),
    "corrected": N_("Corrected"),
    "voided": N_("Reward cancelled"),
    "extended": N_("Reward extended"),
    "merged": N_("Cards joined together"),
    "left": N_("Left"),
    "expiring": N_("Reward ends soon"),
    "expired": N_("Reward ended"),
}


def face(
    *,
    card: Card,
    customer: Customer,
    program: Program,
    business: Business,
    offers: Mapping[UUID, Offer],
    coupons: Sequence[Coupon],
    events: Sequence[Event],
    words: Words,
    now: datetime,
    messages: Mapping[UUID, Text] | None = None,
) -> Face:
    """The face of a card: progress, the ready reward and its code, the next one, and the back with everything else.

    ``offers`` hold those of the program's goals and of the coupons; ``coupons`` are the card's (any state); ``events`` are
    its newest first, ``messages`` what the campaigns say that they name.
    """
    events = sorted(events, key=_rank, reverse=True)
    waiting = tuple(_ready(coupon, offers[coupon.offer_id]) for coupon in ready(coupons, now))
    goal = program.next_goal(card.balance)
    progress = f"{card.balance}/{goal.at}"
    said = {campaign_id: addressed(message, customer.name) for campaign_id, message in (messages or {}).items()}
    happened, latest = _latest(events, coupons, offers, said, words=words, progress=progress, zone=business.tz)
    drawn = Face(
        card_id=card.id,
        program_id=program.id,
        serial=card.serial,
        number=card.number,
        token=card.token,
        key=card.key,
        version=card.version,
        changed_at=card.changed_at,
        language=customer.language,
        languages=business.languages,
        organization=business.name,
        program=program.name,
        customer=customer.name,
        brand=dressed(business.brand, program.design),
        unit=program.unit,
        balance=card.balance,
        goal=goal.at,
        round=program.round,
        goals=tuple(each.at for each in program.goals),
        ready=waiting,
        barcode=_barcode(card, waiting, offers, coupons),
        lines=(),
        latest=latest,
        happened=happened,
        starts_at=min((starts for starts in map(_starts, coupons) if starts and starts > now), default=None),
        voided=card.left_at is not None,
    )
    lines = _front(drawn, words, progress, offers[goal.offer_id].title, business.tz) + _back(drawn, words, program, business, events)
    return msgspec.structs.replace(drawn, lines=_arranged(lines, facts(drawn.brand.design, program.design.facts)))


def _arranged(lines: Sequence[Line], placed: Mapping[FactKey, Put]) -> tuple[Line, ...]:
    """The lines where the design has them, and called as it calls them; those that belong to a moved one stay on the back."""
    known: Mapping[str, Put] = {str(key): put for key, put in placed.items()}
    moved = [(line, known.get(line.key)) for line in lines]
    return tuple(
        line if put is None else msgspec.structs.replace(line, place=put.spot, label=put.label or line.label)
        for line, put in moved
        if put is None or put.spot != "hidden"
    )


def _ready(coupon: Coupon, offer: Offer) -> Ready:
    return Ready(
        coupon_id=coupon.id,
        title=offer.title,
        action=offer.action,
        code=codes.joined(coupon.code, offer.prefix),
        shown=codes.group(coupon.code, offer.prefix),
        expires_at=coupon.expires_at,
    )


def _barcode(card: Card, waiting: Sequence[Ready], offers: Mapping[UUID, Offer], coupons: Sequence[Coupon]) -> Barcode:
    """The code of the reward that expires first; with none ready, the card's own number."""
    if not waiting:
        return Barcode("qr", card.number, codes.group(card.number))
    first = waiting[0]
    offer_id = next(coupon.offer_id for coupon in coupons if coupon.id == first.coupon_id)
    return Barcode(offers[offer_id].format, first.code, first.shown)


def _rank(event: Event) -> tuple[datetime, bool]:
    """By time; of what happened at one moment, the reward is told rather than the stamp that earned it."""
    return event.at, event.kind != "stamped"


def _starts(coupon: Coupon) -> datetime | None:
    return coupon.valid_from if coupon.state == "active" else None


def _latest(
    events: Sequence[Event],
    coupons: Sequence[Coupon],
    offers: Mapping[UUID, Offer],
    said: Mapping[UUID, Text],
    *,
    words: Words,
    progress: str,
    zone: ZoneInfo,
) -> tuple[Event | None, Text]:
    """The newest event that has a sentence. It stays true: no sentence says that a reward is ready after its end."""
    for event in events:
        if event.kind == "message" and event.campaign_id and event.campaign_id in said:
            return event, said[event.campaign_id]
        kind = "ready" if event.kind in ("earned", "issued") else event.kind
        coupon = next((coupon for coupon in coupons if coupon.id == event.coupon_id), None)
        if kind not in LATEST or (coupon is None and "{title}" in LATEST[kind]):
            continue
        title = offers[coupon.offer_id].title if coupon else ""
        until = coupon.expires_at.astimezone(zone) if coupon and coupon.expires_at else None
        sentence = LATEST["ready until" if kind == "ready" and until else kind]
        return event, words.text(sentence, title=title, until=until, progress=progress)
    return None, words.text(LATEST["joined"])


def _front(drawn: Face, words: Words, progress: str, next_title: Text, zone: ZoneInfo) -> tuple[Line, ...]:
    unit = words.text(N_("Stamps") if drawn.unit == "stamps" else N_("Points"))
    lines = [Line(key="progress", place="header", label=unit, value=progress)]
    if drawn.ready:
        first = drawn.ready[0]
        lines.append(Line(key="status", place="header", label=words.text(N_("Reward")), value=words.text(N_("READY"))))
        lines.append(Line(key="reward", place="secondary", label=words.text(N_("Show this code")), value=first.title))
        if first.expires_at is not None:
            lines.append(_until("until", "auxiliary", first.expires_at, words, zone))
    else:
        lines.append(Line(key="next", place="secondary", label=words.text(N_("Up next")), value=next_title))
        lines.append(Line(key="holder", place="auxiliary", label=words.text(N_("Member")), value=drawn.customer))
    return tuple(lines)


def _back(drawn: Face, words: Words, program: Program, business: Business, events: Sequence[Event]) -> tuple[Line, ...]:
    zone = business.tz
    lines = [Line(key="latest", place="back", label=words.text(N_("Latest")), value=drawn.latest, announce=words.text("%@"))]
    for number, reward in enumerate(drawn.ready, 1):
        lines.append(Line(key=f"ready.{number}", place="back", label=reward.title, value=reward.shown))
        if reward.expires_at is not None:
            lines.append(_until(f"ready.{number}.until", "back", reward.expires_at, words, zone))
    lines.append(Line(key="member", place="back", label=words.text(N_("Member")), value=drawn.customer))
    lines.append(Line(key="number", place="back", label=words.text(N_("Card number")), value=codes.group(drawn.number)))
    for number, event in enumerate(events[:EVENTS_SHOWN], 1):
        what = words.text(N_("Added {n}"), n=event.amount) if event.kind == "stamped" else words.text(HAPPENED[event.kind])
        lines.append(Line(key=f"event.{number}", place="back", label=what, value=event.at.astimezone(zone), clock=True))
    if program.terms is not None:
        lines.append(Line(key="terms", place="back", label=words.text(N_("Terms")), value=program.terms))
    if business.contact:
        lines.append(Line(key="contact", place="back", label=words.text(N_("Contact")), value=business.contact))
    return tuple(lines)


def _until(key: str, place: Place, expires_at: datetime, words: Words, zone: ZoneInfo) -> Line:
    """The end of a reward, with the time of day only where that is not the end of the day."""
    local = expires_at.astimezone(zone)
    clock = expires_at != end_of_day(local.date(), zone)
    return Line(key=key, place=place, label=words.text(N_("Valid until")), value=local, clock=clock)


def next_change(drawn: Face, now: datetime) -> datetime | None:
    """When the face changes by time alone (a reward's last second is over, or another becomes valid), or None."""
    changes = [reward.expires_at + SECOND for reward in drawn.ready if reward.expires_at is not None]
    changes += [drawn.starts_at] if drawn.starts_at is not None else []
    return min((change for change in changes if change > now), default=None)
