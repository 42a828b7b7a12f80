"""The indexes, in a migration of their own: Piccolo runs plain SQL before it makes the tables of the same migration."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T00:50:03:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes and the clock"

INDEXES = (
    "CREATE INDEX location_business ON location (business_id)",
    "CREATE INDEX staff_business ON staff (business_id)",
    "CREATE INDEX program_business ON program (business_id)",
    "CREATE INDEX offer_business ON offer (business_id)",
    "CREATE UNIQUE INDEX token_secret ON token (secret_hash)",
    "CREATE UNIQUE INDEX card_number ON card (business_id, number)",
    "CREATE UNIQUE INDEX card_serial ON card (serial)",
    "CREATE UNIQUE INDEX card_key ON card (key)",
    "CREATE UNIQUE INDEX coupon_code ON coupon (business_id, code)",
    "CREATE INDEX coupon_active_card ON coupon (card_id) WHERE state = 'active'",
    "CREATE INDEX coupon_active ON coupon (business_id, expires_at) WHERE state = 'active'",
    "CREATE INDEX redemption_coupon ON redemption (coupon_id)",
    "CREATE UNIQUE INDEX reversal_redemption ON reversal (redemption_id)",
    "CREATE INDEX reversal_coupon ON reversal (coupon_id)",
    "CREATE INDEX refusal_business ON refusal (business_id, at)",
    "CREATE INDEX refusal_coupon ON refusal (coupon_id) WHERE coupon_id IS NOT NULL",
    "CREATE UNIQUE INDEX entry_number ON entry (card_id, number)",
    "CREATE INDEX event_business ON event (business_id, seq)",
    "CREATE INDEX event_card ON event (card_id, seq)",
    "CREATE UNIQUE INDEX kept_key ON kept (caller_id, key)",
    "CREATE INDEX kept_at ON kept (at)",
    "CREATE UNIQUE INDEX installation_address ON installation (card_id, wallet, address)",
    "CREATE INDEX installation_device ON installation (address, credential)",
    "CREATE INDEX installation_due ON installation (wallet, due_at) WHERE due_at IS NOT NULL AND gone_at IS NULL",
    "CREATE UNIQUE INDEX tally_key ON tally (business_id, key)",
    "CREATE UNIQUE INDEX alarm_credential ON alarm (wallet, credential)",
    "INSERT INTO clock (id, tick) VALUES (1, 0)",
)


# A card is changed again and again: with room on its page a change needs no new index entries (HOT). SQLite needs no such room.
ROOM = "ALTER TABLE card SET (fillfactor = 80)"


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="counterpass", description=DESCRIPTION)

    async def add():
        for statement in INDEXES:
            await engine_finder().run_ddl(statement)
        if engine_finder().engine_type == "postgres":
            await engine_finder().run_ddl(ROOM)

    async def drop():
        for statement in INDEXES:
            if "INDEX" in statement:
                await engine_finder().run_ddl(f"DROP INDEX {statement.split('INDEX ')[1].split()[0]}")
        await engine_finder().run_ddl("DELETE FROM clock")

    manager.add_raw(add)
    manager.add_raw_backwards(drop)
    return manager
