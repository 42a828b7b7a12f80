"""The front door: which page is for this browser, signing in and out, the language, and what people change about themselves."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from app.desk import passkeys, people, signing_in
from app.desk.found import secret_hash
from app.problems import STATUS, SignInNeeded
from app.store import Member
from app.web.forms import Line, Name, Secret, address_of, filled_in, kept, path_within, remembered
from app.web.pages import LANGUAGE, document, go, member_of, render
from app.web.sessions import COUNTER, SIGNED_IN, known, managers
from app.web.wire import Ask, desk_of
from passes.guesses import PIN_RULE
from passes.problems import PasskeyRefused, Problem, RefusedSecret, WrongSignIn

HOME: Final = "/redemptions"
SHOPS: Final = "shops"
"""In a session: the shops in which an address and its password fit, until one is chosen."""
ASKED: Final = "challenge"
"""In a session: what the next passkey's answer must be to, and when that was asked."""
ANSWERED_WITHIN: Final = timedelta(minutes=5)


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """The form of the sign-in page. ``to``: the page that was wanted."""

    email: Line
    password: Secret
    to: Line = ""


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """Which of several shops."""

    staff_id: UUID
    to: Line = ""


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """The choice of a language."""

    language: Line
    to: Line = ""


class Renamed(msgspec.Struct, frozen=True, kw_only=True):
    """A name."""

    name: Name


class NewPassword(msgspec.Struct, frozen=True, kw_only=True):
    """The present password, and another one."""

    present: Secret
    password: Secret


class NewPin(msgspec.Struct, frozen=True, kw_only=True):
    """Another PIN."""

    pin: Secret


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey as the browser made it (``PublicKeyCredential.toJSON()``), and what its owner calls it."""

    name: Name
    credential: msgspec.Raw


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey's answer (``PublicKeyCredential.toJSON()``). ``to``: the page that was wanted."""

    credential: msgspec.Raw
    to: Annotated[str, msgspec.Meta(max_length=500)] = ""


def me(request: Ask) -> Member:
    """Who is signed in; a guard saw to it. Raises SignInNeeded."""
    member = member_of(request)
    if member is None:
        raise SignInNeeded
    return member


def remember(request: Ask, member: Member) -> None:
    """This browser is theirs from now on."""
    request.session[SIGNED_IN] = kept(desk_of(request), member)


# --- The front door ---


@get("/", guards=[known])
async def front(request: Ask) -> Response[Any]:
    """The page that is for this browser: the counter that it is, or the redemptions (of a shop that has begun), or the door."""
    secret = request.cookies.get(COUNTER, "")
    if secret and await desk_of(request).store.counting(secret_hash(secret)):
        return go("/counter")
    member = member_of(request)
    if member is None:
        return go("/sign-in")
    return go(HOME if await desk_of(request).store.programs(member.business.id) else "/setup")


@post("/language", guards=[known])
async def language(request: Ask) -> Response[Any]:
    """The language of the pages on this browser, for a year."""
    spoken = await filled_in(request, Spoken)
    answer = go(path_within(spoken.to))
    if spoken.language in desk_of(request).words.languages:
        answer.set_cookie(remembered(desk_of(request), LANGUAGE, spoken.language))
    return answer


def _door(request: Ask, *, to: str = "", email: str = "", problem: Problem | None = None) -> Response[str]:
    said = document(request, problem) if problem else None
    headers = {"Retry-After": str(problem.facts["retry_after"])} if problem and "retry_after" in problem.facts else {}
    status = STATUS[type(problem)] if problem else 200
    return render(request, "sign_in.html", status=status, headers=headers, to=to, email=email, problem=said)


@get("/sign-in", guards=[known])
async def door(request: Ask, to: FromQuery[str] = "") -> Response[Any]:
    """The sign-in page."""
    return _door(request, to=path_within(to) if to else "")


@post("/sign-in", guards=[known])
async def sign_in(request: Ask) -> Response[Any]:
    """E-mail and password. What does not fit is said on the same page, which keeps the address."""
    said = await filled_in(request, SignIn)
    try:
        found = await signing_in.sign_in(desk_of(request), said.email, said.password, address=address_of(request))
    except Problem as problem:
        return _door(request, to=said.to, email=said.email, problem=problem)
    if len(found) == 1:
        remember(request, found[0])
        return go(path_within(said.to) if said.to else HOME)
    request.session[SHOPS] = [kept(desk_of(request), one) for one in found]
    return render(request, "sign_in_shops.html", found=found, to=said.to)


@post("/sign-in/shop", guards=[known])
async def shop(request: Ask) -> Response[Any]:
    """One of several shops, after the address and the password fitted in each."""
    said = await filled_in(request, Shop)
    fitted = {UUID(one[0]): one for one in request.session.pop(SHOPS, ())}
    if said.staff_id not in fitted:
        raise SignInNeeded
    request.session[SIGNED_IN] = fitted[said.staff_id]
    return go(path_within(said.to) if said.to else HOME)


@post("/sign-out", guards=[known])
async def sign_out(request: Ask) -> Response[Any]:
    """This browser forgets who was signed in; a counter stays a counter."""
    for name in (SIGNED_IN, SHOPS, ASKED):
        request.session.pop(name, None)
    return go("/sign-in")


# --- Passkeys ---


def _json(text: str) -> Response[str]:
    return Response(text, media_type="application/json", headers={"Cache-Control": "no-store"})


async def _body(request: Ask, form: type[Any]) -> Any:
    try:
        return msgspec.json.decode(await request.body(), type=form)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise PasskeyRefused from None


def _ask(request: Ask) -> str:
    """A new question."""
    desk = desk_of(request)
    asked = passkeys.challenge(desk)
    request.session[ASKED] = [asked, desk.world.now().isoformat()]
    return asked


def _asked(request: Ask) -> str:
    """What was asked last. Raises PasskeyRefused if nothing was, or too long ago: a cookie can be copied, and its questions with it."""
    asked, at = request.session.pop(ASKED, None) or ("", "")
    if not asked or desk_of(request).world.now() - datetime.fromisoformat(at) > ANSWERED_WITHIN:
        raise PasskeyRefused
    return str(asked)


@post("/sign-in/passkey/options", guards=[known], status_code=200)
async def passkey_question(request: Ask) -> Response[str]:
    """What to ask a passkey."""
    return _json(passkeys.question(desk_of(request), _ask(request)))


@post("/sign-in/passkey", guards=[known], status_code=200)
async def passkey_sign_in(request: Ask) -> Response[str]:
    """A passkey's answer; where to go then."""
    asked = _asked(request)
    said: Answered = await _body(request, Answered)
    answer = bytes(said.credential).decode()
    remember(request, await passkeys.sign_in(desk_of(request), asked=asked, answer=answer, address=address_of(request)))
    return _json(msgspec.json.encode({"to": path_within(said.to) if said.to else HOME}).decode())


@post("/account/passkeys/options", guards=[managers], status_code=200)
async def passkey_wanted(request: Ask) -> Response[str]:
    """What the browser needs to make a passkey."""
    return _json(await passkeys.registration(desk_of(request), me(request), _ask(request)))


@post("/account/passkeys", guards=[managers], status_code=200)
async def passkey_made(request: Ask) -> Response[str]:
    """A passkey that the browser made; where to go then."""
    asked = _asked(request)
    said: Made = await _body(request, Made)
    await passkeys.register(desk_of(request), me(request), name=said.name, asked=asked, answer=bytes(said.credential).decode())
    return _json('{"to":"/account?done=passkey"}')


@post("/account/passkeys/{passkey_id:uuid}/remove", guards=[managers])
async def passkey_removed(request: Ask, passkey_id: FromPath[UUID]) -> Response[Any]:
    """Forget a passkey."""
    await passkeys.remove(desk_of(request), me(request), passkey_id)
    return go("/account?done=removed")


# --- What people change about themselves ---

Done = Literal["", "name", "password", "pin", "passkey", "removed"]


async def _account(request: Ask, *, done: str = "", problem: Problem | None = None, field: str = "") -> Response[str]:
    mine = await desk_of(request).store.passkeys(staff_id=me(request).staff.id)
    said = document(request, problem) if problem else None
    status = STATUS[type(problem)] if problem else 200
    return render(request, "account.html", status=status, passkeys=mine, done=done, problem=said, field=field, pins=PIN_RULE)


@get("/account", guards=[managers])
async def account(request: Ask, done: FromQuery[Done] = "") -> Response[str]:
    """What one's own sign-in is made of."""
    return await _account(request, done=done)


@post("/account/name", guards=[managers])
async def own_name(request: Ask) -> Response[Any]:
    """Another name."""
    said = await filled_in(request, Renamed)
    await people.rename(desk_of(request), me(request), said.name)
    return go("/account?done=name")


@post("/account/password", guards=[managers])
async def own_password(request: Ask) -> Response[Any]:
    """Another password. Every other browser is signed out."""
    said = await filled_in(request, NewPassword)
    try:
        remember(request, await people.change_password(desk_of(request), me(request), present=said.present, new=said.password))
    except RefusedSecret as problem:
        return await _account(request, problem=problem, field="password")
    except WrongSignIn as problem:
        return await _account(request, problem=problem, field="present")
    return go("/account?done=password")


@post("/account/pin", guards=[managers])
async def own_pin(request: Ask) -> Response[Any]:
    """Another PIN."""
    said = await filled_in(request, NewPin)
    try:
        remember(request, await people.change_pin(desk_of(request), me(request), said.pin))
    except RefusedSecret as problem:
        return await _account(request, problem=problem, field="pin")
    return go("/account?done=pin")


@post("/account/sign-out-everywhere", guards=[managers])
async def everywhere(request: Ask) -> Response[Any]:
    """All sessions end, this one too."""
    await people.sign_out_everywhere(desk_of(request), me(request))
    request.session.pop(SIGNED_IN, None)
    return go("/sign-in")


handlers: Final = (
    front,
    language,
    door,
    sign_in,
    shop,
    sign_out,
    passkey_question,
    passkey_sign_in,
    passkey_wanted,
    passkey_made,
    passkey_removed,
    account,
    own_name,
    own_password,
    own_pin,
    everywhere,
)
