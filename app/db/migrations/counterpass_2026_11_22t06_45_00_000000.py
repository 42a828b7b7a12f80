"""The indexes by which customers are listed, by age, and by which those who are one person find each other."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T06:45:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of customers by age, and of those who are one person"

INDEXES = (
    "CREATE INDEX customer_joined ON customer (business_id, joined_at, id)",
    "CREATE INDEX customer_merged ON customer (merged_into) WHERE merged_into IS NOT NULL",
    "CREATE INDEX customer_maybe ON customer (maybe_id) WHERE maybe_id IS NOT NULL",
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
