"""Keys with which programs speak for a business: handed out once, rolled with an overlap, revoked at once."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import test_mode
from app.desk.audit import line_of
from app.desk.found import login, secret_hash
from app.store import SCOPES, ApiKey, ApiSecret, Audit, Row, Staff, Store, Unit
from app.world import World
from passes.businesses import Business
from passes.problems import NotFound
from passes.words import N_

LIVE: Final = "cp_live_"
TEST: Final = "cp_test_"
"""How a leaked key is recognised for what it is, and a program for tests is not connected to the real shop by mistake."""
PER_MINUTE: Final = 1200
"""Requests of one key in a minute, unless its maker says otherwise."""
MOST_PER_MINUTE: Final = 60_000
HINT: Final = 4
"""So many last characters of a secret are kept, by which people know it again."""
OVERLAPS: Final[Mapping[str, timedelta]] = {"now": timedelta(0), "1h": timedelta(hours=1), "24h": timedelta(hours=24)}
"""How long the old secret of a key works beside the new one."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A key as its owner sees it."""

    key: ApiKey
    secrets: Sequence[ApiSecret]
    """The newest first."""
    test: bool
    location_id: UUID
    """The location of the live business, also for a key of test mode."""
    person: Staff | None
    """Whom it works for; None for a machine of its own."""
    closed: bool = False
    """Its location is closed: it does not work until that is open again."""

    @property
    def old(self) -> ApiSecret | None:
        """The secret before the newest one, with its end."""
        return self.secrets[1] if len(self.secrets) > 1 else None


async def hand_out(
    store: Store,
    world: World,
    business: Business,
    *,
    name: str,
    location_id: UUID,
    made_by: UUID,
    scopes: Iterable[str] = SCOPES,
    staff_id: UUID | None = None,
    per_minute: int = PER_MINUTE,
    test: bool = False,
) -> tuple[ApiKey, str]:
    """A new key for a location of this business, and its secret, which nothing keeps.

    It works for the person ``staff_id`` in their role; without one for a machine of its own, which is a manager if the key may
    ``manage``, else a cashier. ``test``: it belongs to the business's twin.
    """
    now, owner_id, place_id = world.now(), business.id, location_id
    if test:
        await test_mode.begin(store, business.id)
        owner_id = test_mode.twin_of(business.id)
        place_id = test_mode.again(owner_id, location_id)
    granted = [one for one in SCOPES if one in set(scopes)]
    rows: list[Row] = []
    if staff_id is None:
        role = "manager" if "manage" in granted else "cashier"
        machine = Staff(id=world.new_id(), business_id=owner_id, name=name, role=role, counter=True)  # type: ignore[arg-type] # one of two
        rows = [machine, login(machine)]
        staff_id = machine.id
    key = ApiKey(
        id=world.new_id(),
        business_id=owner_id,
        staff_id=staff_id,
        location_id=place_id,
        name=name,
        scopes=" ".join(granted),
        per_minute=per_minute,
        made_by=made_by,
        created_at=now,
    )
    secret = _drawn(world, test=test)
    line = _line(world, business, "key.made", None, replace(key, location_id=location_id), by=made_by)
    await store.commit(Unit(at=now, due_at=now, rows=(*rows, key, _kept(world, key, secret), line)))
    return key, secret


async def roll(store: Store, world: World, business: Business, key_id: UUID, *, by: UUID, overlap: timedelta) -> tuple[ApiKey, str]:
    """Another secret for a key, which stays the same key; those that it had end after the overlap. Raises NotFound."""
    there = await the(store, business, key_id)
    now, secret = world.now(), _drawn(world, test=there.test)
    rows = (_kept(world, there.key, secret), _line(world, business, "key.rolled", there.key, there.key, by=by))
    if not await store.change_key(there.key.business_id, key_id, old_until=now + overlap, rows=rows):
        raise NotFound(what=N_("key"))
    return there.key, secret


async def revoke(store: Store, world: World, business: Business, key_id: UUID, *, by: UUID) -> None:
    """The next request with it is refused, and its machine is suspended. Raises NotFound, also if it was revoked before."""
    there = await the(store, business, key_id)
    now = world.now()
    line = _line(world, business, "key.revoked", there.key, replace(there.key, revoked_at=now), by=by)
    if not await store.change_key(there.key.business_id, key_id, revoked_at=now, rows=(line,)):
        raise NotFound(what=N_("key"))
    if there.person is None:
        for machine in await store.members(business_id=there.key.business_id, staff_id=there.key.staff_id):
            await store.replace_member(replace(machine.staff, suspended_at=now), machine.login, seen=machine.login.version)


async def of(store: Store, business: Business) -> Sequence[Listed]:
    """The keys of a business that are not revoked, those of test mode last."""
    people = {one.id: one for one in await store.staff(business.id) if not one.counter}
    twin_id = test_mode.twin_of(business.id)
    locations = await store.locations(business.id)
    places = {id_: one for one in locations for id_ in (one.id, test_mode.again(twin_id, one.id))}
    return [
        Listed(
            key=key,
            secrets=secrets,
            test=key.business_id == twin_id,
            location_id=places[key.location_id].id,
            person=people.get(key.staff_id),
            closed=places[key.location_id].closed,
        )
        for owner_id in (business.id, twin_id)
        for key, secrets in await store.api_keys(owner_id)
        if key.revoked_at is None
    ]


async def the(store: Store, business: Business, key_id: UUID) -> Listed:
    """A key of this business or of its test mode that is not revoked. Raises NotFound."""
    for one in await of(store, business):
        if one.key.id == key_id:
            return one
    raise NotFound(what=N_("key"))


def _drawn(world: World, *, test: bool) -> str:
    return (TEST if test else LIVE) + world.token() + world.token()


def _kept(world: World, key: ApiKey, secret: str) -> ApiSecret:
    """What is kept of a key's secret."""
    return ApiSecret(
        id=world.new_id(),
        business_id=key.business_id,
        key_id=key.id,
        secret_hash=secret_hash(secret),
        hint=secret[-HINT:],
        made_at=world.now(),
    )


def _line(world: World, business: Business, what: str, was: ApiKey | None, became: ApiKey, *, by: UUID) -> Audit:
    """A line of the business's own audit, where its owner reads also what became of the keys of its test mode."""
    return replace(line_of(world, by, what, was, became), business_id=business.id)
