"""Codes that a business brings: the upload, what it would be, the import, and what was wrong with it."""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from app.desk import imports
from app.desk.imports import WHY, Line, TooManyLines
from app.problems import TooLarge
from app.store import Errand, Portion
from app.web import errands
from app.web.forms import Wrong, against, filled_in
from app.web.lists import as_csv
from app.web.pages import go, language_of, render
from app.web.sessions import managers
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes.problems import NotFound, Paused
from passes.words import N_

BAD_SHOWN: Final = 50
"""Bad lines on the page; the file has all of them."""
COLUMNS: Final = (N_("Line"), N_("What stands there"), N_("Why it is not imported"))


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """Codes that were typed or pasted, one a line."""

    offer_id: UUID
    codes: str


@get("/coupons/import", guards=[managers])
async def page(request: Ask, offer_id: FromQuery[UUID | None] = None) -> Response[str]:
    """Which offer, which file."""
    return await _page(request, offer_id=offer_id)


async def _page(request: Ask, *, refused: Wrong | None = None, offer_id: UUID | None = None) -> Response[str]:
    desk, business = desk_of(request), me(request).business
    language = language_of(request, desk.words)
    offers = {one.id: one.title.said(language) for one in await desk.store.all_offers(business.id) if one.state == "running"}
    earlier = [
        (*one, offers.get(imports.brought(one[0]).offer_id, "")) for one in await desk.store.errands(business.id, kind="import", limit=10)
    ]
    return render(
        request,
        "import.html",
        offers=[(str(one), title) for one, title in offers.items()],
        offer_id=str(offer_id or ""),
        earlier=[(errands.view(errand, portion), errand.made_at, title) for errand, portion, title in earlier],
        most=imports.MOST_LINES,
        wrong=refused,
    )


@post("/coupons/import/{offer_id:uuid}", guards=[managers], request_max_body_size=imports.LARGEST + 1)
async def bring(request: Ask, offer_id: FromPath[UUID]) -> Response[Any]:
    """A file, as the script of the page sends it: bytes, read as they come."""
    errand_id = await _brought(request, offer_id, request.stream())
    return go(f"/coupons/imports/{errand_id}")


@post("/coupons/import", guards=[managers])
async def paste(request: Ask) -> Response[Any]:
    """The same for a few codes, typed or pasted: no script is needed."""

    async def chunks(text: str) -> AsyncIterator[bytes]:
        yield text.encode()

    try:
        said = await filled_in(request, Typed)
        errand_id = await _brought(request, said.offer_id, chunks(said.codes))
    except Paused as problem:
        return await _page(request, refused=await against(request, "offer_id", problem))
    except Wrong as refused:
        return await _page(request, refused=refused)
    return go(f"/coupons/imports/{errand_id}")


async def _brought(request: Ask, offer_id: UUID, chunks: AsyncIterator[bytes]) -> UUID:
    try:
        return await imports.bring(desk_of(request), me(request), offer_id, chunks)
    except TooManyLines:
        raise TooLarge from None


async def _import(request: Ask, errand_id: UUID) -> tuple[Errand, Portion | None]:
    found = await desk_of(request).store.errand(me(request).business.id, errand_id)
    if found is None or found[0].kind != "import":
        raise NotFound(what=N_("import"))
    return found


@get("/coupons/imports/{import_id:uuid}", guards=[managers])
async def shown(request: Ask, import_id: FromPath[UUID]) -> Response[str]:
    """What it would be; how far it is; what came of it."""
    desk, business = desk_of(request), me(request).business
    errand, portion = await _import(request, import_id)
    what, view = imports.brought(errand), errands.view(errand, portion)
    offer = (await desk.store.offers(business.id, [what.offer_id]))[what.offer_id]
    bad: list[Line] = []
    if view.state in ("waits", "ended"):
        async for line in imports.bad_lines(desk, errand, portion):
            bad.append(line)
            if len(bad) == BAD_SHOWN:
                break
    counted = what.bad if view.state == "waits" else imports.so_far(portion).bad
    return render(
        request,
        "import_shown.html",
        errand=view,
        asked=portion is not None and not (view.over and not view.done and not view.failed),
        offer=offer,
        what=what,
        good=errand.total - what.failed,
        bad=bad,
        counted=[(WHY[why], n) for why, n in sorted(counted.items(), key=lambda one: -one[1])],
        why=WHY,
    )


@post("/coupons/imports/{import_id:uuid}/confirm", guards=[managers])
async def confirm(request: Ask, import_id: FromPath[UUID]) -> Response[Any]:
    """Import it."""
    await imports.confirm(desk_of(request), me(request), import_id)
    return go(f"/coupons/imports/{import_id}")


@post("/coupons/imports/{import_id:uuid}/discard", guards=[managers])
async def discard(request: Ask, import_id: FromPath[UUID]) -> Response[Any]:
    """Forget the file."""
    desk, business = desk_of(request), me(request).business
    await _import(request, import_id)
    await desk.store.stop_errand(business.id, import_id, desk.world.now())
    return go("/coupons/import")


@get("/coupons/imports/{import_id:uuid}/bad.csv", guards=[managers])
async def report(request: Ask, import_id: FromPath[UUID]) -> Stream:
    """Every bad line with its number and why, streamed."""
    desk = desk_of(request)
    errand, portion = await _import(request, import_id)
    t = partial(desk.words.said, language_of(request, desk.words))

    async def rows() -> AsyncIterator[Sequence[str]]:
        yield [t(column) for column in COLUMNS]
        async for line in imports.bad_lines(desk, errand, portion):
            also = " " + t(N_("(line {n})"), n=line.also) if line.also else ""
            yield (str(line.number), line.text, t(WHY[line.why]) + also)

    return as_csv(rows(), "bad-lines.csv")


handlers: Final = (page, bring, paste, shown, confirm, discard, report)
