"""What became of a request: asked by its Idempotency-Key, when the answer was lost on the way."""

from datetime import datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import get
from litestar.params import FromPath

from app.store import Kept
from app.web.api.calls import call
from app.web.wire import LONGEST_KEY, WHATEVER, Ask, caller_of, desk_of, kept_as
from passes.problems import NotFound
from passes.words import N_

KEPT_FOR: Final = timedelta(hours=24)
"""How long an answer is kept at least (app.followers drops it some time after that)."""


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    """A request with this key. ``finished``: it was answered, with this ``status`` and ``answer``, which is kept ``until`` then.

    A secret in it is null here: it is in the answer to whoever sends the same request again. ``in_flight``: it is being worked on.
    ``called_off``: a transaction that was reversed before it was done, and is not done any more. ``unknown``: nothing was recorded for it
    in the last 24 hours (it may be on its way, or with another process); to send a request of that time (again) is safe.
    """

    key: str
    state: Literal["finished", "in_flight", "called_off", "unknown"]
    status: int | None = None
    at: datetime | None = None
    until: datetime | None = None
    answer: Any = None


@get("/requests/{key:path}", **call(answers=RequestView, refuses=(NotFound,)))
async def request_made(key: FromPath[str], request: Ask) -> RequestView:  # noqa: ARG001 (it is read from the address as it was sent)
    """What became of the request that this key of yours sent with that Idempotency-Key (percent-encoded in the address)."""
    desk, caller = desk_of(request), caller_of(request)
    asked = _asked(request)
    in_flight = (caller.person.counter_id, asked) in request.app.state.in_flight
    kept = await desk.store.kept(*kept_as(caller, asked))
    if kept is None:
        return RequestView(key=asked, state="in_flight" if in_flight else "unknown")
    return _finished(asked, kept, caller.business.tz)


def _asked(request: Ask) -> str:
    """The key. The server has decoded the path already, and Litestar would make one slash of two: so it is read as it was sent."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    said = unquote_to_bytes(raw.partition(b"?")[0].partition(b"/requests/")[2])
    if not 1 <= len(said) <= LONGEST_KEY or not said.isascii():
        raise NotFound(what=N_("address"))
    return said.decode()


def _finished(key: str, kept: Kept, zone: Any) -> RequestView:
    called_off = kept.digest == WHATEVER
    return RequestView(
        key=key,
        state="called_off" if called_off else "finished",
        status=None if called_off else kept.status,
        at=kept.at.astimezone(zone),
        until=(kept.at + KEPT_FOR).astimezone(zone),
        answer=_without_secret(kept.body) if kept.body else None,
    )


def _without_secret(body: bytes) -> Any:
    """What was answered. A request that is only asked about is known by its key, which is no secret; one sent again by all that it says."""
    said = msgspec.json.decode(body)
    return said | {"secret": None} if isinstance(said, dict) and "secret" in said else msgspec.Raw(body)


handlers: Final = (request_made,)
