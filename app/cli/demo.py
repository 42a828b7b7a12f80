"""``demo``: a café with sandbox phones."""

import argparse
import asyncio
import os
import signal
from pathlib import Path

from app import settings
from app.cli import asking, opening, serving


def add(commands: asking.Commands) -> None:
    """``demo``."""
    demo = asking.command(commands, "demo", _demo, "a demo café with sandbox phones; everything in one place, nothing leaves this machine")
    demo.add_argument(
        "--once", action="store_true", help="play the main job without a person and say whether each step was seen on the phones"
    )
    demo.add_argument("--keep", type=Path, help="with --once: the folder for the pass, the Google bodies and the transcript")
    demo.add_argument("--database", help="the database to play on, instead of a new SQLite file: it gets a demo café")
    demo.add_argument("--port", type=_port, default=8000, help="the port of the service; the phones' page is on the next one (%(default)s)")


async def _demo(asked: argparse.Namespace, _: settings.Settings) -> int:
    os.environ["COUNTERPASS_SANDBOX"] = "true"
    try:
        from app.sandbox import demo  # the sandbox refuses to be imported unless it is asked for
    except ModuleNotFoundError as error:
        raise ValueError(f"the demo needs the sandbox's packages ({error.name} is missing): pip install 'counterpass[sandbox]'") from error
    if asked.database:
        opening.must_have_a_folder(asked.database)
    task = asyncio.current_task()
    if task is not None:  # SIGTERM must stop the service that the demo started, too
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        if asked.once:
            if asked.keep:
                asked.keep.mkdir(parents=True, exist_ok=True)
            return await demo.once(keep=asked.keep, database=asked.database)
        for port in (asked.port, asked.port + 1):
            serving.listening("127.0.0.1", port, "say another with --port (the next one is taken, too)").close()
        return await demo.stay(database=asked.database, port=asked.port)
    except demo.NotSeen as failure:
        raise ValueError(str(failure)) from failure


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65535:  # noqa: PLR2004 (the last port has no next one)
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65534")
    return int(text)
