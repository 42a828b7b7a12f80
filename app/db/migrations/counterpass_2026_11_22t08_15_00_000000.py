"""The indexes by which customers are listed in the order of their visits: cards by customer, and who is not there any more."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T08:15:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of customers by visits"

INDEXES = (
    "CREATE INDEX card_people ON card (business_id, customer_id)",
    "CREATE INDEX customer_over ON customer (business_id, id) WHERE merged_into IS NOT NULL OR erased_at IS NOT NULL",
)


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="counterpass", description=DESCRIPTION)

    async def add():
        for statement in INDEXES:
            await engine_finder().run_ddl(statement)

    async def drop():
        for statement in INDEXES:
            await engine_finder().run_ddl(f"DROP INDEX {statement.split('INDEX ')[1].split()[0]}")

    manager.add_raw(add)
    manager.add_raw_backwards(drop)
    return manager
