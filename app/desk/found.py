"""A business begins: itself, its first location, its people, and what its cards earn."""

import hashlib
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.store import Login, Staff, Store, Unit
from app.world import World
from passes.businesses import Brand, Business, Location, Role
from passes.offers import Offer
from passes.problems import ChangedMeanwhile
from passes.programs import Program


class Founded(msgspec.Struct, frozen=True, kw_only=True):
    """A business with its first location and its owner."""

    business: Business
    location: Location
    owner: Staff


async def found(
    store: Store,
    world: World,
    *,
    name: str,
    zone: str,
    currency: str,
    languages: tuple[str, ...],
    location: str,
    owner: str,
    email: str = "",
    contact: str = "",
    brand: Brand | None = None,
    apple: str = "",
    business_id: UUID | None = None,
    password: str = "",
    pin: str = "",
) -> Founded:
    """Begin a business; ``email``, ``password`` and ``pin`` (hashes) are its owner's, ``apple`` names a certificate of its own.

    Raises ValueError for a time zone that does not exist, Duplicate if ``business_id`` does already.
    """
    now = world.now()
    business = Business(
        id=business_id or world.new_id(),
        name=name,
        zone=zone,
        currency=currency,
        languages=languages,
        contact=contact,
        brand=brand or Brand(),
        apple=apple,
    )
    _ = business.tz  # a zone that does not exist says so here, not at the first redemption
    place = Location(id=world.new_id(), business_id=business.id, name=location)
    person = Staff(id=world.new_id(), business_id=business.id, name=owner, email=email, role="owner")
    signs_in = replace(login(person), password=password, pin=pin)
    await store.commit(Unit(at=now, due_at=now, rows=(business, place, person, signs_in)))
    return Founded(business=business, location=place, owner=person)


async def hire(store: Store, world: World, business: Business, *, name: str, role: Role, email: str = "", counter: bool = False) -> Staff:
    """A new member of staff; or, with ``counter``, a machine that works by itself.

    Raises Duplicate for an e-mail address that a colleague has.
    """
    now = world.now()
    person = Staff(id=world.new_id(), business_id=business.id, name=name, email=email, role=role, counter=counter)
    await store.commit(Unit(at=now, due_at=now, rows=(person, login(person))))
    return person


def login(person: Staff) -> Login:
    """What a new person or machine signs in with: nothing yet but an address. It is recorded in the unit that makes them."""
    return Login(id=person.id, business_id=person.business_id, email=person.email.lower())


async def add_location(store: Store, world: World, business: Business, *, name: str) -> Location:
    """A new branch."""
    now = world.now()
    place = Location(id=world.new_id(), business_id=business.id, name=name)
    await store.commit(Unit(at=now, due_at=now, rows=(place,)))
    return place


async def offer_program(store: Store, world: World, business: Business, program: Program, offers: tuple[Offer, ...]) -> Business:
    """A program with its offers; the business learns the offers' prefixes, by which codes are read."""
    now = world.now()
    await store.commit(Unit(at=now, due_at=now, rows=(*offers, program)))
    prefixes = tuple(sorted({*business.prefixes, *(offer.prefix for offer in offers if offer.prefix)}))
    if prefixes != business.prefixes:
        was, business = business, replace(business, prefixes=prefixes)
        if not await store.revise([(was, business)]):
            raise ChangedMeanwhile
    return business


async def sign_with(store: Store, business: Business, apple: str, *, pass_type: str) -> None:
    """Let a business use the certificate of this name. Raises ValueError if iPhones hold its cards under another pass type."""
    for (business_id, held), phones in (await store.pass_types()).items():
        if business_id == business.id and held != pass_type:
            hold = "1 iPhone holds a card" if phones == 1 else f"{phones} iPhones hold cards"
            raise ValueError(f"{hold} of {business.name} under {held}, and a card cannot change to {pass_type}")
    if not await store.revise([(business, replace(business, apple=apple))]):
        raise ChangedMeanwhile


def secret_hash(secret: str) -> bytes:
    """What is stored of a secret that somebody brings. It is long and random, so a plain hash is as good as a slow one."""
    return hashlib.sha256(secret.encode()).digest()
