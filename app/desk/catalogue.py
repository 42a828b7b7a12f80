"""What a business gives and where, as programs read it: how cards earn, what offers are, and its locations."""

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

import msgspec

from app.desk.views import BenefitView, Look
from passes.businesses import Location
from passes.offers import Format, Offer, Validity, Window
from passes.programs import Asks, Earning, Program, Running, Unit


class GoalView(msgspec.Struct, frozen=True, kw_only=True):
    """At ``at`` stamps or points the card earns a coupon of the offer."""

    at: int
    offer_id: UUID
    offer: str


class ProgramView(msgspec.Struct, frozen=True, kw_only=True):
    """How cards earn. ``join_url`` is where a customer joins; the offers of the welcome and the birthday come by themselves."""

    id: UUID
    name: str
    state: Running
    unit: Unit
    earning: Earning
    goals: tuple[GoalView, ...]
    remainder: Literal["carry", "drop"]
    welcome_offer_id: UUID | None
    birthday_offer_id: UUID | None
    asks: Asks
    intro: str
    terms: str
    join_url: str


class CatalogueOffer(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody gets, what staff do to give it, and when, where and how often. Empty ``location_ids`` are all of them."""

    id: UUID
    title: str
    state: Running
    benefit: BenefitView
    action: str
    terms: str
    validity: Validity
    location_ids: tuple[UUID, ...]
    windows: tuple[Window, ...]
    most: int | None
    most_each: int | None
    prefix: str
    format: Format
    source: Literal["minted", "pool"]
    at_kiosk: bool
    alone: bool


class LocationView(msgspec.Struct, frozen=True, kw_only=True):
    """A branch or till position."""

    id: UUID
    name: str
    address: str
    latitude: float | None
    longitude: float | None
    closed: bool


def program(look: Look, program: Program, offers: Mapping[UUID, Offer]) -> ProgramView:
    """A program; ``offers`` are those of its business."""

    def titled(offer_id: UUID) -> str:
        return offers[offer_id].title.said(look.language) if offer_id in offers else ""

    return ProgramView(
        id=program.id,
        name=program.name.said(look.language),
        state=program.state,
        unit=program.unit,
        earning=program.earning,
        goals=tuple(GoalView(at=one.at, offer_id=one.offer_id, offer=titled(one.offer_id)) for one in program.goals),
        remainder=program.remainder,
        welcome_offer_id=program.welcome,
        birthday_offer_id=program.birthday,
        asks=program.asks,
        intro=program.intro.said(look.language) if program.intro else "",
        terms=program.terms.said(look.language) if program.terms else "",
        join_url=f"{look.public_url}/join/{program.id}",
    )


def offer(look: Look, offer: Offer) -> CatalogueOffer:
    """An offer."""
    return CatalogueOffer(
        id=offer.id,
        title=offer.title.said(look.language),
        state=offer.state,
        benefit=look.benefit(offer.benefit),
        action=offer.action.said(look.language),
        terms=offer.terms.said(look.language) if offer.terms else "",
        validity=offer.validity,
        location_ids=offer.locations,
        windows=offer.windows,
        most=offer.most,
        most_each=offer.most_each,
        prefix=offer.prefix,
        format=offer.format,
        source=offer.source,
        at_kiosk=offer.at_kiosk,
        alone=offer.alone,
    )


def location(_look: Look, location: Location) -> LocationView:
    """A location."""
    return LocationView(
        id=location.id,
        name=location.name,
        address=location.address,
        latitude=location.latitude,
        longitude=location.longitude,
        closed=location.closed,
    )
