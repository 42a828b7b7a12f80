"""Long work as pages show it: how far it is, and a button that stops it. A fragment that its page asks for again until it has ended."""

import contextlib
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from app.desk import campaigning, importing
from app.store import Errand, ErrandKind, Portion
from app.web.pages import go, is_fragment, render
from app.web.sessions import managers
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes.problems import ChangedMeanwhile, NotFound
from passes.words import N_


class ErrandView(msgspec.Struct, frozen=True, kw_only=True):
    """How far an errand is. ``left`` are those that nobody has got to; ``waits``: it has not begun."""

    id: UUID
    kind: ErrandKind
    state: Literal["waits", "goes", "ended", "stopped"]
    done: int
    failed: int
    total: int

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("ended", "stopped")

    @property
    def so_far(self) -> int:
        """Done or failed: what the bar shows."""
        return min(self.done + self.failed, self.total)


def view(errand: Errand, portion: Portion | None) -> ErrandView:
    """How far an errand is that the store gave with its newest portion."""
    state: Literal["waits", "goes", "ended", "stopped"] = "goes" if portion else "waits"
    if errand.stopped_at is not None:
        state = "stopped"
    elif errand.ended_at is not None or (portion and portion.last):
        state = "ended"
    done, failed = (portion.done, portion.failed) if portion else (0, 0)
    if errand.kind == "records":
        done += importing.skipped(portion)
    return ErrandView(id=errand.id, kind=errand.kind, state=state, done=done, failed=failed, total=max(errand.total, done + failed))


@get("/errands/{errand_id:uuid}", guards=[managers])
async def errand(request: Ask, errand_id: FromPath[UUID], offer_id: FromQuery[UUID | None] = None) -> Response[str]:
    """How far it is, as a page, or as the fragment that the page's script asks for. From a change of an offer it leads back to that."""
    found = await desk_of(request).store.errand(me(request).business.id, errand_id)
    if found is None:
        raise NotFound(what=N_("errand"))
    return render(request, "errand_fragment.html" if is_fragment(request) else "errand.html", errand=view(*found), offer_id=offer_id)


@post("/errands/{errand_id:uuid}/stop", guards=[managers])
async def stop(request: Ask, errand_id: FromPath[UUID]) -> Response[Any]:
    """Do no more of it; what was done stays. One that has ended meanwhile has ended."""
    desk, member = desk_of(request), me(request)
    found = await desk.store.errand(member.business.id, errand_id)
    if found is None:
        raise NotFound(what=N_("errand"))
    if found[0].kind == "campaign":
        with contextlib.suppress(ChangedMeanwhile):  # it has ended, or somebody else has stopped it
            await campaigning.stop(desk, member, await campaigning.campaign(desk, member.business.id, errand_id))
        return go(f"/campaigns/{errand_id}")
    await desk.store.stop_errand(member.business.id, errand_id, desk.world.now())
    return go(f"/errands/{errand_id}")


handlers: Final = (errand, stop)
