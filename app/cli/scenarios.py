"""``scenarios``: plays the published scenarios against an installation's test mode."""

import argparse
import asyncio
import contextlib
import sys
from urllib.parse import urlsplit

from app import scenarios, settings, world
from app.cli import asking
from app.outbound import Outbound
from passes import codes
from passes.problems import Problem
from passes.wallets.base import Unreachable


def add(commands: asking.Commands) -> None:
    """``scenarios``."""
    added = asking.command(commands, "scenarios", _play, "play the published scenarios against an installation's test mode, over HTTP")
    added.add_argument("url", metavar="URL", type=_address, help="where the installation answers, such as https://cards.example.com")
    added.add_argument("key", metavar="KEY", help="a test key (cp_test_…) with all scopes; - reads it from standard input")
    added.add_argument("--read-only", default="", metavar="KEY", help="a test key with the scope read alone: one scenario needs it")
    added.add_argument(
        "--live-card",
        default="",
        metavar="NUMBER",
        type=_number,
        help="the number of a card of live mode, for the scenario that must not see it",
    )
    added.add_argument("--patient", action="store_true", help="play also what takes a minute")
    added.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only scenarios with this in their name; may be repeated"
    )
    added.add_argument(
        "--i-know", action="store_true", help="play with a live key, too: it makes customers, cards and redemptions that count"
    )


async def _play(asked: argparse.Namespace, known: settings.Settings) -> int:
    chosen = scenarios.named(asked.only)
    key = sys.stdin.readline().strip() if asked.key == "-" else asked.key
    async with contextlib.AsyncExitStack() as stack:
        out = Outbound(trust=known.trust)
        stack.push_async_callback(out.close)
        till = scenarios.Till(
            world.real(out),
            asked.url,
            key,
            wait=asyncio.sleep,
            narrow=asked.read_only,
            live_card=asked.live_card,
            patient=asked.patient,
        )
        try:
            if not asked.i_know and not await scenarios.is_test_mode(till):
                raise ValueError("this is not a test key: the scenarios would make customers and redemptions that count (--i-know)")
        except (Unreachable, scenarios.NotAsPublished) as why:
            raise ValueError(str(why)) from why
        if till.lacks:
            print(f"this key lacks {', '.join(till.lacks)}: what needs it fails. Take a test key with all scopes.", file=sys.stderr)
        counted = {"pass": 0, "fail": 0, "left out": 0}
        for one in chosen:
            outcome = await scenarios.played(till, one)
            counted[outcome.said] += 1
            print(f"{outcome.said.upper() if outcome.said == 'fail' else outcome.said:<8} {outcome.seconds * 1000:6.0f} ms  {one.name}")
            if outcome.why:
                print(f"{'':19}  {outcome.why}")
            sys.stdout.flush()
    print(f"{counted['pass']} passed, {counted['fail']} failed, {counted['left out']} left out")
    return 1 if counted["fail"] else 0


def _number(text: str) -> str:
    if not text:
        return text
    with contextlib.suppress(Problem):
        if isinstance(codes.read(text), codes.Number):
            return text
    raise argparse.ArgumentTypeError(f"{text!r} is no number of a card")  # what is none is not found anywhere, which would prove nothing


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is no address such as https://cards.example.com")
    return text.rstrip("/").removesuffix("/api/v1")
