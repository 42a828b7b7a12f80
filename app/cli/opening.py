"""What a command opens before it can do anything: the database and the desk."""

import contextlib
import os
from collections.abc import AsyncIterator

from app import asgi, db, doctor, settings, world
from app.cli import asking
from app.desk import Desk
from app.outbound import Outbound
from app.store import Store
from passes.businesses import Business


@contextlib.asynccontextmanager
async def the_desk(known: settings.Settings) -> AsyncIterator[Desk]:
    """The desk, on a database that is as this version needs it."""
    await must_be_migrated(known)
    async with asgi.open_desk(known) as (desk, _):
        yield desk


@contextlib.asynccontextmanager
async def the_store(known: settings.Settings) -> AsyncIterator[tuple[Store, world.World]]:
    """The store, and the world with a way out: all that is needed where no card is drawn."""
    outbound = Outbound(trust=known.trust)
    store = await db.open_store(known.database_url, queue=known.queue)
    try:
        yield store, world.real(outbound)
    finally:
        await store.close()
        await outbound.close()


@contextlib.asynccontextmanager
async def the_business(known: settings.Settings, wanted: str | None) -> AsyncIterator[tuple[Store, world.World, Business]]:
    """The same on a database of this version, and the business that is meant. Raises ValueError if none or several may be."""
    await must_be_migrated(known)
    async with the_store(known) as (store, real):
        yield store, real, asking.the_one("business", await store.businesses(), wanted)


async def must_be_migrated(known: settings.Settings, *, or_new: bool = False, by: str = "counterpass migrate") -> None:
    """Raises ValueError for a database that is not as this version needs it.

    ``by`` is the command that brings it up. With ``or_new`` the usual one is made if it is not there. One that somebody named
    is not: they may have named a wrong one.
    """
    if or_new and known.database_url == settings.Settings().database_url and doctor.missing_file(known.database_url):
        await migrated(known)
        known.certs.mkdir(mode=0o700, exist_ok=True)  # where the key of sessions is kept
    if missing := doctor.missing_file(known.database_url):
        raise ValueError(f"there is no database {missing}: run `counterpass init`, or correct DATABASE_URL")
    store = await db.open_store(known.database_url, queue=known.queue)
    try:
        lacking = await store.migrations_missing()
    finally:
        await store.close()
    if lacking:
        raise ValueError(f"the database lacks {len(lacking)} migrations: run `{by}` (a new shop: `counterpass init`)")


async def migrated(known: settings.Settings) -> None:
    """Make the database, or bring its tables up to this version."""
    must_have_a_folder(known.database_url)
    await db.migrate(known.database_url)


def must_have_a_folder(url: str) -> None:
    """Raises ValueError for a SQLite file that cannot be made."""
    missing = doctor.missing_file(url)
    if missing and not os.access(missing.parent, os.W_OK):
        raise ValueError(f"{missing.parent} is not a folder that can be written: no database can be made there")
