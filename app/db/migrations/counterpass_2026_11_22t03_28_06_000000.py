"""The indexes of who is there, and an empty login for everybody who works there already."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T03:28:06:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of who is there"

INDEXES = (
    "CREATE UNIQUE INDEX login_email ON login (email, business_id) WHERE email <> ''",
    "CREATE INDEX login_business ON login (business_id)",
    "CREATE UNIQUE INDEX passkey_credential ON passkey (credential)",
    "CREATE INDEX passkey_staff ON passkey (staff_id)",
    "CREATE UNIQUE INDEX counter_secret ON counter (secret_hash)",
    "CREATE INDEX counter_business ON counter (business_id)",
    "CREATE UNIQUE INDEX ticket_secret ON ticket (secret_hash)",
    "CREATE INDEX strike_last ON strike (last)",
)
LOGINS = "INSERT INTO login (id, business_id, email, password, pin, version) SELECT id, business_id, '', '', '', 0 FROM staff"


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="counterpass", description=DESCRIPTION)

    async def add():
        for statement in (*INDEXES, LOGINS):
            await engine_finder().run_ddl(statement)

    async def drop():
        for statement in INDEXES:
            await engine_finder().run_ddl(f"DROP INDEX {statement.split('INDEX ')[1].split()[0]}")
        await engine_finder().run_ddl("DELETE FROM login")

    manager.add_raw(add)
    manager.add_raw_backwards(drop)
    return manager
