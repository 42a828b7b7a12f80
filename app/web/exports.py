"""Everything that was recorded, as files, for an owner: the same that programs get (app.web.api.exports), marked for spreadsheets."""

from typing import Final, cast

from litestar import get
from litestar.response import Stream

from app.desk import exporting
from app.desk.lines import COLUMNS, What
from app.web.lists import BOM
from app.web.pages import HEADERS
from app.web.sessions import owners
from app.web.signing_in import me
from app.web.wire import Ask, desk_of


@get([f"/settings/{what}.csv" for what in COLUMNS], guards=[owners])
async def export(request: Ask) -> Stream:
    """All customers, coupons, redemptions or events as CSV, streamed."""
    desk, business = desk_of(request), me(request).business
    what = cast("What", request.scope["path"].rpartition("/")[2].removesuffix(".csv"))
    name = f"{what}-{desk.world.now().astimezone(business.tz):%Y-%m-%d}.csv"
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Stream(exporting.export(desk, business, what, mark=BOM), media_type="text/csv", headers=headers, status_code=200)


handlers: Final = (export,)
