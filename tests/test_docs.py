"""Documentation that can drift: every list in it is complete, every link leads somewhere."""

import argparse
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app import asgi, cli, settings
from app.desk.lines import COLUMNS
from app.problems import STATUS
from app.web.api import described

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "certs" / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(page: str) -> list[list[str]]:
    """The cells of every row of every table."""
    return [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in page.splitlines() if line.startswith("|")]


def test_every_setting_stands_in_the_settings_with_its_default() -> None:
    written = {cells[0].partition(",")[0].strip("`"): cells[1].strip("`") for cells in rows(read("docs/settings.md"))[2:]}
    said = {None: "none", "": "empty", False: "false"}
    there = {
        settings.PREFIX + field.name.upper(): said[field.default] if field.default in ("", None, False) else str(field.default)
        for field in msgspec.structs.fields(settings.Settings)
    }
    assert written == there


def test_every_problem_stands_in_the_api_with_its_status() -> None:
    written = {cells[0].strip("`"): cells[1] for cells in rows(read("docs/api.md")) if len(cells) == 3 and cells[1].isdecimal()}
    assert written == {kind.word: str(int(status)) for kind, status in STATUS.items()}


def test_every_call_of_the_api_is_described_and_published() -> None:
    app = asgi.create_app(settings.read({"COUNTERPASS_CERTS": "/nonexistent"}))
    calls = {
        f"{method.upper()} {path}"
        for path, item in described.document(app, public_url="")["paths"].items()
        for method in item
        if path.startswith("/api/")
    }
    assert set(re.findall(r"^### `([A-Z]+ /\S+)`", read("docs/api.md"), re.MULTILINE)) == calls


def test_every_call_of_the_api_has_a_curl() -> None:
    sections = re.split(r"^##+ (?=`)", read("docs/api.md"), flags=re.MULTILINE)[1:]
    for section in sections:
        said = re.match(r"`([A-Z]+) /api/v1(/\S+)`", section)
        assert said, section[:80]
        address = re.sub(r"\\{\w+\\}", r"[^/\\s\"'?]+", re.escape(said[2]))
        curls = re.findall(rf"^    curl .*\$API{address}[\s\"'?].*(?:\n      .*)*", section, re.MULTILINE)
        named = [re.search(r"-X ([A-Z]+)", one) for one in curls]
        meant = {
            name[1] if name else "POST" if re.search(" -d | --data| -T ", one) else "GET" for name, one in zip(named, curls, strict=True)
        }
        assert said[1] in meant, f"{said[0]} needs a curl"


def commands(parser: argparse.ArgumentParser, path: str = "counterpass") -> Iterator[str]:
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in below:
        for name, one in action.choices.items():
            yield from commands(one, f"{path} {name}")
    if not below:
        yield path


def options(parser: argparse.ArgumentParser) -> set[str]:
    found = {option for action in parser._actions for option in action.option_strings}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= {option for one in action.choices.values() for option in options(one)}
    return found


def test_every_column_of_every_file_stands_in_the_api() -> None:
    documented = rows(read("docs/api.md"))
    for what, columns in COLUMNS.items():
        assert [f"`{what}`", ", ".join(f"`{one}`" for one in columns)] in documented, what


def test_every_command_is_shown_in_use() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [command for command in commands(cli.parser()) if command not in pages] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_option_that_a_page_shows_exists(page: Path) -> None:
    known, flags = set(commands(cli.parser())), options(cli.parser())
    shown = re.findall(
        r"counterpass ((?:certs|staff|keys|pass) [a-z]+|[a-z]+)((?: +[^`#\n\\]*(?:\\\n[^`#\n\\]*)*)?)", page.read_text(encoding="utf-8")
    )
    tops = {command.split()[1] for command in known}
    for command, rest in shown:
        if command.split()[0] in tops:
            assert f"counterpass {command}" in known, command
            assert [flag for flag in re.findall(r"--[a-z-]+", rest) if flag not in flags] == [], rest


def anchors(page: Path) -> set[str]:
    """As GitHub makes them from headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_is_context_choice_and_price_on_less_than_a_page(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 17
    assert re.match(rf"# {int(page.stem[:3])}\. ", text)
    assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == ["Context", "Choice", "Price"]


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(page.stem[:3]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_every_dependency_is_justified() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    asked = project["project"]["dependencies"] + [one for extra in project["project"]["optional-dependencies"].values() for one in extra]
    asked += [one for one in project["dependency-groups"]["dev"] if not one.startswith("counterpass")]
    names = {re.split(r"[\[>=<; ]", one)[0] for one in asked}
    written = {name for cells in rows(read("docs/decisions/dependencies.md")) for name in re.findall(r"[a-z0-9][a-z0-9-]+", cells[0])}
    assert names - written == set()
    assert written - names - {"package", "extra", "dev", "heic", "sandbox"} == set(), "a package that is not asked for any more"


def test_the_changelog_says_what_is_not_released_yet() -> None:
    assert re.search(r"^## Unreleased\n\n### Added\n\n- ", read("docs/changelog.md"), re.MULTILINE)


def test_every_event_of_the_log_is_explained() -> None:
    written = {cells[0].strip("`") for cells in rows(read("docs/runbook.md"))}
    logged = set()
    for path in (ROOT / "app").rglob("*.py"):
        if "sandbox" not in path.parts:
            for call in re.findall(r"log\.(?:info|warning|error|exception)\(([^)]*)", path.read_text(encoding="utf-8")):
                logged |= set(re.findall(r'"([^"]+)"', call.partition(",")[0]))
    assert logged
    assert logged - written == set()


def test_the_certificates_folder_keeps_its_secrets_out_of_git() -> None:
    assert read("certs/.gitignore").splitlines()[0] == "*"
