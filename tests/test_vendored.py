"""What other people made and we pass on: every file is listed, with its licence, and is the file that was listed."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
LISTS = sorted(path for part in ("app", "tests") for path in (ROOT / part).rglob("vendor.json"))
VENDORED: dict[str, tuple[Path, dict[str, Any]]] = {
    one["name"]: (path.parent, one) for path in LISTS for one in json.loads(path.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("name", VENDORED)
def test_every_vendored_file_is_the_one_that_was_listed(name: str) -> None:
    folder, listed = VENDORED[name]
    assert {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in listed["sha256"]} == listed["sha256"]


@pytest.mark.parametrize("name", VENDORED)
def test_everything_vendored_has_a_licence_a_version_and_a_source(name: str) -> None:
    folder, listed = VENDORED[name]
    assert listed["licence_file"] in listed["sha256"]
    assert (folder / listed["licence_file"]).stat().st_size
    assert listed["licence"]
    assert listed["version"]
    assert listed["source"].startswith("https://")


@pytest.mark.parametrize("path", LISTS, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_nothing_is_vendored_that_is_not_listed(path: Path) -> None:
    there = {str(file.relative_to(path.parent)) for file in path.parent.rglob("*") if file.is_file()} - {path.name}
    assert there == {file for folder, listed in VENDORED.values() if folder == path.parent for file in listed["sha256"]}
