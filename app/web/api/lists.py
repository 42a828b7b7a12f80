"""What every GET of the API has in common: a page of a list and its cursor, only some fields, and what has not changed since."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import QueryParameter

from app.problems import ChangedSince, InvalidRequest
from app.store import Place, Scope
from app.web.api.calls import call
from app.web.wire import JSON, Ask, bare, caller_of
from passes.problems import Problem

Row = TypeVar("Row")
At = TypeVar("At", Place, int)

SPARSE: Final = "application/vnd.counterpass.fields+json"
"""The media type of an answer of which only some ``fields`` were asked for: in it nothing is required."""
USUAL: Final = 50
MOST: Final = 200
"""Rows of a page."""
LONGEST: Final = 200
"""Characters of a cursor that can be ours."""
PAGING: Final = ("limit", "after", "fields")
"""Parameters that choose no other lines."""
Limit = Annotated[int, QueryParameter(ge=1, le=MOST, description="How many at most.")]
"""A handler's ``limit``: it reads one row more, so that ``page_of`` knows whether there is a next page."""
After = Annotated[str, QueryParameter(max_length=LONGEST, description="Where the page begins: `next` of the page before.")]
"""A handler's ``after``; ``place_asked``, ``number_asked`` or ``seq_asked`` read it."""
_SEQ: Final = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_PLACE: Final = tuple[Annotated[datetime, msgspec.Meta(tz=True)], UUID, str]
_NUMBER: Final = tuple[_SEQ, str]  # type: ignore[valid-type] # it is one


# --- How it is declared ---


@cache
def page(of: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The answer of a list of these: ``call(…, answers=page(CouponView))``. ``next`` is the cursor of the next page, null at the end.

    A Struct of its own for each: OpenAPI describes one that is generic without what it is a list of.
    """
    return msgspec.defstruct(
        f"PageOf{of.__name__}",
        [("data", tuple[of, ...]), ("next", str | None)],  # type: ignore[valid-type]
        frozen=True,
        kw_only=True,
        namespace={"__doc__": "A page of a list; `next` is where the next page begins (as `after`), null at the end."},
    )


def reading(*scopes: Scope, answers: Any, refuses: Sequence[type[Problem]] = ()) -> dict[str, Any]:
    """How a GET that answers by ``answer`` or ``page_of`` is declared: as any call, and it may say that nothing has changed."""
    declared = call(*scopes, answers=answers, refuses=refuses)
    declared["opt"]["cached"] = True
    return declared


# --- Where a page begins ---


def place_asked(request: Ask, after: str) -> Place | None:
    """Where a list in order of (at, id) goes on, None at its beginning. Raises InvalidRequest for a cursor that is not of this list."""
    if not after:
        return None
    try:
        at, id_, of = _read(after, _PLACE)
        place = Place(at.astimezone(UTC), id_)
    except OverflowError:
        raise _stray() from None
    return _same(request, place, of)


def number_asked(request: Ask, after: str) -> int:
    """The same for a list whose places are numbers, 0 at its beginning."""
    return _same(request, *_read(after, _NUMBER)) if after else 0


def seq_asked(after: str) -> int:
    """Where the log goes on, whichever of its lines are asked, 0 at its beginning. Raises InvalidRequest for a cursor that is not ours."""
    seq: int = _read(after, _SEQ) if after else 0
    return seq


def _read(after: str, of: Any) -> Any:
    try:
        return msgspec.json.decode(urlsafe_b64decode(after + "=" * (-len(after) % 4)), type=of)
    except (ValueError, msgspec.DecodeError):  # UnicodeError and binascii.Error are ValueErrors
        raise _stray() from None


def _same(request: Ask, place: At, of: str) -> At:
    if of != _list(request):
        raise _stray()
    return place


def _stray() -> InvalidRequest:
    return InvalidRequest(errors="after: not a cursor of this list with these filters")


def _list(request: Ask) -> str:
    """Which list this is, in few characters: a place in another one, or among other lines, would be a page of something else."""
    filters = sorted(one for one in request.query_params.multi_items() if one[0] not in PAGING)
    said = msgspec.json.encode((caller_of(request).business.id, request.scope["path"], filters))
    return urlsafe_b64encode(hashlib.sha256(said).digest()[:6]).decode()


def cursor(place: Place | int, of: str = "") -> str:
    """A place in a list as the caller brings it back: opaque, so that nobody counts on what is in it. Without ``of`` in the log."""
    where = (place,) if isinstance(place, int) else (place.at, place.id)
    return urlsafe_b64encode(msgspec.json.encode((*where, of) if of else place)).rstrip(b"=").decode()


# --- The answer ---


def page_of(
    request: Ask,
    rows: Sequence[Row],
    view: Callable[[Row], msgspec.Struct],
    place: Callable[[Row], Place | int],
    *,
    ended: Place | int | None = None,
    log: bool = False,
) -> Response[Any]:
    """A page of ``rows``, of which the handler has read one more than its ``limit``, each as its view; ``place`` is where a row stands.

    Of each only the ``fields`` that are asked for. ``ended``: the search for rows has ended there, before the page was full. ``log``: a
    place in it is the same for whichever lines are asked.
    """
    limit = msgspec.convert(request.query_params.get("limit", USUAL), int, strict=False)  # as the handler was given it
    shown = rows[:limit]
    more = place(shown[-1]) if len(rows) > limit else ended
    next_ = None if more is None else cursor(more, "" if log else _list(request))
    return _tagged(request, {"data": [_some(request, view(row)) for row in shown], "next": next_})


def found(request: Ask, views: Sequence[msgspec.Struct]) -> Response[Any]:
    """What a search found: a list of one page."""
    return Response(msgspec.json.encode({"data": [_some(request, view) for view in views], "next": None}), media_type="application/json")


def only_one(asked: msgspec.Struct) -> None:
    """A search is by one thing. Raises InvalidRequest."""
    if sum(value is not None for value in msgspec.structs.astuple(asked)) != 1:
        raise InvalidRequest(errors=f"exactly one of {', '.join(asked.__struct_fields__)}")


def answer(request: Ask, view: msgspec.Struct) -> Response[Any]:
    """One thing, of which only the ``fields`` that are asked for; 304 if the caller has it as it is."""
    return _tagged(request, _some(request, view))


def unchanged(request: Ask, view: msgspec.Struct) -> None:
    """A change with If-Match is only of what the caller has seen. ``view`` is what a GET answers now. Raises ChangedSince."""
    if (seen := request.headers.get("if-match")) is not None and not _among(_tag(msgspec.json.encode(view)), seen):
        raise ChangedSince


def _some(request: Ask, view: msgspec.Struct) -> object:
    """What of a view is asked for (``fields=id,code``). The schema is that of the whole: there, what is always there is required."""
    asked = request.query_params.get("fields")
    if asked is None:
        return view
    wanted = {name.strip() for name in asked.split(",")}
    names = dict(zip(view.__struct_encode_fields__, view.__struct_fields__, strict=True))
    if strange := wanted - names.keys():
        raise InvalidRequest(errors=f"fields: {', '.join(sorted(strange))[:LONGEST]}; there are {', '.join(names)}")
    return {said: getattr(view, name) for said, name in names.items() if said in wanted}


def _tagged(request: Ask, body: object) -> Response[Any]:
    written = msgspec.json.encode(body)
    headers = {"ETag": _tag(written), "Cache-Control": "private, no-cache", "Vary": "Accept-Language"}
    if _among(headers["ETag"], request.headers.get("if-none-match", "")):
        return bare(HTTPStatus.NOT_MODIFIED, headers)
    return Response(written, media_type=SPARSE if "fields" in request.query_params else JSON, headers=headers)


def _tag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _among(tag: str, header: str) -> bool:
    """Whether a tag is one of those in a header (RFC 9110, 13.1). Ours have no comma in them.

    A proxy that compresses answers makes them weak (``W/``). They are of the whole answer all the same: for If-Match, too, they will do.
    """
    return any(one.strip().removeprefix("W/") in ("*", tag) for one in header.split(","))
