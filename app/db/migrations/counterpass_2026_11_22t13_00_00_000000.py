"""Coupons that are held are found by their offer; the index of coupons' ends has their ids in it, so that nobody sorts one second's."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T13:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of held coupons by offer, and of coupons' ends with their ids"


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="counterpass", description=DESCRIPTION)

    def made(ends: str, held: str):
        async def make():
            for ddl in (held, "DROP INDEX coupon_active", f"CREATE INDEX coupon_active ON coupon ({ends}) WHERE state = 'active'"):
                await engine_finder().run_ddl(ddl)

        return make

    manager.add_raw(
        made("business_id, expires_at, id", "CREATE INDEX coupon_held_offer ON coupon (offer_id, held_by) WHERE held_by IS NOT NULL")
    )
    manager.add_raw_backwards(made("business_id, expires_at", "DROP INDEX coupon_held_offer"))
    return manager
