"""Every token becomes a key that may do everything, and the indexes of what a till needs."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T10:40:01:000000"
VERSION = "1.38.0"
DESCRIPTION = "tokens become keys; indexes of keys, sales, reservations and deliveries"

COPIES = (
    """INSERT INTO api_key (id, business_id, staff_id, location_id, name, scopes, per_minute, made_by, created_at, revoked_at)
        SELECT id, business_id, staff_id, location_id, name, 'read earn redeem issue manage', 1200, staff_id, created_at, revoked_at
        FROM token""",
    """INSERT INTO api_secret (id, business_id, key_id, secret_hash, hint, made_at)
        SELECT id, business_id, id, secret_hash, '', created_at FROM token""",
)
INDEXES = (
    "CREATE UNIQUE INDEX api_secret_hash ON api_secret (secret_hash)",
    "CREATE INDEX api_secret_business ON api_secret (business_id)",
    "CREATE INDEX api_key_business ON api_key (business_id, created_at)",
    "CREATE INDEX sale_receipt ON sale (business_id, receipt) WHERE receipt <> ''",
    "CREATE UNIQUE INDEX sale_reference ON sale (key_id, reference) WHERE reference <> ''",
    "CREATE UNIQUE INDEX sale_return_number ON sale_return (sale_id, number)",
    "CREATE INDEX reservation_business ON reservation (business_id, at)",
    "CREATE INDEX coupon_held ON coupon (held_by) WHERE held_by IS NOT NULL",
    "CREATE INDEX redemption_basket ON redemption (basket_id) WHERE basket_id IS NOT NULL",
    "CREATE INDEX endpoint_business ON endpoint (business_id)",
    "CREATE INDEX endpoint_due ON endpoint (due_at) WHERE disabled_at IS NULL AND removed_at IS NULL",
    "CREATE UNIQUE INDEX delivery_event ON delivery (endpoint_id, event_id)",
    "CREATE INDEX delivery_due ON delivery (endpoint_id, due_at) WHERE state = 'due'",
    "CREATE INDEX delivery_lane ON delivery (endpoint_id, lane, seq) WHERE state = 'due'",
    "CREATE INDEX delivery_log ON delivery (endpoint_id, at, id)",
)


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="counterpass", description=DESCRIPTION)

    async def add():
        for statement in (*COPIES, *INDEXES):
            await engine_finder().run_ddl(statement)

    async def drop():
        for statement in INDEXES:
            await engine_finder().run_ddl(f"DROP INDEX {statement.split('INDEX ')[1].split()[0]}")

    manager.add_raw(add)
    manager.add_raw_backwards(drop)
    return manager
