"""The indexes of the history and of the search, and what is there already, counted and made findable."""

from collections import Counter
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder
from piccolo.querystring import QueryString

from app.db import sought
from app.store import DatabaseProblem

ID = "2026-11-22T03:41:25:000000"
VERSION = "1.38.0"
DESCRIPTION = "history, counts and search"
AT_ONCE = 2000

INDEXES = (
    "CREATE UNIQUE INDEX day_count_key ON day_count (business_id, by, day, kind, which)",
    "CREATE INDEX redemption_time ON redemption (business_id, at, id)",
    "CREATE INDEX redemption_goodwill ON redemption (business_id, at, id) WHERE kind = 'goodwill'",
    "CREATE INDEX redemption_staff ON redemption (staff_id, at, id)",
    "CREATE INDEX redemption_offer ON redemption (offer_id, at, id) WHERE offer_id IS NOT NULL",
    "CREATE INDEX redemption_customer ON redemption (customer_id, at, id) WHERE customer_id IS NOT NULL",
    "CREATE INDEX reversal_time ON reversal (business_id, redeemed_at, redemption_id)",
    "CREATE INDEX refusal_time ON refusal (business_id, at, id)",
    "CREATE INDEX refusal_staff ON refusal (staff_id, at, id)",
    "CREATE INDEX refusal_offer ON refusal (offer_id, at, id) WHERE offer_id IS NOT NULL",
    "CREATE INDEX refusal_customer ON refusal (customer_id, at, id) WHERE customer_id IS NOT NULL",
    "CREATE INDEX card_customer ON card (customer_id)",
)
# The names' trigrams, written in the transaction that writes the customer. What SQLite's index finds it finds by the id that it keeps:
# a row's own number may change with a VACUUM.
SQLITE = (
    "DROP INDEX refusal_business",
    "CREATE INDEX refusal_sought ON refusal (business_id, sought) WHERE sought <> ''",
    "CREATE VIRTUAL TABLE customer_sought USING fts5(sought, id UNINDEXED, tokenize = 'trigram')",
    "INSERT INTO customer_sought (sought, id) SELECT sought, id FROM customer",
    """CREATE TRIGGER customer_is_sought AFTER INSERT ON customer BEGIN
        INSERT INTO customer_sought (sought, id) VALUES (new.sought, new.id); END""",
    """CREATE TRIGGER customer_is_sought_anew AFTER UPDATE OF sought ON customer BEGIN
        UPDATE customer_sought SET sought = new.sought WHERE id = old.id; END""",
    """CREATE TRIGGER customer_is_sought_no_more AFTER DELETE ON customer BEGIN
        DELETE FROM customer_sought WHERE id = old.id; END""",
)
# Codes begin with what was typed byte by byte, whatever order the database's language has: the index of codes does both.
POSTGRESQL = (
    "DROP INDEX refusal_business",
    "DROP INDEX coupon_code",
    "CREATE UNIQUE INDEX coupon_code ON coupon (business_id, code text_pattern_ops)",
    "CREATE INDEX refusal_sought ON refusal (business_id, sought text_pattern_ops) WHERE sought <> ''",
    "CREATE INDEX customer_sought ON customer USING gin (sought gin_trgm_ops) WITH (fastupdate = off)",
    "ALTER TABLE day_count SET (fillfactor = 50)",
)
SQLITE_BACK = (
    "DROP TRIGGER customer_is_sought",
    "DROP TRIGGER customer_is_sought_anew",
    "DROP TRIGGER customer_is_sought_no_more",
    "DROP TABLE customer_sought",
    "DROP INDEX refusal_sought",
    "CREATE INDEX refusal_business ON refusal (business_id, at)",
)
POSTGRESQL_BACK = (
    "DROP INDEX customer_sought",
    "DROP INDEX refusal_sought",
    "DROP INDEX coupon_code",
    "CREATE UNIQUE INDEX coupon_code ON coupon (business_id, code)",
    "CREATE INDEX refusal_business ON refusal (business_id, at)",
    "ALTER TABLE day_count RESET (fillfactor)",
)
OF_COUPON = """
    UPDATE {table} SET offer_id = (SELECT c.offer_id FROM coupon AS c WHERE c.id = coupon_id),
        customer_id = (SELECT c.customer_id FROM coupon AS c WHERE c.id = coupon_id)
    WHERE coupon_id IS NOT NULL"""
FILL = (
    OF_COUPON.format(table="redemption"),
    OF_COUPON.format(table="refusal"),
    "UPDATE reversal SET redeemed_at = (SELECT r.at FROM redemption AS r WHERE r.id = redemption_id)",
)


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="counterpass", description=DESCRIPTION)

    async def add():
        engine = engine_finder()
        postgresql = engine.engine_type == "postgres"
        if postgresql:
            await make_trigrams(engine)
        for statement in FILL:
            await engine.run_ddl(statement)
        await fill(engine)
        for statement in (*INDEXES, *(POSTGRESQL if postgresql else SQLITE)):
            await engine.run_ddl(statement)

    async def drop():
        engine = engine_finder()
        for statement in INDEXES:
            await engine.run_ddl(f"DROP INDEX {statement.split('INDEX ')[1].split()[0]}")
        for statement in POSTGRESQL_BACK if engine.engine_type == "postgres" else SQLITE_BACK:
            await engine.run_ddl(statement)

    manager.add_raw(add)
    manager.add_raw_backwards(drop)
    return manager


async def make_trigrams(engine):
    """PostgreSQL's own extension for texts in texts; an owner of a database may usually create it."""
    try:
        await engine.run_ddl("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except (asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError, asyncpg.UndefinedFileError) as error:
        raise DatabaseProblem(
            "names are searched with PostgreSQL's extension pg_trgm, which is not there, and this user cannot create it. Install "
            "PostgreSQL's contrib package if it is missing, and let an administrator run CREATE EXTENSION pg_trgm in this database"
        ) from error


async def fill(engine):
    """The texts that are looked for, and the counts as every commit keeps them from now on (app.desk.counting)."""
    async for row in rows(engine, "id, name, phone", "customer AS t"):
        await engine.run_querystring(
            QueryString("UPDATE customer SET sought = {} WHERE id = {}", sought.person(row["name"], row["phone"]), row["id"])
        )
    async for row in rows(engine, "id, presented", "refusal AS t", "t.coupon_id IS NULL"):
        await engine.run_querystring(QueryString("UPDATE refusal SET sought = {} WHERE id = {}", sought.code(row["presented"]), row["id"]))
    zones = {}
    async for row in rows(engine, "id, body", "business AS t"):
        zones[UUID(str(row["id"]))] = ZoneInfo(msgspec.json.decode(row["body"])["zone"])
    counts = Counter()

    def count(business_id, kind, local, **which):
        for by, value in {"all": "", **which}.items():
            counts[business_id, kind, by, str(value), local.date()] += 1

    def local(row, name):
        at = row[name] if isinstance(row[name], datetime) else datetime.fromisoformat(row[name])
        return at.astimezone(zones[UUID(str(row["business_id"]))])

    async for row in rows(engine, "id, business_id, offer_id, issued_at", "coupon AS t"):
        count(row["business_id"], "issued", local(row, "issued_at"), offer=row["offer_id"])
    holds = "NOT EXISTS (SELECT 1 FROM reversal AS v WHERE v.redemption_id = t.id)"
    columns = "id, business_id, kind, at, location_id, staff_id, offer_id, (SELECT c.issued_at FROM coupon AS c WHERE c.id = t.coupon_id) AS issued_at"
    async for row in rows(engine, columns, "redemption AS t", holds):
        at = local(row, "at")
        if row["kind"] == "goodwill":
            count(row["business_id"], "goodwill", at)
            continue
        hour = at.weekday() * 24 + at.hour
        count(row["business_id"], "redeemed", at, location=row["location_id"], offer=row["offer_id"], staff=row["staff_id"], hour=hour)
        count(row["business_id"], "used", local(row, "issued_at"), offer=row["offer_id"])
    async for row in rows(engine, "id, business_id, at, staff_id", "refusal AS t"):
        count(row["business_id"], "refused", local(row, "at"), staff=row["staff_id"])
    for (business_id, *key), n in counts.items():
        insert = "INSERT INTO day_count (business_id, kind, by, which, day, n) VALUES ({}, {}, {}, {}, {}, {})"
        await engine.run_querystring(QueryString(insert, business_id, *key, n))


async def rows(engine, columns, table, where="true"):
    """All rows, a portion at a time, in the order of their ids."""
    last = UUID(int=0)
    while True:
        query = f"SELECT {columns} FROM {table} WHERE t.id > {{}} AND {where} ORDER BY t.id LIMIT {AT_ONCE}"
        found = await engine.run_querystring(QueryString(query, last))
        for row in found:
            yield row
        if len(found) < AT_ONCE:
            return
        last = UUID(str(found[-1]["id"]))
