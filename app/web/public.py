"""What anybody may ask for: a holder's own card by its link, the drawn images, Google's callbacks, what problems mean, health."""

from typing import Any
from uuid import UUID

import structlog
from litestar import HttpMethod, Response, get, post, route
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.status_codes import HTTP_200_OK, HTTP_400_BAD_REQUEST, HTTP_503_SERVICE_UNAVAILABLE

from app.desk import pictures, wallets
from app.web import explained, pages, wire
from app.web.wire import Ask, bare, desk_of, pass_response
from passes.problems import Problem, WalletNotConfigured
from passes.wallets.google import Forged, KeysUnavailable

log = structlog.get_logger()

YEAR = "public, max-age=31536000, immutable"


def for_people(request: Ask, problem: Problem) -> Response[Any]:
    """Somebody who pressed a button is told in a page; a program that followed a link, in a document."""
    in_a_browser = "text/html" in request.headers.get("accept", "")
    return pages.on_problem(request, problem) if in_a_browser else wire.on_problem(request, problem)


@route("/c/{key:str}/card.pkpass", http_method=[HttpMethod.GET, HttpMethod.HEAD], exception_handlers={Problem: for_people})
async def card_pass(key: FromPath[str], request: Ask) -> Response[bytes]:
    """The holder's card for Apple Wallet."""
    desk = desk_of(request)
    facts = await wallets.by_key(desk, key)
    return pass_response(await wallets.apple_pass(desk, facts), facts.card, head=request.method == HttpMethod.HEAD)


@get("/c/{key:str}/google", exception_handlers={Problem: for_people})
async def card_link(key: FromPath[str], request: Ask) -> Redirect:
    """The holder's card for Google Wallet: on to Google's own page."""
    desk = desk_of(request)
    return Redirect(await wallets.google_link(desk, await wallets.by_key(desk, key)))


@get("/art/{program_id:uuid}/{name:str}")
async def art(program_id: FromPath[UUID], name: FromPath[str], request: Ask) -> Response[bytes]:
    """A drawn image of a program (its logo, its stamps): Google fetches these itself."""
    picture = await pictures.picture(desk_of(request), program_id, name, limiter=request.app.state.art)
    return Response(picture, media_type="image/png", headers={"Cache-Control": YEAR})


@post("/google/callback", status_code=HTTP_200_OK, request_max_body_size=64 * 1024)
async def google_callback(request: Ask) -> Response[Any]:
    """Google says that a card was saved or deleted; the signature proves that it is Google."""
    desk = desk_of(request)
    if desk.google is None:
        raise WalletNotConfigured(wallet="Google Wallet")
    try:
        callback = await desk.google.verify_callback(await request.body(), http=desk.world.http, now=desk.world.now())
    except Forged as error:
        log.warning("a callback that is not Google's", why=str(error))
        return bare(HTTP_400_BAD_REQUEST)
    except KeysUnavailable as error:  # Google sends it again
        log.warning("Google's keys cannot be had", why=str(error))
        return bare(HTTP_503_SERVICE_UNAVAILABLE)
    await wallets.google_says(desk, callback)
    return bare(HTTP_200_OK)


@route("/health", http_method=[HttpMethod.GET, HttpMethod.HEAD], status_code=HTTP_200_OK)  # many monitors send HEAD
async def health(request: Ask) -> dict[str, int]:
    """Alive, and the database answers; how many phones are behind."""
    return {"lagging": await desk_of(request).store.lagging()}


handlers = [card_pass, card_link, art, google_callback, *explained.handlers, health]
