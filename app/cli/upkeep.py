"""``migrate``, ``move`` and ``doctor``: a database of this version, another one, and what is wrong."""

import argparse
from pathlib import Path

from app import db, doctor, settings, world
from app.cli import asking, opening


def add(commands: asking.Commands) -> None:
    """``migrate``, ``move`` and ``doctor``."""
    asking.command(commands, "migrate", _migrate, "bring the database's tables up to this version")
    moving = asking.command(commands, "move", _move, "copy a SQLite database into the empty PostgreSQL that DATABASE_URL names")
    moving.add_argument(
        "file", type=Path, metavar="FILE", help="the SQLite database, such as counterpass.db; no process may use it meanwhile"
    )
    asking.command(commands, "doctor", _doctor, "look for everything known to go wrong, and name the cure")


async def _migrate(_: argparse.Namespace, known: settings.Settings) -> int:
    await opening.migrated(known)
    print("the database is up to date")
    return 0


async def _move(asked: argparse.Namespace, known: settings.Settings) -> int:
    if not asked.file.is_file():
        raise ValueError(f"there is no database {asked.file}: name the SQLite file that is to be moved")
    url = f"sqlite:///{asked.file}"
    await opening.must_be_migrated(settings.Settings(database_url=url), by=f"DATABASE_URL={url} counterpass migrate")
    print(f"{await db.move(asked.file, known.database_url)} rows were copied; the file stays as it is")
    return 0


async def _doctor(_: argparse.Namespace, known: settings.Settings) -> int:
    levels = []
    async for finding in doctor.examine(known, now=world.now()):
        asking.tell(finding)
        levels.append(finding.level)
    errors, warnings = levels.count("error"), levels.count("warning")
    print(f"{errors} to correct" if errors else f"nothing to correct; {warnings} to think about" if warnings else "nothing wrong was found")
    return 1 if errors else 0
