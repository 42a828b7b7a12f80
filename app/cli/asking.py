"""How a command is written down: its arguments, what is meant by them, and what it finds."""

import argparse
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from app import certs, settings

Command = Callable[[argparse.Namespace, settings.Settings], Awaitable[int]]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 (argparse has no public name for it)


class Named(Protocol):
    """Something with an id and a name."""

    @property
    def id(self) -> UUID:
        """Its id."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...


def command(under: Commands, name: str, run: Command, help_: str) -> argparse.ArgumentParser:
    """One more command, with its help."""
    added = under.add_parser(name, help=help_, description=help_)
    added.set_defaults(run=run)
    return added


def may_name_a_certificate(added: argparse.ArgumentParser, help_: str) -> None:
    """Give a command --certificate."""
    added.add_argument("--certificate", type=_certificate, default="", metavar="NAME", help=help_)


def _certificate(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name of letters, digits, - and _")
    return text


def the_one(what: str, all_: Sequence[Named], wanted: str | None) -> Any:
    """The one that is meant by name or id, or the only one. Raises ValueError that lists what there is."""
    fitting = [one for one in all_ if wanted is None or wanted in (one.name, str(one.id))]
    if len(fitting) != 1:
        names = ", ".join(one.name for one in all_) or "none: run `counterpass init`"
        raise ValueError(f"say which {what} with --{what}: {names}")
    return fitting[0]


def tell(finding: certs.Finding) -> None:
    """What was found, and its cure."""
    print(f"{finding.level:<8} {finding.problem}\n         cure: {finding.cure}", flush=True)
