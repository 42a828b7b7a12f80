"""What the lists of the dashboard have in common: what an address asks for, where the next rows begin, and the whole list as a file."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar
from uuid import UUID

import msgspec
from litestar.response import Stream

from app.desk.lines import in_pieces
from app.problems import InvalidRequest
from app.store import Place
from app.web.pages import HEADERS

F = TypeVar("F", bound=msgspec.Struct)
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Search = Annotated[str, msgspec.Meta(max_length=200)]
BOM: Final = "\ufeff"
"""Excel takes a file without it for one in the machine's old code page."""


def asked_for(form: type[F], given: Mapping[str, object]) -> F:
    """What an address or a form asks for; empty fields ask for nothing. Raises InvalidRequest."""
    try:
        return msgspec.convert({name: value for name, value in given.items() if value}, form, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(errors=str(error)) from None


def begins_after(after: str) -> Place | None:
    """Where a page of a list begins, as ``place_of`` wrote it. Raises InvalidRequest."""
    if not after:
        return None
    at, _, id_ = after.partition("~")
    try:
        return Place(msgspec.convert(at, Moment).astimezone(UTC), UUID(id_))
    except (msgspec.ValidationError, ValueError, OverflowError):
        raise InvalidRequest(errors="after") from None


def place_of(place: Place | None) -> str:
    """A place as it stands in an address; "" at the end of a list."""
    return f"{place.at.isoformat()}~{place.id}" if place else ""


def as_csv(rows: AsyncIterable[Sequence[str]] | Iterable[Sequence[str]], name: str) -> Stream:
    """Rows as CSV (RFC 4180), the heads first, streamed to be saved under a name; no spreadsheet takes a cell for a formula."""
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    file = in_pieces(rows if isinstance(rows, AsyncIterable) else _each(rows), mark=BOM)
    return Stream(file, media_type="text/csv", headers=headers, status_code=200)


async def _each(rows: Iterable[Sequence[str]]) -> AsyncIterator[Sequence[str]]:
    for row in rows:
        yield row
