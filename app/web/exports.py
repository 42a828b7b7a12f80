"""Everything that was recorded, as files, for an owner: the same that programs get (app.web.api.exports), marked for spreadsheets."""

from typing import Final, cast
from uuid import UUID

from litestar import get
from litestar.params import FromPath
from litestar.response import Stream

from app.desk import audit, exporting, importing
from app.desk.lines import COLUMNS, What
from app.web.lists import as_csv
from app.web.pages import language_of
from app.web.sessions import owners
from app.web.signing_in import me
from app.web.wire import Ask, desk_of


@get([f"/settings/{what}.csv" for what in COLUMNS], guards=[owners])
async def export(request: Ask) -> Stream:
    """All customers, coupons, redemptions or events as CSV, streamed."""
    desk, business = desk_of(request), me(request).business
    what = cast("What", request.scope["path"].rpartition("/")[2].removesuffix(".csv"))
    await audit.exported(desk, business, me(request).staff.id, what)
    rows = exporting.export(desk, business, what)
    return as_csv(rows, f"{what}-{desk.world.now().astimezone(business.tz):%Y-%m-%d}.csv")


@get("/settings/imports/{import_id:uuid}/bad.csv", guards=[owners])
async def bad_lines(request: Ask, import_id: FromPath[UUID]) -> Stream:
    """All lines of a file that could not be brought in, and why."""
    desk, business = desk_of(request), me(request).business
    return as_csv(await importing.bad_lines(desk, business, import_id, language=language_of(request, desk.words)), "bad-lines.csv")


handlers: Final = (export, bad_lines)
