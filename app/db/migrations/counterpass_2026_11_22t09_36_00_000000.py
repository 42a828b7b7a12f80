"""The index by which it is seen what one person corrected or gave as compensation. Stamping and redeeming write nothing into it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T09:36:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "index of corrections and compensations by person"

INDEXES = ("CREATE INDEX event_deeds ON event (business_id, staff_id, at) WHERE kind IN ('corrected', 'issued') AND staff_id IS NOT NULL",)


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
