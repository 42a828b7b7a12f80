"""Cards over HTTP: joining, earning, and what stands on a card."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from app.desk import correcting, find, read, wallets
from app.desk import earn as earning
from app.desk import join as joining
from app.desk.join import Newcomer
from app.desk.views import CardView, EarnedView, Joined, Story
from app.problems import InvalidRequest
from app.store import Place
from app.web.api.calls import call
from app.web.api.history import Since, moment
from app.web.api.lists import USUAL, After, Limit, answer, found, number_asked, only_one, page, page_of, place_asked, reading
from app.web.api.sales import Amount, Currency, Receipt, told_of
from app.web.wire import A_LANGUAGE, Ask, Birthday, Maybe, Presentable, Short, Strict, caller_of, desk_of, language_of, once, pass_response
from passes import contacts
from passes.problems import (
    CannotEarn,
    LimitReached,
    MistypedCode,
    NotAllowed,
    NotFound,
    Paused,
    ReasonNeeded,
    WalletNotConfigured,
    WalletUnavailable,
    WrongCurrency,
)


class Join(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who joins which program. ``birthday`` is ``MM-DD``; ``consent``: they said that they want to be sent offers."""

    program_id: UUID
    name: Short
    email: Maybe = ""
    phone: Maybe = ""
    birthday: Birthday = ""
    consent: bool = False
    language: Annotated[str, msgspec.Meta(pattern=contacts.LANGUAGE, max_length=contacts.LONGEST_LANGUAGE, description=A_LANGUAGE)] = ""


class Earn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A count of stamps or points, or the amount spent in minor units; neither means one visit.

    With the till's `receipt` it can be taken back when goods are returned; an `amount` then is what was paid, whatever it earns.
    """

    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    amount: Amount | None = None
    receipt: Receipt | None = None
    currency: Currency | None = None


class SaveLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where the holder saves the card to Google Wallet."""

    save_link: str


@post(
    "/join",
    dto=Strict[Join],
    return_dto=None,
    **call("earn", answers=Joined, status=201, also=(200,), refuses=(NotFound, Paused), changes=True),
)
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
    **call("earn", answers=EarnedView, status=201, refuses=(NotFound, CannotEarn, Paused, LimitReached, WrongCurrency), changes=True),
)
async def earn(which: FromPath[str], data: JSONBody[Earn], request: Ask) -> Response[bytes]:
    """Add stamps or points to a card (by its id or its number); goals reached become coupons."""
    return await once(
        request,
        201,
        lambda answer: earning.earn(
            desk_of(request), caller_of(request), which, count=data.count, amount=data.amount, once=answer, told=told_of(data)
        ),
        at_a_stroke=True,
    )


class FindCards(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly one of these: the card's number, the redeem code of a coupon on it, or its customer's phone number or e-mail address."""

    number: Presentable | None = None
    code: Presentable | None = None
    phone: Maybe | None = None
    email: Maybe | None = None


class Correct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many stamps or points more, or (less than 0) fewer, and why."""

    count: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)]
    reason: Short


@post(
    "/cards/search",
    dto=Strict[FindCards],
    return_dto=None,
    **call("read", "redeem", "earn", "issue", answers=page(CardView), refuses=(MistypedCode,)),
)
async def search(data: JSONBody[FindCards], request: Ask) -> Response[Any]:
    """Find a card by what is printed on it, or the cards of a customer by how they are reached."""
    only_one(data)
    desk = desk_of(request)
    cards = await find.cards(
        desk,
        caller_of(request),
        printed=data.number or data.code or "",
        phone=data.phone or "",
        email=data.email or "",
        language=language_of(request, desk.words),
    )
    return found(request, cards)


@get("/cards", **reading("read", answers=page(CardView)))
async def cards(
    request: Ask,
    *,
    limit: Limit = USUAL,
    after: After = "",
    program_id: FromQuery[UUID | None] = None,
    changed_since: Since = None,
) -> Response[Any]:
    """All cards, the newest first; with `changed_since` those to which something has happened since, the last change first."""
    desk, business = desk_of(request), caller_of(request).business
    look = desk.look(business, language_of(request, desk.words), desk.world.now())
    ended: Place | int | None
    places: dict[UUID, Place | int]
    since = moment("changed_since", changed_since)
    if since is None:
        rows, ended = await desk.store.listed_cards(business.id, program_id=program_id, after=place_asked(request, after), limit=limit + 1)
        places = {one.id: Place(one.joined_at, one.id) for one in rows}
    else:
        changed, ended = await desk.store.changed_cards(
            business.id, since=since, program_id=program_id, before=number_asked(request, after) or None, limit=limit + 1
        )
        places = dict(changed)
    known = await desk.store.cards_facts(list(places)) if places else {}
    shown = [known[one] for one in places if one in known]
    return page_of(request, shown, look.card, lambda facts: places[facts.card.id], ended=ended)


@post(
    "/cards/{which:str}/corrections",
    dto=Strict[Correct],
    return_dto=None,
    **call("manage", answers=EarnedView, status=201, refuses=(NotFound, NotAllowed, CannotEarn, LimitReached, ReasonNeeded), changes=True),
)
async def correct(which: FromPath[str], data: JSONBody[Correct], request: Ask) -> Response[bytes]:
    """Put a card's stamps or points right. What is added earns as it would have; what is taken away takes no coupon back."""
    return await once(
        request,
        201,
        lambda answer: correcting.correct(desk_of(request), caller_of(request), which, amount=data.count, reason=data.reason, once=answer),
    )


@get("/cards/{which:str}", **reading("read", "redeem", "earn", "issue", answers=CardView, refuses=(NotFound,)))
async def card(which: FromPath[str], request: Ask) -> Response[Any]:
    """A card by its id or its number: progress and what is ready on it."""
    desk = desk_of(request)
    return answer(request, await read.card(desk, caller_of(request), which, language=language_of(request, desk.words)))


@get("/cards/{which:str}/story", **reading("read", answers=Story, refuses=(NotFound,)))
async def card_story(which: FromPath[str], request: Ask) -> Response[Any]:
    """All that happened to a card, its ledger, and per phone: told, asked, fetched."""
    desk = desk_of(request)
    return answer(request, await read.story(desk, caller_of(request), which, language=language_of(request, desk.words)))


@get(
    "/cards/{which:str}/apple",
    **call("read", "earn", answers=bytes, gives="application/vnd.apple.pkpass", refuses=(NotFound, WalletNotConfigured)),
)
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


handlers = (join, earn, search, cards, correct, card, card_story, apple_pass, google_link)
