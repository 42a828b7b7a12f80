"""The desk over HTTP (``/api/v1``): JSON in, JSON out, problem+json for what cannot be done."""

from typing import Annotated
from uuid import UUID

import msgspec
from anyio.to_thread import run_sync
from litestar import Response, Router, get, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED

from app import problems
from app.desk import earn as earning
from app.desk import join as joining
from app.desk import present, read, redeem, reverse, wallets
from app.desk.join import Newcomer
from app.desk.views import CardView, CouponStory, Story, Verdict
from app.problems import InvalidRequest, WrongMediaType
from app.web.wire import Ask, Maybe, Presentable, Short, Strict, caller_of, desk_of, language_of, once, pass_response, signed_in
from passes import contacts, scan
from passes.problems import Problem

LARGEST_BODY = 64 * 1024
LARGEST_PHOTO = 20 * 1024 * 1024


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


class LookUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code as it was typed or scanned."""

    code: Presentable


class Redeem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code as it was typed or scanned."""

    code: Presentable


class Honour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The code of an expired coupon, and why it is honoured."""

    code: Presentable
    reason: Maybe


class Reverse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why; a manager has to say it."""

    reason: Maybe = ""


class SaveLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where the holder saves the card to Google Wallet."""

    save_link: str


@post("/join", status_code=HTTP_201_CREATED, dto=Strict[Join], return_dto=None)
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
        HTTP_201_CREATED,
        lambda answer: joining.join(desk_of(request), caller_of(request), data.program_id, newcomer, once=answer),
    )


@post("/cards/{which:str}/earn", status_code=HTTP_201_CREATED, dto=Strict[Earn], return_dto=None)
async def earn(which: FromPath[str], data: JSONBody[Earn], request: Ask) -> Response[bytes]:
    """Add stamps or points to a card (by its id or its number); goals reached become coupons."""
    return await once(
        request,
        HTTP_201_CREATED,
        lambda answer: earning.earn(desk_of(request), caller_of(request), which, count=data.count, amount=data.amount, once=answer),
    )


@post("/look-ups", status_code=HTTP_200_OK, dto=Strict[LookUp], return_dto=None)
async def look_up(data: JSONBody[LookUp], request: Ask) -> Verdict:
    """What redeeming a code would give now; changes nothing and records nothing."""
    desk, caller = desk_of(request), caller_of(request)
    language = language_of(request, desk.words)

    def document(problem: Problem) -> dict[str, object]:
        return problems.document(problem, desk.words, language, caller.business.tz)

    return await present.look_up(desk, caller, data.code, language=language, problem=document)


@post("/redemptions", status_code=HTTP_201_CREATED, dto=Strict[Redeem], return_dto=None)
async def redeem_typed(data: JSONBody[Redeem], request: Ask) -> Response[bytes]:
    """Redeem a coupon by its code, exactly once."""
    return await once(
        request,
        HTTP_201_CREATED,
        lambda answer: redeem.redeem(desk_of(request), caller_of(request), data.code, channel="api", once=answer),
    )


@post("/redemptions/photo", status_code=HTTP_201_CREATED, request_max_body_size=LARGEST_PHOTO)
async def redeem_photo(request: Ask) -> Response[bytes]:
    """Redeem a coupon by a photo of its code (JPEG, PNG, WebP or HEIC as the body, up to 12 megapixels)."""
    if not request.headers.get("content-type", "").startswith("image/"):
        raise WrongMediaType(accepted="image/jpeg, image/png, image/webp, image/heic")
    photo = await request.body()

    return await once(
        request,
        HTTP_201_CREATED,
        lambda answer: redeem.redeem_photo(
            desk_of(request), caller_of(request), run_sync(scan.read_photo, photo, limiter=request.app.state.photos), once=answer
        ),
    )


@post("/goodwill", status_code=HTTP_201_CREATED, dto=Strict[Honour], return_dto=None)
async def honour(data: JSONBody[Honour], request: Ask) -> Response[bytes]:
    """Honour an expired coupon, with a reason; never counted as a redemption."""
    return await once(
        request,
        HTTP_201_CREATED,
        lambda answer: redeem.honour(desk_of(request), caller_of(request), data.code, reason=data.reason, channel="api", once=answer),
    )


@post("/redemptions/{redemption_id:uuid}/reversal", status_code=HTTP_201_CREATED, dto=Strict[Reverse], return_dto=None)
async def take_back(redemption_id: FromPath[UUID], data: JSONBody[Reverse], request: Ask) -> Response[bytes]:
    """Take a redemption back: within 15 minutes by the same token, later by a manager with a reason."""
    return await once(
        request,
        HTTP_201_CREATED,
        lambda answer: reverse.reverse(desk_of(request), caller_of(request), redemption_id, reason=data.reason, once=answer),
    )


@get("/cards/{which:str}")
async def card(which: FromPath[str], request: Ask) -> CardView:
    """A card by its id or its number: progress and what is ready on it."""
    desk = desk_of(request)
    return await read.card(desk, caller_of(request), which, language=language_of(request, desk.words))


@get("/cards/{which:str}/story")
async def card_story(which: FromPath[str], request: Ask) -> Story:
    """All that happened to a card, its ledger, and per phone: told, asked, fetched."""
    desk = desk_of(request)
    return await read.story(desk, caller_of(request), which, language=language_of(request, desk.words))


@get("/cards/{which:str}/apple")
async def apple_pass(which: FromPath[str], request: Ask) -> Response[bytes]:
    """The card's signed .pkpass."""
    desk = desk_of(request)
    facts = await read.card_facts(desk, caller_of(request).business.id, which)
    return pass_response(await wallets.apple_pass(desk, facts), facts.card)


@get("/cards/{which:str}/google")
async def google_link(which: FromPath[str], request: Ask) -> SaveLink:
    """The link that saves the card to Google Wallet; makes the card's object at Google if it is not there yet."""
    desk = desk_of(request)
    facts = await read.card_facts(desk, caller_of(request).business.id, which)
    return SaveLink(save_link=await wallets.google_link(desk, facts))


@get("/coupons/{coupon_id:uuid}")
async def coupon(coupon_id: FromPath[UUID], request: Ask) -> CouponStory:
    """A coupon and everything that happened to it at a counter."""
    desk = desk_of(request)
    return await read.coupon(desk, caller_of(request), coupon_id, language=language_of(request, desk.words))


router = Router(
    "/api/v1",
    guards=[signed_in],
    request_max_body_size=LARGEST_BODY,
    route_handlers=[
        join,
        earn,
        look_up,
        redeem_typed,
        redeem_photo,
        honour,
        take_back,
        card,
        card_story,
        apple_pass,
        google_link,
        coupon,
    ],
)
