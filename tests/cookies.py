"""Who is on a browser, as cookies: what signing in and enrolling leave behind, without their pages and their patience with guesses."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from litestar.middleware.session.client_side import ClientSideSessionBackend, CookieBackendConfig
from shop import Shop

from app import world
from app.certs import session_key
from app.desk import enrolment
from app.store import Counter, CounterKind, Member
from app.web.sessions import AT_COUNTER, COUNTER, SIGNED_IN


class Enrolled(NamedTuple):
    """A browser that is a counter: what the database knows, and the browser's cookies."""

    counter: Counter
    cookies: dict[str, str]


def session(certs: Path, **people: tuple[Member, datetime]) -> dict[str, str]:
    """The session cookie of a browser on which these are (``signed_in``, ``at_counter``), since when."""
    names = {"signed_in": SIGNED_IN, "at_counter": AT_COUNTER}
    content = {names[name]: [str(one.staff.id), one.login.version, since.isoformat()] for name, (one, since) in people.items()}
    backend = ClientSideSessionBackend(CookieBackendConfig(secret=session_key(certs, drawn=world.token)))
    (data,) = backend.dump_data(content)
    return {"session": data.decode()}


async def member(shop: Shop, who: str) -> Member:
    (found,) = await shop.desk.store.members(business_id=shop.business.id, staff_id=shop.staff[who].id)
    return found


async def signed_in(shop: Shop, certs: Path, who: str) -> dict[str, str]:
    """The cookies of a browser on which this person is signed in."""
    return session(certs, signed_in=(await member(shop, who), shop.clock()))


async def enrolled(
    shop: Shop, certs: Path, *, who: str = "", where: str = "Bến Thành", kind: CounterKind = "staff", name: str = "Front till"
) -> Enrolled:
    """A browser that is a counter there, with somebody at it if somebody is named."""
    owner = await member(shop, "Lan")
    counter, secret = await enrolment.enrol_here(shop.desk, owner, location_id=shop.locations[where].id, name=name, kind=kind, was=None)
    there = session(certs, at_counter=(await member(shop, who), shop.clock())) if who else {}
    return Enrolled(counter, {COUNTER: secret, **there})
