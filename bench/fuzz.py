"""Ten thousand requests that nobody thought of (schemathesis, all checks): no error of ours, no answer that the document does not know."""

import asyncio
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1] / "tests" / "web")]

from fuzz import fuzz, opened, serving  # noqa: E402 (where it is was said just above)

from app.db import migrate  # noqa: E402

EXAMPLES = sys.argv[1] if len(sys.argv) > 1 else "140"


def main() -> None:
    """One shop, one server, everything that schemathesis can think of."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url, log = f"sqlite:///{folder}/shop.db", folder / "server.log"
        asyncio.run(migrate(url))
        secret, known = asyncio.run(opened(url))
        with serving(url, log) as address:
            wrong, asked, report = fuzz(address, secret, known, "--max-examples", EXAMPLES, "--continue-on-failure", folder=folder)
        print(report)
        errors = log.read_text(encoding="utf-8").count("[error")
        print(f"RESULT name=fuzz requests={asked} server_errors={errors} content={'no' if wrong else 'yes'}")
        raise SystemExit(wrong or bool(errors))


if __name__ == "__main__":
    main()
