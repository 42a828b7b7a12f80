"""The browser that tests look through: where it is, what is said when it is missing, and what was measured in it."""

import os
import shutil
from pathlib import Path

import pytest

CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The shell draws and runs the same as the whole browser, for a third less of the processor."""
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUMS)), None)
MISSING = "Chromium is missing, so tests/browser is left out (apt-get install chromium-headless-shell, or set CHROMIUM to its path)"
RESULT = "RESULT"
"""What a test records under this name (record_property) is a line of the summary, also when another process ran it."""


def pytest_configure() -> None:
    if not CHROMIUM and os.environ.get("CI") == "true":
        raise pytest.UsageError(MISSING)


def pytest_report_header() -> list[str]:
    return [] if CHROMIUM else ["", f"!!! {MISSING}", ""]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM:
        return
    here = Path(__file__).parent / "browser"
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=MISSING))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, value in report.user_properties:
            if name == RESULT and report.when == "call":
                terminalreporter.write_line(f"{RESULT} {value}")
    if not CHROMIUM:
        terminalreporter.write_line(f"!!! {MISSING}", red=True, bold=True)
