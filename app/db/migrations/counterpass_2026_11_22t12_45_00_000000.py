"""The coupons of an offer that are held are found by the offer."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T12:45:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "an index of held coupons by offer"


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="counterpass", description=DESCRIPTION)

    async def add():
        await engine_finder().run_ddl("CREATE INDEX coupon_held_offer ON coupon (offer_id, held_by) WHERE held_by IS NOT NULL")

    async def drop():
        await engine_finder().run_ddl("DROP INDEX coupon_held_offer")

    manager.add_raw(add)
    manager.add_raw_backwards(drop)
    return manager
