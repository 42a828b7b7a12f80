"""The index of coupons' ends has their ids in it: whoever walks along it need not sort all that end in the same second."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T13:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "index of coupons' ends, with their ids"


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="counterpass", description=DESCRIPTION)

    def made(columns: str):
        async def make():
            await engine_finder().run_ddl("DROP INDEX coupon_active")
            await engine_finder().run_ddl(f"CREATE INDEX coupon_active ON coupon ({columns}) WHERE state = 'active'")

        return make

    manager.add_raw(made("business_id, expires_at, id"))
    manager.add_raw_backwards(made("business_id, expires_at"))
    return manager
