"""Answers that are kept already are found under the hash of their key, too: a till may send again what it sent before the upgrade."""

from hashlib import blake2b
from uuid import UUID

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder
from piccolo.querystring import QueryString

ID = "2026-11-22T15:55:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "kept answers under a hash of their key"
AT_ONCE = 2000


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="counterpass", description=DESCRIPTION)

    async def hash_them():
        await fill(engine_finder())

    async def leave():
        """What is hashed stays so for the day that it is kept."""

    manager.add_raw(hash_them)
    manager.add_raw_backwards(leave)
    return manager


async def fill(engine):
    """Each key as app.web.wire.kept_as writes it. Those of pages' own forms (they have no status) are random, and stay."""
    last = 0
    while True:
        query = f"SELECT id, caller_id, key FROM kept WHERE id > {{}} AND status > 0 ORDER BY id LIMIT {AT_ONCE}"
        found = await engine.run_querystring(QueryString(query, last))
        hashed = [
            (row["id"], blake2b(row["key"].encode(), key=UUID(str(row["caller_id"])).bytes, digest_size=16).hexdigest()) for row in found
        ]
        if hashed:  # at once: a busy day leaves a hundred thousand, and nobody is served meanwhile
            values = ", ".join(f"({id_}, '{key}')" for id_, key in hashed)
            update = f"UPDATE kept SET key = v.column2 FROM (VALUES {values}) AS v WHERE kept.id = v.column1"
            await engine.run_querystring(QueryString(update))
        if len(found) < AT_ONCE:
            return
        last = found[-1]["id"]
