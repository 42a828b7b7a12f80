"""What there is of a business by its id: offers, locations, cards and coupons, and the story of each."""

from uuid import UUID

from app.desk import Desk
from app.desk.views import CardView, CouponStory, Story
from app.store import Caller, CardFacts
from passes import codes
from passes.businesses import Business, Location
from passes.codes import Number
from passes.offers import Offer
from passes.problems import NotFound, Paused, Problem
from passes.words import N_


async def business(desk: Desk, business_id: UUID) -> Business:
    """A business, or the twin that is its test mode. Raises NotFound."""
    found = await desk.store.business(business_id)
    if found is None:
        raise NotFound(what=N_("business"))
    return found


async def offer(desk: Desk, business_id: UUID, offer_id: UUID) -> Offer:
    """An offer of this business. Raises NotFound."""
    found = (await desk.store.offers(business_id, [offer_id])).get(offer_id)
    if found is None:
        raise NotFound(what=N_("offer"))
    return found


async def running(desk: Desk, business_id: UUID, offer_id: UUID) -> Offer:
    """An offer of which something new may be given. Raises NotFound, or Paused."""
    found = await offer(desk, business_id, offer_id)
    if found.state != "running":
        raise Paused(name=found.title)
    return found


async def location(desk: Desk, business_id: UUID, location_id: UUID | None) -> Location:
    """A location of this business, closed or not. Raises NotFound."""
    for one in await desk.store.locations(business_id):
        if one.id == location_id:
            return one
    raise NotFound(what=N_("location"))


async def card_facts(desk: Desk, business_id: UUID, which: str, *, story: bool = True) -> CardFacts:
    """A card of this business by its id or its number; without ``story`` too little to draw it (Store.card_facts). Raises NotFound."""
    facts: CardFacts | None = None
    try:
        facts = await desk.store.card_facts(business_id=business_id, card_id=UUID(which), story=story)
    except ValueError:
        try:
            read = codes.read(which)
        except Problem as problem:
            raise NotFound(what=N_("card")) from problem
        if isinstance(read, Number):
            facts = await desk.store.card_facts(business_id=business_id, number=read.value, story=story)
    if facts is None:
        raise NotFound(what=N_("card"))
    return await followed(desk, facts)


async def followed(desk: Desk, facts: CardFacts) -> CardFacts:
    """The card that this one has become, if its customer was merged with another one; else itself."""
    if facts.customer.merged_into is None or facts.card.left_at is None:
        return facts
    cards = await desk.store.cards_of(facts.business.id, facts.customer.merged_into)
    became = next((one for one in cards if one.program_id == facts.program.id and one.left_at is None), None)
    return (await desk.store.card_facts(card_id=became.id) if became else None) or facts


async def card(desk: Desk, caller: Caller, which: str, *, language: str) -> CardView:
    """A card by its id or its number. Raises NotFound."""
    return desk.look(caller.business, language, desk.world.now()).card(await card_facts(desk, caller.business.id, which, story=False))


async def story(desk: Desk, caller: Caller, which: str, *, language: str) -> Story:
    """All that happened to a card, and the proof per phone that it was told, asked and fetched. Raises NotFound."""
    facts = await card_facts(desk, caller.business.id, which)
    look = desk.look(caller.business, language, desk.world.now())
    events = await desk.store.card_history(caller.business.id, facts.card.id)
    ledger = await desk.store.ledger(caller.business.id, facts.card.id)
    installations = await desk.store.installations(facts.card.id)
    return Story(
        card=look.card(facts),
        version=facts.card.version,
        events=tuple(look.event(one) for one in events),
        ledger=tuple(look.entry(one) for one in ledger),
        installations=tuple(look.installation(one, facts.card) for one in installations),
    )


async def coupon(desk: Desk, caller: Caller, coupon_id: UUID, *, language: str) -> CouponStory:
    """A coupon and everything that happened to it at a counter, oldest first. Raises NotFound."""
    presented = await desk.store.coupon(caller.business.id, coupon_id)
    if presented is None or presented.coupon.state == "pooled":
        raise NotFound(what=N_("coupon"))
    look = desk.look(caller.business, language, desk.world.now())
    history = await desk.store.coupon_history(caller.business.id, coupon_id)
    locations = {one.id: one.name for one in await desk.store.locations(caller.business.id)}
    people = {one.id: one.name for one in await desk.store.staff(caller.business.id)}
    return CouponStory(
        coupon=look.presented(presented),
        history=tuple(look.happened(one, location=locations[one.location_id], staff=people[one.staff_id]) for one in history),
    )
