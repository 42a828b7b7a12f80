"""What goes wrong is said honestly, spoils nothing and leaves nothing behind."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import asyncpg
import pytest
from cafe import NOON, Cafe
from piccolo.columns import Integer
from piccolo.table import Table

from app.db import DatabaseProblem, migrate, open_store
from app.db.engines import PostgreSQL, SQLite, engine_of
from app.db.schema import known
from app.db.shapes import ROWS, BodyShape, SoughtShape
from app.db.tables import TABLES
from app.store import Unit

ROOT = Path(__file__).parents[2]


async def every(*units: object) -> list[object]:
    return list(await asyncio.gather(*units, return_exceptions=True))


# --- PostgreSQL goes away ---


async def test_a_lost_connection_is_an_honest_error_and_then_it_goes_on(postgresql_url: str) -> None:
    store = await open_store(postgresql_url, queue=2000)
    cafe = await Cafe(store).open()
    coupons = [await cafe.coupon() for _ in range(400)]
    admin = await asyncpg.connect(postgresql_url)

    told: dict[object, object] = {}

    async def kill() -> None:
        await admin.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'counterpass'")

    async def kill_until_it_is_noticed() -> None:
        kills = 0
        while kills < 5 or (len(told) < len(coupons) and not any(isinstance(one, DatabaseProblem) for one in told.values())):
            await kill()
            kills += 1

    async def redeem(mine: list[object]) -> None:
        for coupon in mine:
            (told[coupon],) = await every(store.commit(cafe.redeeming(coupon)))

    await asyncio.gather(*(redeem(coupons[at : at + 20]) for at in range(0, 400, 20)), kill_until_it_is_noticed())
    assert any(isinstance(one, DatabaseProblem) for one in told.values())
    assert all(isinstance(one, int | DatabaseProblem) for one in told.values())
    await kill()
    for _ in range(10):  # every kept connection may find out for itself
        await every(store.presented(cafe.business.id, "x"), store.businesses(), store.card_facts(key="x"))
    for coupon, one in told.items():
        redeemed = len(await store.coupon_history(cafe.business.id, coupon.id))
        assert redeemed == 1 if isinstance(one, int) else redeemed <= 1
    assert isinstance(await store.commit(cafe.redeeming(await cafe.coupon())), int)
    await admin.close()
    await store.close()


async def test_a_unit_in_an_unreachable_database_is_refused(postgresql_url: str) -> None:
    store = await open_store(postgresql_url, queue=10)
    cafe = await Cafe(store).open()
    admin = await asyncpg.connect(postgresql_url)
    name = await admin.fetchval("SELECT current_database()")
    home = await asyncpg.connect(postgresql_url.replace(name, "postgres"))
    await admin.close()
    await home.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await home.fetch("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", name)
    for question in (
        lambda: store.commit(Unit(at=NOON, due_at=NOON)),
        lambda: store.caller(cafe.secret.secret_hash),
        store.businesses,
        lambda: store.card_facts(key="x"),
        lambda: store.change_key(cafe.business.id, cafe.key.id, revoked_at=NOON),
        store.migrations_missing,
    ):
        with pytest.raises(DatabaseProblem):
            await question()
    await home.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert await store.caller(cafe.secret.secret_hash) is not None
    assert isinstance(await store.commit(Unit(at=NOON, due_at=NOON)), int)
    await home.close()
    await store.close()


# --- SQLite is busy or full ---


async def test_another_process_may_write_to_the_file_and_units_wait_for_it(sqlite_url: str) -> None:
    store = await open_store(sqlite_url, queue=10)
    cafe = await Cafe(store).open()
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    commit = asyncio.create_task(store.commit(Unit(at=NOON, due_at=NOON)))
    assert await store.caller(cafe.secret.secret_hash) is not None, "readers never wait"
    assert not commit.done()
    other.execute("ROLLBACK")
    assert isinstance(await commit, int)
    other.close()
    await store.close()


async def test_a_house_that_closes_after_its_last_answer_complains_of_nothing(sqlite_url: str) -> None:
    store = await open_store(sqlite_url, queue=10)
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    assert await store.card_facts(key="x") is None
    await store.close()
    await asyncio.sleep(0)
    assert complaints == []


async def test_a_full_disk_refuses_units_and_an_emptier_one_takes_them(sqlite_url: str) -> None:
    store = await open_store(sqlite_url, queue=100)
    cafe = await Cafe(store).open()
    coupons = [await cafe.coupon() for _ in range(30)]
    writer = store._writer
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages}")
    fat = [cafe.redeeming(coupon, cafe.event(None, "message"), *(cafe.kept(f"{coupon.id} {n}") for n in range(20))) for coupon in coupons]
    told = await every(*(store.commit(unit) for unit in fat))
    assert any(isinstance(one, DatabaseProblem) for one in told)
    for coupon, one in zip(coupons, told, strict=True):
        assert len(await store.coupon_history(cafe.business.id, coupon.id)) == isinstance(one, int)
    writer.execute("PRAGMA max_page_count = 1000000")
    again = await every(*(store.commit(unit) for unit, one in zip(fat, told, strict=True) if not isinstance(one, int)))
    assert all(isinstance(one, int) for one in again)
    await store.close()


# --- What cannot be opened ---


@pytest.mark.parametrize(
    "url",
    [
        "mysql://localhost/cafe",
        "sqlite://relative.db",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:////nowhere/at/all/cafe.db",
        f"sqlite:///{__file__}",
        "postgresql://nobody@127.0.0.1:1/cafe",
        "postgresql://127.0.0.1:notaport/cafe",
        "",
    ],
)
async def test_a_database_that_cannot_be_reached_says_so_in_a_sentence(url: str) -> None:
    with pytest.raises(DatabaseProblem, match=r"[a-z]{3,} "):
        await open_store(url, queue=1)
    with pytest.raises(DatabaseProblem, match=r"[a-z]{3,} "):
        await migrate(url)


async def test_a_new_database_lacks_every_migration(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    store = await open_store(url, queue=1)
    assert list(await store.migrations_missing()) == list(known())
    assert list(await migrate(url)) == list(known())
    assert list(await migrate(url)) == []
    assert await store.migrations_missing() == []
    assert await store.businesses() == []
    await store.close()


async def test_three_processes_may_migrate_at_once(postgresql: str, tmp_path: Path) -> None:
    name = f"counterpass_{os.getpid()}_new"
    home = await asyncpg.connect(postgresql)
    await home.execute(f"CREATE DATABASE {name}")
    try:
        urls = [f"sqlite:///{tmp_path / 'new.db'}", postgresql.replace("/postgres?", f"/{name}?")]
        script = f"import asyncio; from app.db import migrate; print([len(asyncio.run(migrate(url))) for url in {urls}])"
        processes = [_python(script) for _ in range(3)]
        said = [json.loads(process.communicate(timeout=60)[0].splitlines()[-1]) for process in processes]
        for made in zip(*said, strict=True):
            assert sorted(made) == [0, 0, len(known())]
    finally:
        await home.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await home.close()


# --- Nothing is left behind ---


@pytest.mark.parametrize("how", ["closed", "in the middle of it", "never opened", "refused"])
def test_the_process_ends(database_url: str, how: str) -> None:
    doing = {
        "closed": "await store.commit(unit); await store.businesses(); await store.lagging(); await store.close()",
        "in the middle of it": """
    told = await asyncio.gather(*(store.commit(unit) for _ in range(50)), store.businesses(), store.close(), return_exceptions=True)
    assert not told[0] is None and all(isinstance(one, int | list | DatabaseProblem | None) for one in told), told""",
        "never opened": "await store.close()",
        "refused": "await asyncio.gather(*(store.commit(bad) for _ in range(9)), return_exceptions=True); await store.close()",
    }[how]
    script = f"""
import asyncio
from datetime import UTC, datetime
from app.db import DatabaseProblem, open_store
from app.store import Change, Unit
from app.world import new_id
from passes.cards import Card
id = new_id()
unit = Unit(at=datetime.now(UTC), due_at=datetime.now(UTC))
bad = Unit(at=unit.at, due_at=unit.at, changes=(Change(of=Card, id=id, seen={{}}, to={{"balance": 1}}),))
async def main():
    store = await open_store({database_url!r}, queue=100)
    {doing}
asyncio.run(main())
print("the end")
"""
    process = _python(script)
    said, complaint = process.communicate(timeout=60)
    assert (said.strip(), process.returncode) == ("the end", 0), complaint


async def test_a_failed_begin_leaves_no_thread(sqlite_url: str) -> None:
    before = set(threading.enumerate())
    engine = SQLite(sqlite_url.removeprefix("sqlite:///"))
    engine.connection_kwargs["timeout"] = 0.01
    other = sqlite3.connect(engine.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(5):
        with pytest.raises(sqlite3.OperationalError):
            async with engine.transaction():
                pass
    other.close()
    async with engine.transaction():
        pass
    await engine.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=60)
    assert set(threading.enumerate()) <= before


class Promise(Table):
    """A row whose promise is only looked at when it is committed."""

    promised = Integer()


async def test_a_failed_commit_gives_its_connection_back(postgresql_url: str) -> None:
    engine = PostgreSQL(postgresql_url)
    await engine.start_connection_pool()
    Promise._meta.db = engine
    await engine.run_ddl("CREATE TABLE promise (id int PRIMARY KEY, promised int REFERENCES promise DEFERRABLE INITIALLY DEFERRED)")
    for _ in range(10):  # more than the pool has connections
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            async with engine.transaction():
                await Promise.raw("INSERT INTO promise VALUES (1, 2)").run()
    async with asyncio.timeout(60):
        assert await Promise.count().run() == 0
    await engine.close()


async def test_a_failed_begin_gives_its_connection_back(postgresql_url: str) -> None:
    engine = PostgreSQL(postgresql_url)
    await engine.start_connection_pool()
    Promise._meta.db = engine
    admin = await asyncpg.connect(postgresql_url)
    failed = 0
    async with asyncio.timeout(60):
        while failed < 6:
            await every(*(engine.run_ddl("SELECT 1") for _ in range(4)))
            await admin.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'counterpass'")
            for _ in range(4):
                try:
                    async with engine.transaction():
                        pass
                except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
                    failed += 1
        assert len(await Promise.raw("SELECT 1").run()) == 1, "the pool still has connections to give"
    await admin.close()
    await engine.close()


# --- The tables are what the code thinks they are ---


async def test_the_database_has_the_columns_that_the_code_knows(database_url: str) -> None:
    engine = engine_of(database_url)
    for table in TABLES:
        table._meta.db = engine
        name = table._meta.tablename
        if isinstance(engine, SQLite):
            found = [row["name"] for row in await engine._run_in_new_connection(f"PRAGMA table_info({name})")]
        else:
            found = [
                row["column_name"]
                for row in await engine._run_in_new_connection(
                    "SELECT column_name FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position", [name]
                )
            ]
        assert sorted(found) == sorted(column._meta.name for column in table._meta.columns), name
    await engine.close()


@pytest.mark.parametrize("shape", [shape for shape in ROWS.values() if not isinstance(shape, BodyShape)], ids=lambda shape: shape.name)
def test_a_tables_columns_are_the_fields_of_its_struct_in_their_order(shape: object) -> None:
    assert shape.columns[: len(shape.names)] == shape.names == shape.of.__struct_fields__
    assert len(shape.columns) == len(shape.names) + (shape.ordered or isinstance(shape, SoughtShape))


def test_every_business_keeps_its_rows_apart() -> None:
    shared = {table._meta.tablename for table in TABLES if "business_id" not in [column._meta.name for column in table._meta.columns]}
    assert shared == {"business", "alarm", "nonce", "clock", "strike"}


def _python(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
