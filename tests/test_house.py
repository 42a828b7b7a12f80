"""The house as it is meant to be: who may know whom, and that every list which must be complete is."""

import argparse
import ast
import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from types import ModuleType, UnionType
from typing import NamedTuple, get_args, get_type_hints

import msgspec
import pytest

import app.problems
import passes.problems
from app import cli
from app.problems import STATUS
from app.store import Status
from app.web import redemptions
from passes import coupons, offers, programs, wallets
from passes.problems import Problem
from passes.wallets import base

ROOT = Path(__file__).parents[1]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    module_name(path): path for part in ("passes", "app") for path in sorted((ROOT / part).rglob("*.py")) if "migrations" not in path.parts
}


# --- The walls ---


class Wall(NamedTuple):
    """What a module (or everything in a package) may know: parts of the house, and other people's packages."""

    ours: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()


FIRST = ("passes.words", "passes.problems", "passes.codes")
SECOND = (*FIRST, "passes.businesses", "passes.designs", "passes.programs", "passes.offers", "passes.campaigns")
THIRD = (*SECOND, "passes.coupons", "passes.cards")
FOURTH = (*THIRD, "passes.face")
DESK = ("passes", "app.store", "app.world", "app.post", "app.money", "app.desk")
WEB = (
    *DESK,
    "app.printing",
    "app.customers",
    "app.history",
    "app.insight",
    "app.settings",
    "app.problems",
    "app.languages",
    "app.scenarios",
    "app.web",
)
WHOLE = (
    *WEB,
    "app.db",
    "app.errands",
    "app.followers",
    "app.herald",
    "app.almanac",
    "app.history",
    "app.outbound",
    "app.certs",
    "app.logs",
    "app.credentials",
)

WALLS: Mapping[str, Wall] = {
    # What is true: the standard library and msgspec, each level only what is below it.
    "passes": Wall(),
    "passes.words": Wall((), ("msgspec",)),
    "passes.problems": Wall(FIRST),
    "passes.codes": Wall(FIRST, ("msgspec", "stdnum")),
    "passes.businesses": Wall(SECOND, ("msgspec",)),
    "passes.programs": Wall(SECOND, ("msgspec",)),
    "passes.designs": Wall(SECOND, ("msgspec",)),
    "passes.campaigns": Wall(SECOND, ("msgspec",)),
    "passes.colours": Wall(SECOND, ("msgspec",)),
    "passes.contacts": Wall(SECOND),
    "passes.offers": Wall(SECOND, ("msgspec",)),
    "passes.guesses": Wall(FIRST, ("msgspec",)),
    "passes.coupons": Wall(THIRD, ("msgspec",)),
    "passes.cards": Wall(THIRD, ("msgspec",)),
    "passes.face": Wall(FOURTH, ("msgspec",)),
    "passes.scan": Wall((*FIRST, "passes.pictures"), ("PIL", "segno", "zxingcpp")),
    "passes.artwork": Wall(SECOND, ("PIL", "msgspec")),
    "passes.pictures": Wall(FIRST, ("PIL", "pillow_heif")),
    "passes.wallets": Wall((*FOURTH, "passes.artwork", "passes.wallets"), ("msgspec", "cryptography", "google", "py_pkpass")),
    # How it happens.
    "app": Wall(),
    "app.store": Wall(("passes", "app.store"), ("msgspec",)),
    "app.world": Wall(("passes.wallets.base",), ("msgspec",)),
    "app.post": Wall(("app.world",), ("aiosmtplib", "msgspec")),
    "app.settings": Wall((), ("msgspec",)),
    "app.languages": Wall(("passes.words",), ("babel",)),
    "app.money": Wall((), ("babel",)),
    "app.problems": Wall(("passes",), ("msgspec",)),
    "app.credentials": Wall(("passes", "app.settings", "app.post", "app.world")),
    "app.logs": Wall((), ("structlog",)),
    "app.certs": Wall(("passes.words",), ("cryptography", "msgspec")),
    "app.outbound": Wall(("passes.wallets.base",), ("pycurl",)),
    "app.desk": Wall(DESK, ("msgspec", "anyio", "structlog", "cryptography", "webauthn")),
    "app.printing": Wall((), ("msgspec", "reportlab", "segno")),
    "app.history": Wall(DESK, ("msgspec",)),
    "app.insight": Wall((*DESK, "app.history"), ("msgspec",)),
    "app.customers": Wall(DESK, ("msgspec",)),
    "app.scenarios": Wall(("passes.codes", "passes.wallets.base", "app.world"), ("msgspec",)),
    "app.errands": Wall(DESK, ("structlog",)),
    "app.followers": Wall(DESK, ("msgspec", "anyio", "structlog")),
    "app.herald": Wall(DESK, ("msgspec", "structlog", "standardwebhooks")),
    "app.almanac": Wall(DESK, ("structlog",)),
    "app.db": Wall(("passes", "app.store", "app.db"), ("msgspec", "piccolo", "aiosqlite", "asyncpg", "structlog")),
    "app.web": Wall(WEB, ("litestar", "msgspec", "anyio", "structlog", "jinja2", "webauthn")),
    "app.web.lands": Wall((), ("babel",)),
    "app.web.reference": Wall(WEB, ("litestar", "msgspec", "markupsafe")),
    "app.web.saying": Wall(("passes.words", "passes.offers", "app.money"), ("babel",)),
    "app.asgi": Wall((*WHOLE, "app.doctor"), ("litestar", "msgspec", "anyio", "structlog", "jinja2")),
    "app.doctor": Wall(WHOLE, ("msgspec",)),
    "app.cli": Wall((*WHOLE, "app.asgi", "app.doctor", "app.cli", "app.sandbox"), ("uvicorn", "httptools", "structlog")),
    "app.__main__": Wall(("app.cli",)),
    # Stand-ins for other people's machines may use anything, and nobody but the command line may use them.
    "app.sandbox": Wall(("passes", "app"), ("*",)),
}

TOUCHES: Mapping[str, tuple[str, ...]] = {
    "the clock": (
        "time",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
        "loop.time",
    ),
    "chance": ("random", "secrets", "os.urandom", "uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7"),
    "the environment": ("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv"),
    "imports that nobody sees": ("importlib", "runpy", "__import__", "eval", "exec"),
}
MAY_TOUCH: Mapping[str, tuple[str, ...]] = {
    "app.world": ("the clock", "chance"),
    "app.outbound": ("the clock",),  # libcurl's timers run on the loop's clock
    "passes.wallets.google": ("the clock",),  # the loop's clock paces 20 calls a second; no rule depends on it
    "app.settings": ("the environment",),
    "app.cli": ("the environment",),
    "app.db.schema": ("the environment", "imports that nobody sees"),  # Piccolo's migration runner finds its engine only so
    "app.db.piccolo_conf": ("the environment",),  # the same, for Piccolo's own command line
    "app.sandbox": tuple(TOUCHES),  # other people's machines have their own clocks and chance
}


def nearest(name: str, table: Mapping[str, object]) -> str | None:
    """The module itself or the nearest package around it that the table names."""
    while name and name not in table:
        name = name.rpartition(".")[0]
    return name or None


def within(name: str, parts: tuple[str, ...]) -> bool:
    return any(name == part or name.startswith(part + ".") for part in parts)


class Names(ast.NodeVisitor):
    """Every dotted name that a module imports or uses through an import, wherever it stands in the file."""

    def __init__(self, module: str, *, package: bool) -> None:
        self._here = module.split(".") if package else module.split(".")[:-1]
        self._known_as: dict[str, str] = {}
        self.imported: dict[str, int] = {}
        self.used: dict[str, int] = {}

    def read(self, source: str) -> "Names":
        tree = ast.parse(source)
        for node in ast.walk(tree):  # first all imports: a function may be written above the import that it uses
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._imports(alias.name, alias.asname or alias.name.partition(".")[0], alias, whole=alias.asname is not None)
            elif isinstance(node, ast.ImportFrom):
                start = self._here[: len(self._here) - node.level + 1] if node.level else []
                source_ = ".".join([*start, *([node.module] if node.module else [])])
                for alias in node.names:
                    dotted = f"{source_}.{alias.name}"
                    ours = dotted if dotted in FILES or source_.partition(".")[0] not in ("passes", "app") else source_
                    self._imports(ours, alias.asname or alias.name, node, whole=True)
        self.visit(tree)
        return self

    def _imports(self, dotted: str, as_: str, node: ast.AST, *, whole: bool) -> None:
        line = getattr(node, "lineno", 0)
        self.imported.setdefault(dotted, line)
        self.used.setdefault(dotted, line)
        self._known_as[as_] = dotted if whole else as_

    def visit_Attribute(self, node: ast.Attribute) -> None:
        written = ast.unparse(node)
        head, _, rest = written.partition(".")
        if head in self._known_as:
            self.used.setdefault(f"{self._known_as[head]}.{rest}", node.lineno)
        if node.attr == "time" and "loop" in written:
            self.used.setdefault("loop.time", node.lineno)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in ("__import__", "eval", "exec"):
            self.used.setdefault(node.func.id, node.lineno)
        self.generic_visit(node)


def crossings(module: str, source: str, *, package: bool = False) -> list[str]:
    """Where a module knows what it may not know, or touches what only the world may touch."""
    names = Names(module, package=package).read(source)
    wall = WALLS[nearest(module, WALLS) or ""]
    found = []
    for name, line in names.imported.items():
        top = name.partition(".")[0]
        if top in ("passes", "app"):
            allowed = name in ("passes", "app") or within(name, wall.ours)
        else:
            allowed = top in sys.stdlib_module_names or "*" in wall.theirs or within(name, wall.theirs)
        if not allowed:
            found.append(f"{module}:{line} may not know {name}")
    may = MAY_TOUCH.get(nearest(module, MAY_TOUCH) or "", ())
    for what, forbidden in TOUCHES.items():
        if what not in may:
            found += [f"{module}:{line} touches {what}: {name}" for name, line in names.used.items() if within(name, forbidden)]
    return found


@pytest.mark.parametrize("module", FILES)
def test_nobody_crosses_a_wall(module: str) -> None:
    path = FILES[module]
    assert crossings(module, path.read_text(encoding="utf-8"), package=path.name == "__init__.py") == []


def test_every_module_has_a_wall_of_its_own_or_of_its_package() -> None:
    """A new file in passes/ or app/ is a decision: it is written into WALLS."""
    assert [module for module in FILES if nearest(module, WALLS) in ("passes", "app") and module not in ("passes", "app")] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("passes.coupons", "import litestar"),
        ("passes.coupons", "from app.store import Unit"),
        ("passes.coupons", "from app import store"),
        ("passes.coupons", "from passes import face"),
        ("passes.codes", "from passes.coupons import Coupon"),
        ("passes.offers", "from .cards import Card"),
        ("passes.offers", "from . import cards"),
        ("passes.cards", "def earn():\n    import requests"),
        ("passes.cards", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from app.store import Unit"),
        ("passes.cards", "try:\n    import cryptography\nexcept ImportError:\n    pass"),
        ("passes.scan", "import numpy"),
        ("passes.face", "from PIL import Image"),
        ("passes.wallets.apple", "import httpx"),
        ("passes.wallets.apple", "from ...app import settings"),
        ("app.desk.redeem", "from app.db import open_store"),
        ("app.desk.redeem", "from app import db"),
        ("app.desk.redeem", "from .. import db"),
        ("app.desk.redeem", "from litestar import get"),
        ("app.desk.redeem", "from app.web.wire import answer"),
        ("app.desk.redeem", "import app.db.store as store"),
        ("app.followers", "from piccolo.table import Table"),
        ("app.db.store", "from litestar import Request"),
        ("app.db.store", "from app.desk import Desk"),
        ("app.web.api", "import asyncpg"),
        ("app.web.api", "async def card():\n    from app.db.tables import CardRow"),
        ("app.web.api", "from app.sandbox.phone import Phone"),
        ("app.asgi", "from app import sandbox"),
        ("app.doctor", "import app.sandbox"),
        ("passes.cards", "import time"),
        ("passes.cards", "from time import monotonic as m"),
        ("passes.cards", "from datetime import datetime\nnow = datetime.now(UTC)"),
        ("passes.cards", "import datetime as dt\nnow = dt.datetime.utcnow()"),
        ("passes.cards", "from datetime import date as d\ntoday = d.today()"),
        ("app.desk.redeem", "import asyncio\nnow = asyncio.get_running_loop().time()"),
        ("app.desk.redeem", "def f(loop):\n    return loop.time()"),
        ("app.desk.redeem", "from uuid import uuid4"),
        ("app.desk.redeem", "import uuid\nuuid.uuid4()"),
        ("app.desk.redeem", "import random"),
        ("app.desk.redeem", "from secrets import token_urlsafe"),
        ("app.desk.redeem", "import os\nos.urandom(8)"),
        ("app.web.api", "import os\nurl = os.environ['DATABASE_URL']"),
        ("app.web.api", "from os import environ"),
        ("app.web.api", "import os as o\no.getenv('X')"),
        ("app.settings", "import time"),
        ("app.desk.redeem", "import importlib\nimportlib.import_module('app.db')"),
        ("app.desk.redeem", "__import__('app.db')"),
    ],
)
def test_whoever_crosses_a_wall_is_caught(module: str, source: str) -> None:
    assert crossings(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("passes.cards", "from passes.coupons import Coupon\nfrom . import offers\nimport msgspec\nimport json.decoder"),
        ("passes.cards", "from datetime import datetime, time\nat = time(18)\nthen = datetime(2026, 1, 1)\nclock = then.time()"),
        ("passes.cards", "from uuid import UUID\nrandom = time = 1\nprint(random, time)"),
        ("app.desk.redeem", "def story(desk):\n    return desk.world.now()"),
        ("app.world", "import secrets\nimport time\nfrom datetime import datetime\ndatetime.now()"),
        ("app.cli", "def demo():\n    from app.sandbox import demo"),
        ("app.sandbox.phone", "import anything\nfrom app.sandbox import apns"),
        ("app.web.api", "from app.desk import redeem\nfrom litestar import get\nfrom app import problems"),
        ("app.db.store", "from app.store import Store\nimport piccolo.table"),
    ],
)
def test_whoever_stays_inside_is_left_alone(module: str, source: str) -> None:
    assert crossings(module, source) == []


def test_no_name_says_nothing() -> None:
    """Names come from the shop counter. (The stand-ins use their vendors' words: Apple says web service.)"""
    empty = re.compile(r"(manager|helper|util|handler|processor|service)s?$", re.IGNORECASE)
    for module, path in FILES.items():
        assert not empty.search(module), module
        if within(module, ("app.sandbox",)):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ClassDef) and empty.search(node.name)), f"{module}: {node.name}"


# --- Problems ---


def kinds_of(one: type[Problem]) -> Iterator[type[Problem]]:
    for kind in one.__subclasses__():
        yield kind
        yield from kinds_of(kind)


PROBLEMS = [kind for kind in kinds_of(Problem) if kind.__module__.startswith(("passes.", "app."))]


def test_problems_are_kept_in_two_files() -> None:
    """So that the lists below are complete."""
    known = {"Problem"} | {kind.__name__ for kind in PROBLEMS}
    homes = {passes.problems.__name__, app.problems.__name__}
    for module, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and module not in homes:
                assert not {getattr(one, "id", getattr(one, "attr", "")) for one in node.bases} & known, f"{module}: {node.name}"


def test_every_problem_has_a_word_of_its_own() -> None:
    words = [kind.word for kind in PROBLEMS]
    assert sorted(words) == sorted(set(words))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", word) for word in words)


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda kind: kind.word)
def test_every_problem_has_a_title_a_sentence_and_a_docstring(kind: type[Problem]) -> None:
    assert kind.__doc__
    assert kind.title
    assert not kind.title.endswith(".")
    assert kind.sentence.endswith((".", "}"))


def test_every_problem_has_a_status_and_every_status_a_problem() -> None:
    assert set(STATUS) == set(PROBLEMS)
    assert all(400 <= HTTPStatus(status) < 600 for status in STATUS.values())


# --- Lists that must be complete ---


def members(union: UnionType) -> set[type[msgspec.Struct]]:
    return set(get_args(union))


def kinds_in(module: ModuleType) -> set[type[msgspec.Struct]]:
    """The structs of a module that say on the wire which kind they are."""
    return {
        one
        for one in vars(module).values()
        if isinstance(one, type)
        and issubclass(one, msgspec.Struct)
        and one.__module__ == module.__name__
        and one.__struct_config__.tag is not None
    }


def test_every_benefit_and_validity_is_in_its_union() -> None:
    benefits, validities = members(offers.Benefit), members(offers.Validity)
    assert benefits | validities == kinds_in(offers)
    assert not benefits & validities


def test_every_way_to_earn_is_in_its_union() -> None:
    assert members(programs.Earning) == kinds_in(programs)


@pytest.mark.parametrize("union", [offers.Benefit, offers.Validity, programs.Earning])
def test_the_kinds_of_a_union_are_told_apart_on_the_wire(union: UnionType) -> None:
    configs = [kind.__struct_config__ for kind in members(union)]
    assert {config.tag_field for config in configs} == {"kind"}
    assert len({config.tag for config in configs}) == len(configs)


def test_every_wallet_is_in_the_list() -> None:
    found = set()
    for module in pkgutil.iter_modules(wallets.__path__, wallets.__name__ + "."):
        for one in vars(importlib.import_module(module.name)).values():
            if isinstance(one, type) and one is not base.Wallet and one.__module__ == module.name and hasattr(one, "tell"):
                found.add(one)
    assert set(wallets.WALLETS) == found
    assert {one.name for one in wallets.WALLETS} == set(get_args(get_type_hints(base.Installation)["wallet"]))


def test_every_way_to_present_a_code_and_whatever_comes_of_it_has_a_word_on_the_pages() -> None:
    assert set(redemptions.CHANNELS) == set(get_args(coupons.Channel))
    assert set(redemptions.STATUSES) == set(get_args(Status))


def test_a_coupon_has_the_states_of_the_product_or_waits_in_a_pool_and_expired_is_none_of_them() -> None:
    assert get_args(coupons.State) == ("active", "redeemed", "voided", "pooled")


# --- The command line ---


def commands(parser: argparse.ArgumentParser, path: str = "") -> Iterator[tuple[str, str | None, argparse.ArgumentParser]]:
    """Every command with the help that its parent lists for it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            listed = {choice.dest: choice.help for choice in action._choices_actions}
            for name, below in action.choices.items():
                yield f"{path}{name}", listed.get(name), below
                yield from commands(below, f"{path}{name} ")


COMMANDS = {name: (help_, parser) for name, help_, parser in commands(cli.parser())}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_each_of_its_arguments_has_help(name: str) -> None:
    help_, parser = COMMANDS[name]
    assert help_
    assert parser.description
    assert [action.dest for action in parser._actions if not action.help and not isinstance(action, argparse._SubParsersAction)] == []
    assert parser.format_help()


def test_the_commands_of_the_readme_exist() -> None:
    assert {"init", "serve", "follow", "migrate", "doctor", "demo", "certs csr", "certs import", "certs check", "keys make"} <= set(
        COMMANDS
    )
    assert "pass export" in COMMANDS
