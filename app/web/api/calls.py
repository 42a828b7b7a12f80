"""What every call of the API has in common: which keys may make it, what it answers, and with which problems."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
import structlog
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from app.desk import signing_in, test_mode
from app.desk.found import secret_hash
from app.problems import (
    DatabaseUnavailable,
    InvalidRequest,
    KeyInFlight,
    KeyMissing,
    KeyReused,
    RateLimited,
    TooLarge,
    Unauthorized,
    Unexpected,
    WrongScope,
)
from app.store import Caller, Scope
from app.web.limiting import Limits
from app.web.sessions import USED_WITHIN
from app.web.wire import BEARER, caller_of, desk_of
from passes.problems import Busy, Problem, TooManyGuesses

OURS: Final = "cp_"
"""How every secret of a key begins: a stranger's guess at anything else asks no database."""
ALWAYS: Final = (Unauthorized, WrongScope, RateLimited, TooManyGuesses, InvalidRequest, Busy, DatabaseUnavailable, Unexpected)
CHANGING: Final = (KeyMissing, KeyInFlight, KeyReused, TooLarge)


class Nothing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An empty object, `{}`: nothing needs to be said."""


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, rename={"kind": "type"}):
    """Why something was not done (RFC 9457). ``word`` never changes; ``detail`` is for staff, ``say`` for the customer."""

    kind: str
    title: str
    status: int
    detail: str
    word: str
    say: str
    facts: dict[str, Any]


def call(
    *scopes: Scope,
    answers: Any,
    status: Literal[200, 201, 202, 204] = 200,
    refuses: Sequence[type[Problem]] = (),
    changes: bool = False,
    also: Sequence[int] = (),
    takes: Sequence[str] = (),
    gives: str = "application/json",
    each: Mapping[str, Sequence[Scope]] | None = None,
) -> dict[str, Any]:
    """What a route handler is declared with: ``@post("/look-ups", **call("redeem", "read", answers=Verdict, refuses=(…,)))``.

    A key needs one of ``scopes``; none is for every key. ``answers`` is the body's type, ``refuses`` are the problems that are this
    call's own, and ``changes`` says that it needs an Idempotency-Key (it then runs through ``wire.once``). ``also`` are statuses with
    the same body (200 where it found what it would make), ``takes`` the media types of a body that is no JSON, ``gives`` that of the
    answer. Where a body is one of several kinds, ``each`` has the scopes of which each needs one. The document of the API is made of all
    this, of the handler's signature and of its docstring (described.py).
    """
    return {
        "status_code": status,
        "opt": {
            "scopes": scopes,
            "changes": changes,
            "answers": answers,
            "refuses": refuses,
            "also": also,
            "takes": takes,
            "gives": gives,
            "each": each or {},
        },
    }


async def keyed(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard: the bearer's key works, has not asked too often, and may make this call; its business is as it is now.

    The key is looked up each time: what was revoked a moment ago is refused, and so is a key of a location that is closed. Whatever
    comes of it, the request has an id, which its answer and the lines of the log about it share.
    Raises Unauthorized, TooManyGuesses, RateLimited or WrongScope.
    """
    request_id = connection.scope["state"]["request_id"] = str(desk_of(connection).world.new_id())
    structlog.contextvars.bind_contextvars(request=request_id)
    if "scopes" not in handler.opt:  # OPTIONS: which methods there are stands in the document, too
        return
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != BEARER or not secret.startswith(OURS):
        raise Unauthorized
    desk, hashed, limits = desk_of(connection), secret_hash(secret), connection.app.state.limits
    now = desk.world.now()
    caller = connection.scope["state"]["caller"] = await _tried(connection, hashed, now)
    key_id = caller.person.counter_id
    structlog.contextvars.bind_contextvars(key=str(key_id))
    left = connection.scope["state"]["left"] = limits.take(key_id, caller.per_minute, now)
    if left.requests < 0:
        raise RateLimited(retry_after=left.seconds, most=left.most)
    last = limits.noted.get(key_id) or caller.used_at
    if last is None or now - last > USED_WITHIN:
        limits.noted[key_id] = now
        await desk.store.key_used(key_id, now)
    if caller.business.test_of is not None:
        if await test_mode.catch_up(desk, caller.business):
            caller = connection.scope["state"]["caller"] = await desk.store.caller(hashed) or caller
        if caller.closed:
            del connection.scope["state"]["left"]  # every secret that does not work has the same answer
            raise Unauthorized
    needed: Sequence[str] = handler.opt["scopes"]
    if needed and not caller.scopes.intersection(needed):
        raise WrongScope(needed=tuple(needed), has=tuple(sorted(caller_of(connection).scopes)))


async def _tried(connection: ASGIConnection[Any, Any, Any, Any], hashed: bytes, now: datetime) -> Caller:
    """Whose secret this is. Raises Unauthorized; TooManyGuesses for whoever has tried too many, before it is looked up."""
    limits: Limits = connection.app.state.limits
    if limits.knows(hashed):
        network = None
    else:
        network = signing_in.network(connection.client.host if connection.client else "")
        if wait := limits.guess(network, now):
            raise signing_in.too_many(timedelta(seconds=wait))
    caller = await desk_of(connection).store.caller(hashed)
    shut = caller is not None and caller.closed and caller.business.test_of is None  # test mode has to catch up before it knows
    if caller is None or shut or (caller.until is not None and caller.until <= now):
        limits.was_wrong(hashed)
        raise Unauthorized
    if network is not None:
        limits.was_right(network, hashed)
    return caller
