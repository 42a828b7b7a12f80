"""The one stylesheet: the files of static/css in the order of their names, read once and named by their hash."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Final

from litestar import Response, get

FOLDER: Final = Path(__file__).parent.parent / "static" / "css"
YEAR: Final = "public, max-age=31536000, immutable"


@lru_cache(1)
def _text() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.css")))


@lru_cache(1)
def address() -> str:
    """Where the stylesheet of this release is."""
    return f"/style.css?v={hashlib.sha256(_text().encode()).hexdigest()[:12]}"


@get("/style.css", sync_to_thread=False)
def sheet() -> Response[str]:
    """The stylesheet."""
    return Response(_text(), media_type="text/css", headers={"Cache-Control": YEAR})
