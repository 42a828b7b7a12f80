"""Everything that was recorded, as files, for an owner: what programs get and bring (app.web.api.exports), marked for spreadsheets."""

from collections.abc import Mapping
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from app.desk import audit, exporting, importing
from app.desk.lines import COLUMNS, What
from app.web.errands import ErrandView
from app.web.lists import as_csv
from app.web.pages import go, language_of, render
from app.web.sessions import once_at, owners
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes.words import N_

FILES: Final[Mapping[What, tuple[str, str]]] = {
    "customers": (N_("Customers"), "heart"),
    "coupons": (N_("Coupons"), "scan"),
    "redemptions": (N_("Redemptions"), "ticket"),
    "events": (N_("All that happened"), "lines"),
}
"""What each file is called, and its sign, in the order in which they are brought in."""


@get([f"/settings/{what}.csv" for what in COLUMNS], guards=[owners])
async def export(request: Ask) -> Stream:
    """All customers, coupons, redemptions or events as CSV, streamed."""
    desk, business = desk_of(request), me(request).business
    what = cast("What", request.scope["path"].rpartition("/")[2].removesuffix(".csv"))
    await audit.exported(desk, business, me(request).staff.id, what)
    rows = exporting.export(desk, business, what)
    return as_csv(rows, f"{what}-{desk.world.now().astimezone(business.tz):%Y-%m-%d}.csv")


@post("/settings/imports/{what:str}", guards=[owners], request_max_body_size=importing.LARGEST + 1)
async def bring(request: Ask, what: FromPath[What]) -> Response[Any]:
    """Such a file, as the script of the page sends it: it is brought in by itself, from now on."""
    body = await request.body()
    made = await once_at(
        request, me(request), None, lambda caller, answering: importing.bring(desk_of(request), caller, what, body, once=answering)
    )
    return go(f"/settings/imports/{msgspec.json.decode(made.content)['id']}")


@get("/settings/imports/{import_id:uuid}", guards=[owners])
async def brought(request: Ask, import_id: FromPath[UUID]) -> Response[str]:
    """How far it is; what came of it."""
    desk = desk_of(request)
    one = await importing.how_far(desk, me(request).business, import_id, language=language_of(request, desk.words))
    errand = ErrandView(id=one.id, kind="records", state=one.state, done=one.done + one.skipped, failed=one.failed, total=one.total)
    return render(request, "records.html", one=one, errand=errand, files=FILES)


@get("/settings/imports/{import_id:uuid}/bad.csv", guards=[owners])
async def bad_lines(request: Ask, import_id: FromPath[UUID]) -> Stream:
    """All lines of a file that could not be brought in, and why."""
    desk, business = desk_of(request), me(request).business
    return as_csv(await importing.bad_lines(desk, business, import_id, language=language_of(request, desk.words)), "bad-lines.csv")


handlers: Final = (export, bring, brought, bad_lines)
