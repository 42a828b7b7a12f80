"""The indexes of what a business runs by itself, and an audit that nobody changes."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T06:23:37:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of contacts, errands, campaigns and the audit"

INDEXES = (
    "CREATE UNIQUE INDEX contact_value ON contact (business_id, value)",
    "CREATE INDEX contact_customer ON contact (customer_id)",
    "CREATE UNIQUE INDEX picture_digest ON picture (business_id, digest)",
    "CREATE INDEX picture_content ON picture (digest)",
    "CREATE INDEX errand_due ON errand (due_at) WHERE ended_at IS NULL AND stopped_at IS NULL",
    "CREATE INDEX errand_business ON errand (business_id, made_at, id)",
    "CREATE UNIQUE INDEX portion_number ON portion (errand_id, number)",
    "CREATE UNIQUE INDEX sheet_number ON sheet (errand_id, number)",
    "CREATE UNIQUE INDEX sent_once ON sent (campaign_id, card_id, occasion)",
    "CREATE INDEX sent_customer ON sent (customer_id, at)",
    "CREATE INDEX sent_mail ON sent (mail_at) WHERE mail = 'due'",
    "CREATE UNIQUE INDEX insert_secret ON insert_ (secret_hash)",
    "CREATE INDEX insert_batch ON insert_ (batch_id, id)",
    "CREATE INDEX audit_time ON audit (business_id, at, id)",
    "CREATE INDEX audit_of ON audit (of_id, at, id)",
    "CREATE INDEX campaign_business ON campaign (business_id)",
    "CREATE INDEX segment_business ON segment (business_id)",
    "CREATE INDEX coupon_pool ON coupon (offer_id, id) WHERE state = 'pooled'",
    "CREATE INDEX coupon_batch ON coupon (batch_id, id) WHERE batch_id IS NOT NULL",
    "CREATE INDEX coupon_customer ON coupon (customer_id, id) WHERE customer_id IS NOT NULL",
    "CREATE INDEX customer_birthday ON customer (business_id, birthday) WHERE birthday <> ''",
    "CREATE INDEX card_program ON card (program_id, id)",
)
SQLITE = (
    "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is never changed'); END",
    "CREATE TRIGGER audit_remains BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is never changed'); END",
)
POSTGRESQL = (
    """CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the audit is never changed'; END $$""",
    "CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_stays()",
)
SQLITE_BACK = ("DROP TRIGGER audit_stays", "DROP TRIGGER audit_remains")
POSTGRESQL_BACK = ("DROP TRIGGER audit_stays ON audit", "DROP FUNCTION audit_stays")


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="counterpass", description=DESCRIPTION)

    async def add():
        engine = engine_finder()
        for statement in (*INDEXES, *(POSTGRESQL if engine.engine_type == "postgres" else SQLITE)):
            await engine.run_ddl(statement)

    async def drop():
        engine = engine_finder()
        for statement in POSTGRESQL_BACK if engine.engine_type == "postgres" else SQLITE_BACK:
            await engine.run_ddl(statement)
        for statement in INDEXES:
            await engine.run_ddl(f"DROP INDEX {statement.split('INDEX ')[1].split()[0]}")

    manager.add_raw(add)
    manager.add_raw_backwards(drop)
    return manager
