"""Pictures that a business brings: taken as they are from a file, and shown to anybody who knows the hash of one."""

from http import HTTPStatus
from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath

from app.desk import pictures
from app.problems import WrongMediaType
from app.web.pages import render
from app.web.sessions import managers
from app.web.signing_in import me
from app.web.style import YEAR
from app.web.wire import Ask, desk_of
from passes.pictures import LARGEST
from passes.problems import NotFound
from passes.words import N_

DIGEST: Final = 64


@post("/pictures", guards=[managers], request_max_body_size=LARGEST + 1, status_code=HTTPStatus.CREATED)
async def bring(request: Ask) -> Response[str]:
    """Take a picture (the body of the request) and show it: the fragment's ``data-digest`` is what a form names it by."""
    if not request.headers.get("content-type", "").startswith("image/"):
        raise WrongMediaType(accepted="image/jpeg, image/png, image/webp, image/heic")
    picture = await pictures.bring(desk_of(request), me(request).business.id, await request.body(), limiter=request.app.state.photos)
    return render(request, "picture.html", status=HTTPStatus.CREATED, digest=picture.digest)


@get("/pictures/{name:str}")
async def shown(request: Ask, name: FromPath[str]) -> Response[bytes]:
    """A picture by its digest (``….png``, whatever it is). It never changes, so whoever has it may keep it."""
    digest = name.removesuffix(".png")
    if len(digest) != DIGEST or not name.endswith(".png"):
        raise NotFound(what=N_("picture"))
    picture = await pictures.brought(desk_of(request), digest)
    return Response(picture.content, media_type=picture.kind, headers={"Cache-Control": YEAR})


handlers: Final = (bring,)
public: Final = (shown,)
"""Whoever fetches pictures (a phone, Google, a mail) has no session."""
