"""What was said of the sale of a basket is found by the basket."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T10:45:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "an index of sales by basket"


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="counterpass", description=DESCRIPTION)

    async def add():
        await engine_finder().run_ddl("CREATE INDEX sale_basket ON sale (basket_id) WHERE basket_id IS NOT NULL")

    async def drop():
        await engine_finder().run_ddl("DROP INDEX sale_basket")

    manager.add_raw(add)
    manager.add_raw_backwards(drop)
    return manager
