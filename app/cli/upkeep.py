"""``migrate`` and ``doctor``: a database of this version, and what is wrong."""

import argparse

from app import doctor, settings, world
from app.cli import asking, opening


def add(commands: asking.Commands) -> None:
    """``migrate`` and ``doctor``."""
    asking.command(commands, "migrate", _migrate, "bring the database's tables up to this version")
    asking.command(commands, "doctor", _doctor, "look for everything known to go wrong, and name the cure")


async def _migrate(_: argparse.Namespace, known: settings.Settings) -> int:
    await opening.migrated(known)
    print("the database is up to date")
    return 0


async def _doctor(_: argparse.Namespace, known: settings.Settings) -> int:
    levels = []
    async for finding in doctor.examine(known, now=world.now()):
        asking.tell(finding)
        levels.append(finding.level)
    errors, warnings = levels.count("error"), levels.count("warning")
    print(f"{errors} to correct" if errors else f"nothing to correct; {warnings} to think about" if warnings else "nothing wrong was found")
    return 1 if errors else 0
