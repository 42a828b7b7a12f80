"""What every page has in common: it is drawn from a template, in one language, under one strict policy."""

from collections.abc import Mapping
from functools import lru_cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.exceptions import HTTPException, MethodNotAllowedException
from litestar.response import Redirect
from litestar.status_codes import HTTP_303_SEE_OTHER
from litestar.types import Message, Scope
from litestar.utils.scope.state import ScopeState

from app import problems
from app.problems import STATUS, SignInNeeded, StalePage
from app.store import Counting, Member
from app.web import brand, style, wire
from app.web.saying import Saying
from app.web.wire import UTC_ZONE, Ask, desk_of
from passes.businesses import Business
from passes.problems import Problem
from passes.words import Words

HTML: Final = "text/html"
LANGUAGE: Final = "language"
"""The cookie in which a person's choice of language is kept."""
CSRF: Final = "csrf"
"""The cookie of the secret that forms carry (app.asgi)."""
FRAGMENT: Final = "x-fragment"
"""A request with this header is made by a page's own script, which puts the answer into the page: no page around it."""
POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""With every page: nothing is loaded from elsewhere, nothing frames us, no cache keeps what belongs to people."""

Connection = ASGIConnection[Any, Any, Any, Any]


@lru_cache(1)
def _templates(folder: Path) -> Environment:
    return Environment(loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)


def member_of(connection: Connection) -> Member | None:
    """Who is signed in on this browser; a guard of app.web.sessions put it there."""
    member: Member | None = connection.scope["state"].get("member")
    return member


def counting_of(connection: Connection) -> Counting | None:
    """The counter that this browser is; a guard of app.web.sessions put it there."""
    counting: Counting | None = connection.scope["state"].get("counting")
    return counting


def business_of(connection: Connection) -> Business | None:
    """The business whose page this is: a public page's own (``shown_by``), else that of who is there, if somebody is."""
    public: Business | None = connection.scope["state"].get("business")
    there = member_of(connection) or counting_of(connection)
    return public or (there.business if there else None)


def shown_by(connection: Connection, business: Business) -> None:
    """This is a public page of a business: it has its colours, its zone, and its languages only."""
    connection.scope["state"]["business"] = business


def language_of(connection: Connection, words: Words) -> str:
    """The language of a page: chosen here, else what the browser asks for, else the business's first."""
    business = business_of(connection)
    own = [one for one in (business.languages if business else ()) if one in words.languages]
    spoken = own if own and "business" in connection.scope["state"] else words.languages
    chosen, asked = connection.cookies.get(LANGUAGE, ""), wire.language_asked(connection, words)
    return next((one for one in (chosen, asked, *own) if one in spoken), "en")


def saying_of(connection: Connection) -> Saying:
    """How this page says moments and numbers."""
    desk, business = desk_of(connection), business_of(connection)
    return Saying(desk.words, language_of(connection, desk.words), business.tz if business else UTC_ZONE, desk.world.now())


def render(
    request: Connection, template: str, /, *, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None, **facts: object
) -> Response[str]:
    """A page (or a fragment of one) from templates/pages, with the facts and what every template may use.

    ``t(sentence, **facts)`` says a sentence of the catalogue, ``say`` moments and numbers (app.web.saying.Saying);
    ``language`` and ``languages``; ``csrf_token`` is the token of forms; ``style`` is the address of the stylesheet, ``brand``
    that of the business's colours; ``member``, ``counting`` and ``business`` say who is there (or None); ``path`` is this
    page's, for navigation; ``beginning``: the first steps are not all done yet.
    ``wrong`` (app.web.forms.Wrong, None usually) makes the macros show what is wrong with a form, and what was typed in it.
    """
    desk = desk_of(request)
    language = language_of(request, desk.words)
    business = business_of(request)
    token = ScopeState.from_scope(request.scope).csrf_token  # nothing of the kind where no form needs one
    if facts.get("wrong"):
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    text = (
        _templates(request.app.state.pages)
        .get_template(template)
        .render(
            t=partial(desk.words.said, language),
            language=language,
            languages=desk.words.languages,
            say=saying_of(request),
            csrf_token=token if isinstance(token, str) else "",
            member=member_of(request),
            counting=counting_of(request),
            business=business,
            style=style.address(),
            brand=brand.address(business) if business else "",
            path=request.scope["path"],
            beginning=request.scope["state"].get("beginning", False),
            now=desk.world.now(),
            **{"wrong": None, **facts},
        )
    )
    return Response(text, status_code=status, media_type=HTML, headers={**HEADERS, **(headers or {})})


def go(path: str) -> Redirect:
    """Look at another page now: the answer to a form that was accepted."""
    return Redirect(path, status_code=HTTP_303_SEE_OTHER, headers=HEADERS)


def document(request: Connection, problem: Problem) -> dict[str, object]:
    """A problem's document (app.problems.document) in the page's language and the business's zone, its moments as pages say them."""
    desk, business = desk_of(request), business_of(request)
    zone = business.tz if business else UTC_ZONE
    language, moment = language_of(request, desk.words), saying_of(request).dated
    return problems.document(problem, desk.words, language, zone, moment=moment, base=desk.public_url)


def is_fragment(request: Connection) -> bool:
    """Whether a page's own script asks."""
    return FRAGMENT in request.headers


def on_problem(request: Ask, problem: Problem) -> Response[Any]:
    """A refusal, as a page or as a fragment; somebody who must sign in first is taken there and back."""
    if isinstance(problem, SignInNeeded) and not is_fragment(request) and request.method == "GET":
        return go(f"/sign-in?to={quote(request.scope['path'])}")
    wire.log.info("refused", word=problem.word)
    template = "problem_fragment.html" if is_fragment(request) else "problem.html"
    headers = {"X-Problem": problem.word}
    if "retry_after" in problem.facts:
        headers["Retry-After"] = str(problem.facts["retry_after"])
    page = render(request, template, status=STATUS[type(problem)], headers=headers, problem=document(request, problem))
    if isinstance(problem, StalePage) and CSRF in request.cookies:
        page.delete_cookie(CSRF)  # signed with a key that is gone: the next page brings a new one (it never came from another site)
    return page


def _drawn(answer: Any) -> Any:
    """The same handler of app.web.wire, with its problem drawn as a page."""

    def handler(request: Ask, error: Any) -> Response[Any]:
        return on_problem(request, answer(request, error))

    return handler


async def guarded(message: Message, _scope: Scope) -> None:
    """What is no page (files, pictures, documents) is not to be taken for one either, whatever is in it."""
    if message["type"] == "http.response.start":
        MutableScopeHeaders.from_message(message).setdefault("X-Content-Type-Options", "nosniff")


HANDLERS: Final[dict[int | type[Exception], Any]] = {
    Problem: on_problem,
    **{kind: _drawn(problem_of) for kind, problem_of in wire.PROBLEMS.items() if kind is not Problem},
}
"""How pages say what cannot be done; the API says the same with app.web.wire.HANDLERS."""


def on_nowhere(request: Ask, error: HTTPException) -> Response[Any]:
    """An address that leads nowhere: a page for a person, a document for a program.

    An address that only a form is sent to is opened when a browser brings back the answer that it had, or when another
    language is chosen on it: then the page that the form is on is meant.
    """
    if "text/html" in request.headers.get("accept", ""):
        path = request.scope["path"]
        if request.method == "GET" and isinstance(error, MethodNotAllowedException):
            page = "/" + path.split("/")[1]
            return go(page if page != path else "/")
        return on_problem(request, wire.of_http(request, error))
    return wire.on_http(request, error)
