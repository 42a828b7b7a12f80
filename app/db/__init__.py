"""The database, SQLite or PostgreSQL: the only part of the house that knows Piccolo and the drivers."""

from app.db.engines import SQLITE, path_of
from app.db.moving import move
from app.db.neighbours import neighbours
from app.db.postgres import PostgreSQLStore
from app.db.schema import migrate
from app.db.sqlite import SQLiteStore
from app.store import DatabaseProblem, Store

__all__ = ["DatabaseProblem", "Store", "migrate", "move", "neighbours", "open_store"]


async def open_store(url: str, *, queue: int) -> Store:
    """The store behind a URL (``sqlite:///file``, ``sqlite:////absolute/file``, ``postgresql://…``); ``queue`` units may wait.

    It does not migrate. Raises DatabaseProblem, with a sentence for the owner, if the database cannot be reached.
    """
    if url.startswith(SQLITE):
        return SQLiteStore(path_of(url), queue=queue)
    return await PostgreSQLStore.connected(url, queue=queue)
