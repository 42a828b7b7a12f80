"""The indexes of insight, and what was there already: visits, who joined when, and goodwill by place and person."""

from collections import Counter
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder
from piccolo.querystring import QueryString

ID = "2026-11-22T07:12:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "insight: visits and their indexes"
AT_ONCE = 2000

INDEXES = (
    "CREATE INDEX card_joined ON card (business_id, joined_at)",
    "CREATE INDEX event_first ON event (card_id, kind) WHERE kind IN ('saved', 'earned')",
    "CREATE INDEX entry_earned ON entry (business_id, at, card_id) WHERE kind = 'earned'",
    "CREATE INDEX coupon_offer ON coupon (offer_id, id)",
)
VISITS = """
    UPDATE card SET visits = (SELECT count(*) FROM entry AS e WHERE e.card_id = card.id AND e.kind = 'earned'),
        visited_at = (SELECT max(e.at) FROM entry AS e WHERE e.card_id = card.id AND e.kind = 'earned'),
        location_id = (SELECT e.location_id FROM entry AS e WHERE e.card_id = card.id AND e.kind = 'earned' ORDER BY e.number DESC LIMIT 1)
    WHERE visits = 0 AND entries > 0"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="counterpass", description=DESCRIPTION)

    async def add():
        engine = engine_finder()
        await engine.run_ddl(VISITS)
        await fill(engine)
        for statement in INDEXES:
            await engine.run_ddl(statement)

    async def drop():
        for statement in INDEXES:
            await engine_finder().run_ddl(f"DROP INDEX {statement.split('INDEX ')[1].split()[0]}")

    manager.add_raw(add)
    manager.add_raw_backwards(drop)
    return manager


async def fill(engine):
    """The counts as every commit keeps them from now on (app.desk.counting)."""
    zones = {UUID(str(row["id"])): ZoneInfo(msgspec.json.decode(row["body"])["zone"]) async for row in rows(engine, "id, body", "business AS t")}
    counts = Counter()

    def count(row, kind, at, **which):
        moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
        day = moment.astimezone(zones[UUID(str(row["business_id"]))]).date()
        for by, value in which.items():
            counts[row["business_id"], kind, by, str(value), day] += 1

    async for row in rows(engine, "id, business_id, joined_at", "card AS t"):
        count(row, "joined", row["joined_at"], all="")
    earlier = "EXISTS (SELECT 1 FROM entry AS f WHERE f.card_id = t.card_id AND f.number < t.number AND f.kind = 'earned')"
    columns = f"id, business_id, at, location_id, staff_id, {earlier} AS again"
    async for row in rows(engine, columns, "entry AS t", "t.kind = 'earned'"):
        count(row, "visit", row["at"], all="", location=row["location_id"], staff=row["staff_id"])
        if not row["again"]:
            count(row, "first_visit", row["at"], all="", location=row["location_id"])
    holds = "t.kind = 'goodwill' AND NOT EXISTS (SELECT 1 FROM reversal AS v WHERE v.redemption_id = t.id)"
    async for row in rows(engine, "id, business_id, at, location_id, staff_id", "redemption AS t", holds):
        count(row, "goodwill", row["at"], location=row["location_id"], staff=row["staff_id"])
    for (business_id, *key), n in counts.items():
        insert = "INSERT INTO day_count (business_id, kind, by, which, day, n) VALUES ({}, {}, {}, {}, {}, {})"
        await engine.run_querystring(QueryString(f"{insert} ON CONFLICT (business_id, by, day, kind, which) DO NOTHING", business_id, *key, n))


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
