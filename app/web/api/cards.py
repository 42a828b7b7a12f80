"""Cards over HTTP: joining, earning, and what stands on a card."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, JSONBody

from app.desk import earn as earning
from app.desk import join as joining
from app.desk import read, wallets
from app.desk.join import Newcomer
from app.desk.views import CardView, EarnedView, Joined, Story
from app.problems import InvalidRequest
from app.web.api.calls import call
from app.web.wire import Ask, Maybe, Short, Strict, caller_of, desk_of, language_of, once, pass_response
from passes import contacts
from passes.problems import CannotEarn, LimitReached, NotFound, Paused, WalletNotConfigured, WalletUnavailable


class Join(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who joins which program. ``birthday`` is ``MM-DD``; ``consent``: they said that they want to be sent offers."""

    program_id: UUID
    name: Short
    email: Maybe = ""
    phone: Maybe = ""
    birthday: Annotated[str, msgspec.Meta(pattern=contacts.BIRTHDAY)] = ""
    consent: bool = False
    language: Annotated[str, msgspec.Meta(pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$")] = ""


class Earn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A count of stamps or points, or the amount spent in minor units; neither means one visit."""

    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    amount: Annotated[int, msgspec.Meta(ge=0, le=10**12)] | None = None


class SaveLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where the holder saves the card to Google Wallet."""

    save_link: str


@post("/join", dto=Strict[Join], return_dto=None, **call("earn", answers=Joined, status=201, refuses=(NotFound, Paused), changes=True))
async def join(data: JSONBody[Join], request: Ask) -> Response[bytes]:
    """A customer joins a program: makes a card (201), or finds the one (200) that the owner of the e-mail address or phone number has."""
    unreachable = [name for name in ("email", "phone") if (said := getattr(data, name)) and not contacts.value_of(**{name: said})]
    if unreachable:
        raise InvalidRequest(errors="; ".join(f"{name}: nobody can be reached there" for name in unreachable))
    newcomer = Newcomer(
        name=data.name.strip(),
        email=data.email.strip(),
        phone=data.phone.strip(),
        birthday=data.birthday,
        language=data.language,
        consent=data.consent,
    )
    return await once(
        request,
        201,
        lambda answer: joining.join(desk_of(request), caller_of(request), data.program_id, newcomer, once=answer),
    )


@post(
    "/cards/{which:str}/earnings",
    dto=Strict[Earn],
    return_dto=None,
    **call("earn", answers=EarnedView, status=201, refuses=(NotFound, CannotEarn, Paused, LimitReached), changes=True),
)
async def earn(which: FromPath[str], data: JSONBody[Earn], request: Ask) -> Response[bytes]:
    """Add stamps or points to a card (by its id or its number); goals reached become coupons."""
    return await once(
        request,
        201,
        lambda answer: earning.earn(desk_of(request), caller_of(request), which, count=data.count, amount=data.amount, once=answer),
    )


@get("/cards/{which:str}", **call("read", "redeem", "earn", answers=CardView, refuses=(NotFound,)))
async def card(which: FromPath[str], request: Ask) -> CardView:
    """A card by its id or its number: progress and what is ready on it."""
    desk = desk_of(request)
    return await read.card(desk, caller_of(request), which, language=language_of(request, desk.words))


@get("/cards/{which:str}/story", **call("read", answers=Story, refuses=(NotFound,)))
async def card_story(which: FromPath[str], request: Ask) -> Story:
    """All that happened to a card, its ledger, and per phone: told, asked, fetched."""
    desk = desk_of(request)
    return await read.story(desk, caller_of(request), which, language=language_of(request, desk.words))


@get("/cards/{which:str}/apple", **call("read", "earn", answers=bytes, refuses=(NotFound, WalletNotConfigured)))
async def apple_pass(which: FromPath[str], request: Ask) -> Response[bytes]:
    """The card's signed .pkpass."""
    desk = desk_of(request)
    facts = await read.card_facts(desk, caller_of(request).business.id, which)
    return pass_response(await wallets.apple_pass(desk, facts), facts.card)


@get(
    "/cards/{which:str}/google",
    **call("read", "earn", answers=SaveLink, refuses=(NotFound, WalletNotConfigured, WalletUnavailable)),
)
async def google_link(which: FromPath[str], request: Ask) -> SaveLink:
    """The link that saves the card to Google Wallet; makes the card's object at Google if it is not there yet."""
    desk = desk_of(request)
    facts = await read.card_facts(desk, caller_of(request).business.id, which)
    return SaveLink(save_link=await wallets.google_link(desk, facts))


handlers = (join, earn, card, card_story, apple_pass, google_link)
