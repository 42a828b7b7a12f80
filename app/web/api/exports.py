"""Everything as CSV, out and in again: streamed exports, and imports as long work."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from app.desk import audit, exporting, importing, limits
from app.desk.importing import ImportMade, ImportView
from app.desk.lines import What, in_pieces
from app.problems import WrongMediaType
from app.web.api.calls import call
from app.web.api.history import moment
from app.web.api.lists import answer, reading
from app.web.wire import Ask, caller_of, desk_of, language_of, not_packed, once
from passes.problems import NotAllowed, NotFound

CSV: Final = "text/csv"
Brought = Annotated[What, QueryParameter(description="What the file has lines of.")]
Since = Annotated[datetime | None, QueryParameter(description="Only what was recorded from this moment on.")]


@get("/exports/{what:str}", **call("manage", answers=str, gives=CSV, refuses=(NotFound, NotAllowed)))
async def export(what: FromPath[What], request: Ask, since: Since = None) -> Stream:
    """All customers (with their cards), coupons, redemptions or events as CSV (RFC 4180), the oldest first, streamed."""
    desk, caller = desk_of(request), limits.managing(caller_of(request))
    business, begins = caller.business, moment("since", since)
    await audit.exported(desk, business, caller.person.staff_id, what)
    rows = exporting.export(desk, business, what, since=begins)
    return _streamed(rows, f"{what}-{desk.world.now().astimezone(business.tz):%Y-%m-%d}.csv")


@post(
    "/imports",
    request_max_body_size=importing.LARGEST,
    **call("manage", answers=ImportMade, status=202, takes=(CSV,), refuses=(NotAllowed, WrongMediaType), changes=True),
)
async def bring(what: Brought, request: Ask) -> Response[bytes]:
    """Bring a file that was exported back in: customers first, then coupons, redemptions and events. It goes on by itself.

    What is there already (by its id) is skipped; a line that cannot be brought in is counted and said, and the others come in.
    """
    caller = limits.managing(caller_of(request))
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CSV:
        raise WrongMediaType(accepted=CSV)
    not_packed(request, CSV)
    body = await request.body()
    return await once(request, 202, lambda answer: importing.bring(desk_of(request), caller, what, body, once=answer))


@get("/imports/{import_id:uuid}", **reading("manage", answers=ImportView, refuses=(NotFound, NotAllowed)))
async def how_far(import_id: FromPath[UUID], request: Ask) -> Response[Any]:
    """How far an import is, and which lines could not be brought in: the first hundred, each with what is wrong with it."""
    desk = desk_of(request)
    business = limits.managing(caller_of(request)).business
    return answer(request, await importing.how_far(desk, business, import_id, language=language_of(request, desk.words)))


@get("/imports/{import_id:uuid}/bad", **call("manage", answers=str, gives=CSV, refuses=(NotFound, NotAllowed)))
async def bad_lines(import_id: FromPath[UUID], request: Ask) -> Stream:
    """All lines that could not be brought in so far as CSV, in their order, each with what is wrong with it."""
    desk, business = desk_of(request), limits.managing(caller_of(request)).business
    rows = await importing.bad_lines(desk, business, import_id, language=language_of(request, desk.words))
    return _streamed(rows, "bad-lines.csv")


def _streamed(rows: AsyncIterator[Sequence[str]], name: str) -> Stream:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Stream(in_pieces(rows), media_type="text/csv; header=present", headers=headers, status_code=200)


handlers: Final = (export, bring, how_far, bad_lines)
