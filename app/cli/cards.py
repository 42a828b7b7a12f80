"""``pass``: a card as a phone would get it."""

import argparse
import contextlib
from pathlib import Path

from app import settings
from app.cli import asking, opening
from app.desk import read, wallets
from passes.problems import NotFound


def add(commands: asking.Commands) -> None:
    """``pass export``."""
    pass_ = commands.add_parser("pass", help="a card's pass, as a phone would get it", description="A card's pass, as a phone would get it")
    pass__ = pass_.add_subparsers(dest="pass_", required=True, metavar="COMMAND")
    export = asking.command(pass__, "export", _export, "write a card's signed .pkpass")
    export.add_argument("card", help="the card's number or id")
    export.add_argument("--to", type=Path, default=Path("card.pkpass"), help="the file to write (%(default)s)")


async def _export(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with opening.the_desk(known) as desk:
        for business in await desk.store.businesses():
            with contextlib.suppress(NotFound):
                facts = await read.card_facts(desk, business.id, asked.card)
                asked.to.write_bytes(await wallets.apple_pass(desk, facts))
                print(f"wrote {asked.to}")
                return 0
    raise ValueError(f"there is no card {asked.card}")
