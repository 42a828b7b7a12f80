"""What every call has in common: who asks, in which language, once only, and how a refusal is written."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from itertools import chain
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import structlog
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.dto import MsgspecDTO
from litestar.exceptions import (
    ClientException,
    HTTPException,
    InternalServerException,
    MethodNotAllowedException,
    NotFoundException,
    PermissionDeniedException,
    ValidationException,
)
from litestar.status_codes import HTTP_413_REQUEST_ENTITY_TOO_LARGE

from app import problems
from app.desk import Desk, Repeated
from app.problems import (
    CONTENT_TYPE,
    CalledOff,
    DatabaseUnavailable,
    InvalidRequest,
    KeyInFlight,
    KeyMissing,
    KeyReused,
    StalePage,
    TooLarge,
    Unauthorized,
    Unexpected,
    WrongMediaType,
    WrongMethod,
)
from app.store import Caller, DatabaseProblem, Duplicate, Kept, Overloaded, Unstorable
from passes import contacts
from passes.cards import Card
from passes.problems import Busy, NotFound, Problem
from passes.words import N_, Words

log = structlog.get_logger()

UTC_ZONE: Final = ZoneInfo("UTC")
LONGEST_KEY: Final = 255
QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
ESCAPED: Final = re.compile(r'\\(["\\])')
BARE: Final = re.compile(r"[ !#-+\--~]+")
NOT_KEPT: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE})
"""Answers that say nothing about the request but that now is not the time: the next try is a new one."""
WHATEVER: Final = b""
"""The digest of a request that may not be done any more, whatever it says."""
RETRY_DATABASE: Final = 2
"""Seconds after which a database that did not answer is worth asking again."""
BEARER: Final = "bearer"
JSON: Final = "application/json"

TEXT: Final = r"^[^\x00]*[^\s\x00][^\x00]*$"
NOT_ONLY_SPACES: Final = "text that is not only spaces"
"""What matches TEXT, for people."""
A_LANGUAGE: Final = "a language, as vi or pt-BR"
AT: Final = re.compile(r" - at `\$\.(\w+)(?:\[\d+\])?`$")
"""Where in a body something is wrong, at the end of what msgspec says of it."""
PATTERN: Final = "Expected `str` matching regex"

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=TEXT, description=NOT_ONLY_SPACES)]
Maybe = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00]*$")]
Birthday = Annotated[str, msgspec.Meta(pattern=contacts.BIRTHDAY, description="month and day, as 02-29")]
Presentable = Annotated[str, msgspec.Meta(max_length=1000)]

Ask = Request[Any, Any, Any]
T = TypeVar("T", bound=msgspec.Struct)


class Strict(MsgspecDTO[T]):
    """Bodies exactly as described: Litestar itself would take "3" for 3, and says less about what is wrong."""

    says: ClassVar[Any] = None
    """What the body is, where it is one of several Structs."""

    def decode_bytes(self, value: bytes) -> Any:
        """The body as its Struct. Raises InvalidRequest naming the place and the mistake, WrongMediaType for what says it is no JSON."""
        if not _is_json(self.asgi_connection):
            raise WrongMediaType(accepted=JSON)
        not_packed(self.asgi_connection, JSON)
        try:
            return msgspec.json.decode(value, type=self.says or self.model_type)
        except UnicodeDecodeError:
            raise InvalidRequest(errors="the body is not UTF-8") from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidRequest(errors=_in_words(str(error), self.says or self.model_type)) from None


def _in_words(error: str, kind: Any) -> str:
    """Msgspec's sentence, with the words that there are, and with what a text must be as its description says it: no regular expression."""
    if (at := AT.search(error)) is None:
        return error
    for one in get_args(kind) or (kind,):
        hint = get_type_hints(one, include_extras=True).get(at[1])
        described = [meta.description for part in (hint, *get_args(hint)) for meta in getattr(part, "__metadata__", ()) if meta.description]
        if described and PATTERN in error:
            return f"Expected {described[0]}{at[0]}"
        if words := words_of(hint):
            return f"{error}; there are: {', '.join(words)}"
    tags = [one.__struct_config__.tag for one in get_args(kind) if one.__struct_config__.tag_field == at[1]]
    return f"{error}; there are: {', '.join(tags)}" if tags else error


def words_of(kind: Any) -> Sequence[str]:
    """All that it may be, where that is one of a few words, or several."""
    return get_args(kind) if get_origin(kind) is Literal else [*chain.from_iterable(map(words_of, get_args(kind)))]


def not_packed(connection: ASGIConnection[Any, Any, Any, Any], accepted: str) -> None:
    """Bodies come as they are: what is said to be packed would be taken for nonsense. Raises WrongMediaType."""
    if connection.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise WrongMediaType(accepted=f"{accepted} (Content-Encoding: identity)")


def _is_json(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Whether the body is said to be JSON, or nothing is said of it."""
    return connection.headers.get("content-type", JSON).partition(";")[0].strip().lower() == JSON


def bare(status: int, headers: dict[str, str] | None = None) -> Response[Any]:
    """An answer without a body."""
    return Response(b"", status_code=status, headers=headers, media_type="text/plain")


def desk_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Desk:
    """The desk of this application."""
    desk: Desk = connection.app.state.desk
    return desk


def caller_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Who asks; the guard put it there."""
    caller: Caller = connection.scope["state"]["caller"]
    return caller


def language_asked(connection: ASGIConnection[Any, Any, Any, Any], words: Words) -> str:
    """The first language of Accept-Language that we speak, or an empty string."""
    for part in connection.headers.get("accept-language", "").split(",")[:10]:
        wanted = part.partition(";")[0].strip().lower().partition("-")[0]
        if wanted in words.languages:
            return wanted
    return ""


def language_of(connection: ASGIConnection[Any, Any, Any, Any], words: Words) -> str:
    """The first language of Accept-Language that we speak, else English."""
    return language_asked(connection, words) or "en"


class Answering:
    """One request with an Idempotency-Key: writes its answer once, and hands the stories the row that keeps it (desk.Once)."""

    def __init__(
        self, desk: Desk, *, caller: Caller, key: str, digest: bytes, language: str, status: int, moment: problems.Moment | None = None
    ) -> None:
        self.language = language
        self.moment = moment
        self.status = self._made = status
        self.body = b""
        self.kept = False
        self._words, self._base = desk.words, desk.public_url
        self._row = (*kept_as(caller, key), caller.business.id, digest)

    def done(self, view: object, caller: Caller, now: datetime, *, new: bool = True) -> tuple[Kept, ...]:  # noqa: ARG002 (the caller is in the row)
        """The answer of a story that succeeded; 200 if it found what was asked for, instead of making it."""
        self.status = self._made if new else HTTPStatus.OK
        self.body = msgspec.json.encode(view)
        return self._keep(now)

    def refused(self, problem: Problem, caller: Caller, now: datetime) -> tuple[Kept, ...]:
        """The answer of a story that was refused."""
        self.status, self.body = problems.encoded(
            problem, self._words, self.language, caller.business.tz, moment=self.moment, base=self._base
        )
        self.kept = True
        return self._keep(now)

    def _keep(self, now: datetime) -> tuple[Kept, ...]:
        caller_id, key, business_id, digest = self._row
        return (Kept(caller_id=caller_id, key=key, business_id=business_id, digest=digest, status=self.status, body=self.body, at=now),)


Story = Callable[[Answering], Awaitable[object]]


def kept_as(caller: Caller, key: str) -> tuple[UUID, str]:
    """Under what an answer is kept: not the key itself, in which tills write whom they serve, perhaps somebody who is forgotten."""
    whose = caller.person.counter_id
    return whose, hashlib.blake2b(key.encode(), key=whose.bytes, digest_size=16).hexdigest()


def called_off(caller: Caller, key: str, now: datetime) -> Kept:
    """What takes the place of an answer: of a request with this key the unit does not become true any more, in whichever process."""
    caller_id, hashed = kept_as(caller, key)
    return Kept(caller_id=caller_id, key=hashed, business_id=caller.business.id, digest=WHATEVER, status=0, body=b"", at=now)


def key_of(headers: Sequence[str]) -> str:
    """The one Idempotency-Key of a request: a string as structured fields write it (RFC 9651, 3.3.3), or as it is, without quotes.

    Both name the same key. Raises KeyMissing for none, for two, and for what is not 1 to 255 printable ASCII characters.
    """
    said = headers[0].strip() if len(headers) == 1 else ""
    if found := QUOTED.fullmatch(said):
        said = ESCAPED.sub(r"\1", found[1])
    elif not BARE.fullmatch(said):  # a comma stands between two of them that a proxy has put into one header
        raise KeyMissing
    if not 1 <= len(said) <= LONGEST_KEY:
        raise KeyMissing
    return said


async def once(
    request: Ask,
    status: int,
    story: Story,
    *,
    language: str = "",
    moment: problems.Moment | None = None,
    key: str = "",
    at_a_stroke: bool = False,
) -> Response[bytes]:
    """Run a story that changes something, exactly once per Idempotency-Key of this caller; its answer is said in ``language``.

    A form without a script has its ``key`` in a field of its own. A story that does everything ``at_a_stroke`` (one unit, which
    keeps the answer, and nothing before it) need not ask first whether there is an answer: its unit will not become true then.

    The kept answer is committed in the story's own unit, so a crash leaves either both or neither: nothing can be stuck in
    flight. In flight here: 409 (KeyInFlight). In flight in another process: whoever commits second is given the answer of
    the first.
    """
    desk, caller = desk_of(request), caller_of(request)
    if not (0 < len(key) <= LONGEST_KEY and key.isprintable()):  # what a body names is no header, with its quotes and commas
        key = key_of(request.headers.getall("idempotency-key", []))
    address = b"?".join(filter(None, (request.scope["path"].encode(), request.scope["query_string"])))
    digest = hashlib.sha256(b"\0".join((request.method.encode(), address, await _said(request)))).digest()
    in_flight: set[tuple[object, str]] = request.app.state.in_flight
    mine = (caller.person.counter_id, key)
    if mine in in_flight:
        raise KeyInFlight(retry_after=1)
    in_flight.add(mine)
    try:
        kept = None if at_a_stroke else await desk.store.kept(*kept_as(caller, key))
        if kept is not None:
            return _again(kept, digest)
        answering = Answering(
            desk,
            caller=caller,
            key=key,
            digest=digest,
            language=language or language_of(request, desk.words),
            status=status,
            moment=moment,
        )
        try:
            await story(answering)
        except Problem as problem:
            if not answering.kept and problems.STATUS[type(problem)] not in NOT_KEPT:
                now = desk.world.now()
                try:
                    await desk.commit(now, rows=answering.refused(problem, caller, now))
                except Duplicate as duplicate:  # another process was faster with the same request, and its answer is the answer
                    raise Repeated from duplicate
            raise
    except Repeated:
        kept = await desk.store.kept(*kept_as(caller, key))
        if kept is None:
            raise
        return _again(kept, digest)
    finally:
        in_flight.discard(mine)
    return Response(answering.body, status_code=answering.status, media_type="application/json")


async def _said(request: Ask) -> bytes:
    """What a body says, however it is written: a till that puts a request together anew need not put its fields in the same order."""
    body = await request.body()
    if not _is_json(request):
        return body
    try:
        return msgspec.json.encode(msgspec.json.decode(body), order="deterministic")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # there is none, and the call takes none
        return body


def _again(kept: Kept, digest: bytes) -> Response[bytes]:
    if kept.digest == WHATEVER:
        raise CalledOff
    if kept.digest != digest:
        raise KeyReused
    media_type = "application/json" if kept.status < 400 else CONTENT_TYPE  # noqa: PLR2004 (HTTP's own line)
    return Response(kept.body, status_code=kept.status, media_type=media_type, headers={"Idempotent-Replayed": "true"})


# --- Refusals on the wire ---


def answer(request: Ask, problem: Problem) -> Response[bytes]:
    """A problem's answer, in the caller's language and zone."""
    desk = desk_of(request)
    caller: Caller | None = request.scope.get("state", {}).get("caller")
    zone = caller.business.tz if caller else UTC_ZONE
    status, body = problems.encoded(problem, desk.words, language_of(request, desk.words), zone, base=desk.public_url)
    headers = {}
    if "retry_after" in problem.facts:
        headers["Retry-After"] = str(problem.facts["retry_after"])
    if "allowed" in problem.facts:
        headers["Allow"] = str(problem.facts["allowed"])
    if isinstance(problem, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body, status_code=status, media_type=CONTENT_TYPE, headers=headers)


def on_problem(request: Ask, problem: Problem) -> Response[bytes]:
    """A refusal is an answer."""
    log.info("refused", word=problem.word)
    return answer(request, problem)


def of_overload(_request: Ask, _: Overloaded) -> Problem:
    """More waits than can be done soon."""
    return Busy(retry_after=1)


def of_database(_request: Ask, problem: DatabaseProblem) -> Problem:
    """Whoever operates this reads in the log what the database said; the caller asks again."""
    log.error("the database does not answer", why=str(problem))
    return DatabaseUnavailable(retry_after=RETRY_DATABASE)


def of_unstorable(_request: Ask, _: Unstorable) -> Problem:
    """Asked for something under a text that nothing can be stored under: it is not there."""
    return NotFound(what=N_("address"))


def of_http(request: Ask, error: HTTPException) -> Problem:  # noqa: PLR0911 (a table)
    """What Litestar itself refuses, in our words."""
    match error:
        case ValidationException():
            where = {one.get("key", "body"): one.get("message", "") for one in error.extra or [] if isinstance(one, dict)}
            if "data" in where:  # what it is must be read, says Litestar, and nothing came
                return InvalidRequest(errors="the body is empty: send at least {}")
            return InvalidRequest(errors="; ".join(f"{name}: {what}" for name, what in where.items()) or error.detail)
        case NotFoundException():
            return NotFound(what=N_("address"))
        case MethodNotAllowedException():
            return WrongMethod(allowed=(error.headers or {}).get("allow", ""))
        case PermissionDeniedException():
            return StalePage()
        case _ if error.status_code == HTTP_413_REQUEST_ENTITY_TOO_LARGE:
            return TooLarge()
        case ClientException():
            return InvalidRequest(errors=error.detail)
        case InternalServerException(detail="client disconnected prematurely"):
            return InvalidRequest(errors="the body ended early")  # nobody is there to read it
        case _:
            return of_accident(request, error)


def of_accident(request: Ask, error: Exception) -> Problem:
    """The last resort: in the log with its trace, and nothing of it outside."""
    log.error("unexpected", route=request.scope.get("path_template", ""), exc_info=error)
    return Unexpected()


PROBLEMS: Final[dict[type[Exception], Callable[[Ask, Any], Problem]]] = {
    Problem: lambda _, problem: problem,
    Overloaded: of_overload,
    DatabaseProblem: of_database,
    Unstorable: of_unstorable,
    HTTPException: of_http,
    Exception: of_accident,
}
"""Whatever may be raised, as the problem that it is."""


def on_http(request: Ask, error: HTTPException) -> Response[bytes]:
    """What Litestar itself refuses, on the wire."""
    return on_problem(request, of_http(request, error))


def _written(problem_of: Callable[[Ask, Any], Problem]) -> Callable[[Ask, Any], Response[bytes]]:
    def handler(request: Ask, error: Any) -> Response[bytes]:
        return on_problem(request, problem_of(request, error))

    return handler


HANDLERS: Final[dict[int | type[Exception], Any]] = {kind: _written(problem_of) for kind, problem_of in PROBLEMS.items()}


# --- Passes on the wire ---


def last_modified(card: Card) -> datetime:
    """When the card last changed, to the second.

    Each change of a card lies in a later second than the one before (app/db sees to it), so that a change within the same
    second is never mistaken for the one that the phone already has.
    """
    return card.changed_at.replace(microsecond=0)


def modified_since(request: Ask, card: Card) -> bool | None:
    """Whether the card changed after If-Modified-Since; None if the request does not say, or not so that we can read it."""
    try:
        since = parsedate_to_datetime(request.headers["if-modified-since"])
        return last_modified(card) > since
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def pass_response(body: bytes, card: Card, *, head: bool = False) -> Response[bytes]:
    """A .pkpass, with the one media type that devices accept."""
    headers = {
        "Last-Modified": format_datetime(last_modified(card), usegmt=True),
        "Content-Disposition": 'attachment; filename="card.pkpass"',
        "Cache-Control": "no-store",
    }
    if head:
        headers["Content-Length"] = str(len(body))
    return Response(b"" if head else body, media_type="application/vnd.apple.pkpass", headers=headers)
