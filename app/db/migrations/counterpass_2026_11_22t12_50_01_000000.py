"""Where stamps or points came or went before is known from the ledger."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T12:50:01:000000"
VERSION = "1.38.0"
DESCRIPTION = "events say where they were, as far as the ledger knows it"

FILL = """
    UPDATE event SET location_id = (
        SELECT e.location_id FROM entry AS e
        WHERE e.card_id = event.card_id AND e.at = event.at AND e.kind IN ('earned', 'corrected') ORDER BY e.number LIMIT 1
    ) WHERE kind IN ('stamped', 'corrected')"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="counterpass", description=DESCRIPTION)

    async def fill():
        await engine_finder().run_ddl(FILL)

    async def leave():
        """The column goes with the migration before."""

    manager.add_raw(fill)
    manager.add_raw_backwards(leave)
    return manager
