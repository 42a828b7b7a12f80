"""The tokens have become keys."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T10:40:02:000000"
VERSION = "1.38.0"
DESCRIPTION = "no tokens any more"


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="counterpass", description=DESCRIPTION)
    manager.drop_table(class_name="Token", tablename="token", schema=None)
    return manager
