"""Customers over HTTP: found, listed, put right, and forgotten."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, patch, post
from litestar.params import FromPath, JSONBody

from app.desk import customers as knowing
from app.desk import find
from app.desk.customers import Amended
from app.desk.views import CustomerView
from app.problems import ChangedSince, InvalidRequest
from app.store import Known, Mark, Place
from app.web.api.calls import Nothing, call
from app.web.api.lists import USUAL, After, Limit, answer, found, only_one, page, page_of, place_asked, reading, unchanged
from app.web.wire import A_LANGUAGE, Ask, Birthday, Maybe, Short, Strict, caller_of, desk_of, language_of, once
from passes import contacts
from passes.problems import ContactTaken, NotAllowed, NotFound


class FindCustomers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly one of these: the whole address or number, or a part of the name (3 characters, accents do not matter)."""

    email: Maybe | None = None
    phone: Maybe | None = None
    name: Annotated[str, msgspec.Meta(min_length=find.LEAST, max_length=200, pattern=r"^[^\x00]*$")] | None = None


class ChangeCustomer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes; what is left out stays as it is, and ``""`` takes it away. ``birthday`` is ``MM-DD``."""

    name: Short | None = None
    email: Maybe | None = None
    phone: Maybe | None = None
    birthday: Birthday | None = None
    language: (
        Annotated[str, msgspec.Meta(pattern=contacts.LANGUAGE, min_length=2, max_length=contacts.LONGEST_LANGUAGE, description=A_LANGUAGE)]
        | None
    ) = None
    consent: bool | None = None


@post("/customers/search", dto=Strict[FindCustomers], return_dto=None, **call("read", answers=page(CustomerView)))
async def search(data: JSONBody[FindCustomers], request: Ask) -> Response[Any]:
    """Find customers by e-mail address, phone number or name; of a name the newest 50 at most."""
    only_one(data)
    desk = desk_of(request)
    them = await find.customers(
        desk,
        caller_of(request),
        email=data.email or "",
        phone=data.phone or "",
        name=data.name or "",
        language=language_of(request, desk.words),
    )
    return found(request, them)


@get("/customers", **reading("read", answers=page(CustomerView)))
async def customers(request: Ask, limit: Limit = USUAL, after: After = "") -> Response[Any]:
    """All customers who are not forgotten, the newest first."""
    desk, business = desk_of(request), caller_of(request).business
    place = place_asked(request, after)
    rows = await desk.store.people(business.id, after=Mark(place.at, place.id) if place else None, limit=limit + 1)
    look = desk.look(business, language_of(request, desk.words), desk.world.now())

    def joined(one: Known) -> Place:
        return Place(one.customer.joined_at, one.customer.id)

    return page_of(request, rows, lambda one: look.customer(one.customer, one.cards), joined)


@get("/customers/{customer_id:uuid}", **reading("read", answers=CustomerView, refuses=(NotFound,)))
async def customer(customer_id: FromPath[UUID], request: Ask) -> Response[Any]:
    """A customer with their cards; of one who was merged, whom they were merged into."""
    desk, business = desk_of(request), caller_of(request).business
    look = desk.look(business, language_of(request, desk.words), desk.world.now())
    return answer(request, look.customer(*await knowing.known(desk, business.id, customer_id)))


@patch(
    "/customers/{customer_id:uuid}",
    dto=Strict[ChangeCustomer],
    return_dto=None,
    **call("manage", answers=CustomerView, refuses=(NotFound, NotAllowed, ContactTaken, ChangedSince), changes=True),
)
async def change(customer_id: FromPath[UUID], data: JSONBody[ChangeCustomer], request: Ask) -> Response[Any]:
    """Put right what is known of a customer. With If-Match (their ETag) only if nobody has changed it meanwhile."""
    unreachable = [name for name in ("email", "phone") if (said := getattr(data, name)) and not contacts.value_of(**{name: said})]
    if unreachable:
        raise InvalidRequest(errors="; ".join(f"{name}: nobody can be reached there" for name in unreachable))
    said = Amended(**msgspec.structs.asdict(data))

    def seen(view: CustomerView) -> None:
        unchanged(request, view)

    return await once(
        request, 200, lambda answer: knowing.amend(desk_of(request), caller_of(request), customer_id, said, seen=seen, once=answer)
    )


@post(
    "/customers/{customer_id:uuid}/erasure",
    dto=Strict[Nothing],
    return_dto=None,
    **call("manage", answers=CustomerView, status=201, refuses=(NotFound, NotAllowed), changes=True),
)
async def erase(customer_id: FromPath[UUID], data: JSONBody[Nothing], request: Ask) -> Response[Any]:  # noqa: ARG001 (read, and empty)
    """Forget a customer for good: their cards end, what they did stays, and nothing says any more who it was."""
    return await once(request, 201, lambda answer: knowing.erase(desk_of(request), caller_of(request), customer_id, once=answer))


handlers = (search, customers, customer, change, erase)
