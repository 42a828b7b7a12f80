"""The index by which the coupons that were given are listed, the newest first."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T06:52:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "index of given coupons by age"

INDEXES = ("CREATE INDEX coupon_given ON coupon (business_id, issued_at, id) WHERE state <> 'pooled'",)


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
