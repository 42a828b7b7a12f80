"""The command line: start a business, serve, follow, look after certificates, ask what is wrong, and show it all (demo)."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

import uvicorn

from app import asgi, db, logs, settings
from app.cli import beginning, cards, certificates, demo, keys, scenarios, serving, staff, upkeep
from passes.problems import Problem

INTERRUPTED = 130
TERMINATED = 143


def parser() -> argparse.ArgumentParser:
    """Every command with its help. Settings come from the environment (docs/settings.md), not from flags."""
    top = argparse.ArgumentParser(prog="counterpass", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    for subject in (beginning, serving, upkeep, certificates, staff, keys, cards, demo, scenarios):
        subject.add(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status. What an operator can cause is one line on standard error, never a traceback."""
    asked = parser().parse_args(arguments)
    logs.to_stderr()
    try:
        known = settings.read(os.environ)
        # The loop that uvicorn would take by itself: a third faster than asyncio's own.
        with asyncio.Runner(loop_factory=uvicorn.Config("").get_loop_factory()) as runner:
            return int(runner.run(asked.run(asked, known)))
    except KeyboardInterrupt:
        return INTERRUPTED
    except asyncio.CancelledError:
        return TERMINATED
    except Problem as problem:
        why = problem.detail(asgi.words(), "en", lambda at: f"{at:%Y-%m-%d %H:%M %Z}")
    except OSError as error:
        why = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except db.DatabaseProblem as error:
        why = f"{error}. Is DATABASE_URL right, and does the database run? `counterpass doctor` looks further"
    except ValueError as error:
        why = str(error)
    print(f"counterpass: {why}", file=sys.stderr)
    return 1
