"""The first evening: somebody claims an empty installation, and goes from one step to the next until customers can come."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

import msgspec

from app.desk import Desk, audit, found
from app.desk.hashing import hashed
from app.store import Duplicate, Member
from passes import guesses
from passes.businesses import Brand, Business
from passes.problems import LinkSpent, RefusedSecret

StepName = Literal["business", "brand", "program", "locations", "counter", "poster"]
STEPS: Final[tuple[StepName, ...]] = ("business", "brand", "program", "locations", "counter", "poster")


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says of a business that begins, and of themselves, its owner."""

    name: str
    zone: str
    currency: str
    languages: tuple[str, ...]
    owner: str
    email: str
    password: str
    pin: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the first evening, and whether it is done: what exists tells, nothing else is kept."""

    name: StepName
    done: bool


def secret(key: bytes) -> str:
    """The secret of the link with which an empty installation is claimed: who reads the log of this machine's service has it."""
    return hmac.new(key, b"the first business", hashlib.sha256).hexdigest()[:40]


async def claim(desk: Desk, known: str, said: str) -> None:
    """Let nobody on who has another link, or comes after somebody else. Raises LinkSpent."""
    if not hmac.compare_digest(known.encode(), said.encode()) or await desk.store.businesses():
        raise LinkSpent


def objections(said: Beginning) -> dict[str, RefusedSecret]:
    """All that stands against what an owner chose, by the field of the form."""
    against = {}
    try:
        guesses.check_password(said.password, (said.owner, said.name, said.email))
    except RefusedSecret as refused:
        against["password"] = refused
    try:
        guesses.check_pin(said.pin)
    except RefusedSecret as refused:
        against["pin"] = refused
    return against


async def begin(desk: Desk, known: str, said: Beginning) -> Member:
    """The first business with its owner, who can sign in. Raises LinkSpent for the second of two who claim it, and RefusedSecret."""
    for refused in objections(said).values():
        raise refused
    first = UUID(bytes=hashlib.sha256(known.encode()).digest()[:16], version=4)  # the same for everybody: one of them is a Duplicate
    password, pin = await hashed(desk.world, said.password), await hashed(desk.world, said.pin)
    try:
        begun = await found.found(
            desk.store,
            desk.world,
            name=said.name.strip(),
            zone=said.zone,
            currency=said.currency,
            languages=said.languages,
            location=said.name.strip(),
            owner=said.owner.strip(),
            email=said.email.strip(),
            business_id=first,
            password=password,
            pin=pin,
        )
    except Duplicate:
        raise LinkSpent from None
    (member,) = await desk.store.members(staff_id=begun.owner.id)
    await desk.commit(desk.world.now(), rows=(audit.line(desk, begun.owner.id, "business.made", None, begun.business),))
    return member


async def steps(desk: Desk, business: Business) -> Sequence[Step]:
    """The steps in their order, and which of them are done."""
    store = desk.store
    done: dict[StepName, bool] = {
        "business": bool(business.contact),
        "brand": business.brand != Brand(),
        "program": bool(await store.programs(business.id)),
        "locations": any(place.address or place.latitude is not None for place in await store.locations(business.id)),
        "counter": any(counter.revoked_at is None for counter in await store.counters(business.id)),
        "poster": bool(await store.people(business.id, limit=1)),
    }
    return [Step(name=name, done=done[name]) for name in STEPS]
