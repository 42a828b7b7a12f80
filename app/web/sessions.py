"""Who is on a browser: a person who signed in, or a counter with somebody at it. Guards put them where pages find them."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from litestar import Response
from litestar.datastructures import Headers
from litestar.exceptions import PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import DefineMiddleware
from litestar.middleware.csrf import CSRFMiddleware
from litestar.middleware.session import SessionMiddleware
from litestar.middleware.session.client_side import ClientSideSessionBackend, CookieBackendConfig
from litestar.status_codes import HTTP_201_CREATED
from litestar.types import Message, Receive, Scope, ScopeSession, Send

from app.desk import Desk, starting
from app.desk.found import secret_hash
from app.problems import NobodyAtCounter, NotACounter, SignInNeeded
from app.store import Caller, Counting, Member
from app.web.pages import Connection, language_of, saying_of
from app.web.wire import Answering, Ask, desk_of, once
from passes.businesses import MANAGERS, Location, Person
from passes.problems import NotAllowed

COUNTER: Final = "counter"
"""The cookie that makes a browser a counter: a long random secret, of which the database keeps the hash."""
SIGNED_IN: Final = "staff"
AT_COUNTER: Final = "person"
"""What a session holds under these names: [staff id, version of the login, when (ISO 8601, UTC)]."""
STAYS_SIGNED_IN: Final = timedelta(days=14)
SHIFT: Final = timedelta(hours=16)
"""How long a PIN holds at a counter."""
LARGEST_FORM: Final = 64 * 1024
"""Bytes. A form is read whole before anybody knows who sends it, and nothing else is answered while it is taken apart."""
USED_WITHIN: Final = timedelta(minutes=1)
"""How exactly it is known when a counter was last used: a write a minute, not one a request."""

Story = Callable[[Caller, Answering], Awaitable[object]]


class _Cookie(ClientSideSessionBackend):
    """The encrypted cookie. Litestar copies routers with all that is in them; a cipher cannot be copied, and need not be."""

    def __deepcopy__(self, _: object) -> Self:
        return self

    async def store_in_message(self, scope_session: ScopeSession, message: Message, connection: Connection) -> None:
        """Send the cookie if the session changed: an answer that was long on its way would bring back whoever left meanwhile."""
        if (scope_session or {}) != await self.load_from_connection(connection):
            await super().store_in_message(scope_session, message, connection)


class Forms(CSRFMiddleware):
    """Each form carries the secret of its page. Where larger bodies are taken (photos), no form is read."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a form where there is none, before it is read; else see to its secret."""
        handler: Any = scope["route_handler"]
        kind = Headers.from_scope(scope).get("content-type", "").lower()
        is_form = kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data"))
        if is_form and handler.resolve_request_max_body_size() > LARGEST_FORM:
            raise PermissionDeniedException
        await super().__call__(scope, receive, send)

    def _csrf_tokens_match(self, request_csrf_token: Any, cookie_csrf_token: str) -> bool:
        """Litestar's, which breaks at what can be no secret: another script, or a file."""
        can_be = isinstance(request_csrf_token, str) and request_csrf_token.isascii() and cookie_csrf_token.isascii()
        return can_be and super()._csrf_tokens_match(request_csrf_token, cookie_csrf_token)


def sessions(key: bytes, *, secure: bool) -> DefineMiddleware:
    """The session: an encrypted cookie (AES-GCM) that no script can read."""
    lasts = int(STAYS_SIGNED_IN.total_seconds())
    config = CookieBackendConfig(secret=key, key="session", secure=secure, httponly=True, samesite="lax", max_age=lasts)
    return DefineMiddleware(SessionMiddleware, backend=_Cookie(config))


async def _member(connection: Connection, name: str, lasts: timedelta) -> Member | None:
    """The person that the session names: still there, not suspended, and with the login of then."""
    kept = connection.session.get(name)
    if not kept:
        return None
    staff_id, version, since = kept
    desk = desk_of(connection)
    if desk.world.now() - datetime.fromisoformat(since) > lasts:
        return None
    found = await desk.store.members(staff_id=UUID(staff_id))
    member = next(iter(found), None)
    if member is None or member.staff.suspended_at is not None or member.login.version != version:
        return None
    return member


async def known(connection: Connection, _handler: BaseRouteHandler) -> None:
    """A guard that lets everybody in, and says who is signed in if somebody is."""
    connection.scope["state"]["member"] = await _member(connection, SIGNED_IN, STAYS_SIGNED_IN)


async def managers(connection: Connection, handler: BaseRouteHandler) -> None:
    """A guard: an owner or a manager is signed in. Raises SignInNeeded, or NotAllowed for anybody else."""
    await known(connection, handler)
    member: Member | None = connection.scope["state"]["member"]
    if member is None:
        raise SignInNeeded
    if member.staff.role not in MANAGERS:
        raise NotAllowed
    # The menu leads to the first steps until all are done, which is asked no more once it was seen.
    complete: set[UUID] = connection.app.state.complete
    business = member.business
    if business.id not in complete and all(step.done for step in await starting.steps(desk_of(connection), business)):
        complete.add(business.id)
    connection.scope["state"]["beginning"] = business.id not in complete


async def owners(connection: Connection, handler: BaseRouteHandler) -> None:
    """A guard: an owner is signed in. Raises SignInNeeded or NotAllowed."""
    await managers(connection, handler)
    if connection.scope["state"]["member"].staff.role != "owner":
        raise NotAllowed


def caller_at(member: Member, location: Location) -> Caller:
    """A signed-in person as the desk's caller, acting at a location through their own session."""
    staff = member.staff
    person = Person(
        staff_id=staff.id, staff=staff.name, role=staff.role, location_id=location.id, location=location.name, counter_id=staff.id
    )
    return Caller(person=person, business=member.business)


async def once_at(request: Ask, member: Member, location_id: UUID | None, story: Story, *, key: str = "") -> Response[bytes]:
    """A story that changes something (app.web.wire.once), told by who is signed in at a location; at the first one, if it is not known."""
    places = await desk_of(request).store.locations(member.business.id)
    caller = caller_at(member, next((one for one in places if one.id == location_id), places[0]))
    request.scope["state"]["caller"] = caller
    language = language_of(request, desk_of(request).words)
    moment = saying_of(request).dated
    return await once(request, HTTP_201_CREATED, lambda answering: story(caller, answering), language=language, moment=moment, key=key)


async def enrolled(connection: Connection, _handler: BaseRouteHandler) -> None:
    """A guard: this browser is a counter (with or without somebody at it). Raises NotACounter."""
    secret = connection.cookies.get(COUNTER, "")
    counting = await desk_of(connection).store.counting(secret_hash(secret)) if secret else None
    if counting is None:
        raise NotACounter
    desk, last = desk_of(connection), counting.counter.used_at
    now = desk.world.now()
    if last is None or now - last > USED_WITHIN:
        await desk.store.counter_used(counting.counter.id, now)
    connection.scope["state"]["counting"] = counting
    connection.scope["state"]["caller"] = await _caller(connection, counting)


async def staffed(connection: Connection, handler: BaseRouteHandler) -> None:
    """A guard: this browser is a counter, and it is known who works on it. Raises NotACounter or NobodyAtCounter."""
    await enrolled(connection, handler)
    if connection.scope["state"]["caller"] is None:
        raise NobodyAtCounter


async def _caller(connection: Connection, counting: Counting) -> Caller | None:
    counter = counting.counter
    if counter.kind == "staff":
        member = await _member(connection, AT_COUNTER, SHIFT)
    else:
        member = await _machine(desk_of(connection), counter.machine_id)
    if member is None or member.business.id != counting.business.id:
        return None
    staff = member.staff
    person = Person(
        staff_id=staff.id,
        staff=staff.name,
        role=staff.role,
        location_id=counting.location.id,
        location=counting.location.name,
        counter_id=counter.id,
        kiosk=counter.kind == "kiosk",
        machine=counter.kind != "staff",
    )
    return Caller(person=person, business=counting.business)


async def _machine(desk: Desk, machine_id: UUID | None) -> Member | None:
    found = await desk.store.members(staff_id=machine_id) if machine_id else ()
    return next(iter(found), None)
