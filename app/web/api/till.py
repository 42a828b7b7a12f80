"""One endpoint for tills that speak of transactions: search, inquire, redeem, accrue, reverse (as Toast's loyalty contract does).

Such tills take an HTTP error for an outage and go offline, so a refusal here is an answer: 200, not accepted, and the problem in it.
They repeat a transaction that was not answered: ``transaction_id`` is its idempotency key, kept with what it changed.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Final, Literal, cast
from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.params import JSONBody
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from app import problems
from app.desk import Desk, Repeated, till
from app.desk.basket import Twice
from app.desk.earn import earn
from app.desk.sales import Told
from app.desk.till import WouldEarn
from app.desk.views import BasketReversalView, BasketView, CardView, CouponView, EarnedView, Receipt, ReturnView, Verdict
from app.problems import CalledOff, KeyInFlight, KeyReused, TooLarge, WrongScope
from app.store import Caller, Duplicate, Kept, Scope
from app.web.api.calls import ProblemDocument, call
from app.web.api.sales import MOST_CODES, Amount, Codes, Currency, same, told_of
from app.web.api.sales import Receipt as ReceiptNumber
from app.web.wire import Answering, Ask, Maybe, Presentable, Strict, called_off, caller_of, desk_of, kept_as, language_of, once
from passes.problems import Busy, NotFound, Problem

KEPT_AS: Final = "till:"
"""In front of a transaction_id, among the keys of a caller."""
LONGEST: Final = 128
PRINTABLE: Final = "printable ASCII characters"

Transaction = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST, pattern=r"^[ -~]*[!-~][ -~]*$(?!\n)", description=PRINTABLE)]
"""The till's own name of a transaction: printable ASCII, and not only spaces. (In Python `$` lets a line end follow.)"""
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


# --- What a till says ---


class TillAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action"):
    """What every action has: the till's own name of the transaction."""

    transaction_id: Transaction


class TillSearch(TillAsk, frozen=True, kw_only=True, tag="search"):
    """Whose is this? Whatever is given is searched for; a card that any of it names is in the answer, at most 20.

    ``card`` is a number or id, ``code`` a coupon's, ``phone`` and ``email`` whole, ``name`` a part of at least 3 characters.
    """

    card: Maybe = ""
    code: Presentable = ""
    phone: Maybe = ""
    email: Maybe = ""
    name: Maybe = ""


class TillInquire(TillAsk, frozen=True, kw_only=True, tag="inquire"):
    """What would this bill get? ``codes`` are looked up; ``count`` or ``amount`` (else one visit) is what ``card`` would earn by."""

    card: Maybe = ""
    codes: Annotated[tuple[Presentable, ...], msgspec.Meta(max_length=MOST_CODES)] = ()
    count: Count | None = None
    amount: Amount | None = None


class TillRedeem(TillAsk, frozen=True, kw_only=True, tag="redeem"):
    """Use these codes up, all or none. ``amount`` is what was paid, in minor units of ``currency``."""

    codes: Codes
    receipt: ReceiptNumber | None = None
    amount: Amount | None = None
    currency: Currency | None = None


class TillAccrue(TillAsk, frozen=True, kw_only=True, tag="accrue"):
    """Add to a card what this bill earns: a ``count``, what an ``amount`` in minor units is worth, or one visit."""

    card: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    count: Count | None = None
    amount: Amount | None = None
    receipt: ReceiptNumber | None = None
    currency: Currency | None = None


class TillReverse(TillAsk, frozen=True, kw_only=True, tag="reverse"):
    """Take back all that another transaction of this key did, once; one that is not done yet is not done any more.

    ``reason``: needed 15 minutes after a redemption, by a manager.
    """

    reverses: Transaction
    reason: Maybe = ""


Said = TillSearch | TillInquire | TillRedeem | TillAccrue | TillReverse


class Spoken(Strict[TillAsk]):
    """The body as whichever action it is."""

    says: ClassVar[Any] = Said


# --- What it is told ---


class TillReversed(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken back: redemptions, and stamps or points. ``short`` are those that the card does not have any more."""

    redemption_ids: tuple[UUID, ...] = ()
    taken: int = 0
    short: int = 0


class TillAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether it was accepted, and what the action gives, be it nothing; ``problem`` is why it was not. What does not apply is left out."""

    action: Literal["search", "inquire", "redeem", "accrue", "reverse"]
    transaction_id: str
    accepted: bool
    problem: ProblemDocument | UnsetType = UNSET
    cards: tuple[CardView, ...] | UnsetType = UNSET
    card: CardView | UnsetType = UNSET
    verdicts: tuple[Verdict, ...] | UnsetType = UNSET
    would_earn: WouldEarn | UnsetType = UNSET
    redemptions: tuple[Receipt, ...] | UnsetType = UNSET
    added: int | UnsetType = UNSET
    earned: tuple[CouponView, ...] | UnsetType = UNSET
    reversed: TillReversed | UnsetType = UNSET


class Telling:
    """One transaction: a refusal is an answer like every other, and kept as such (desk.Once)."""

    def __init__(self, answering: Answering, said: Said, desk: Desk) -> None:
        self.language = answering.language
        self.kept = False
        self.sure = False
        """Whether nothing was done under this name before: only then is a refusal one."""
        self._answering, self._said, self._desk = answering, said, desk

    def done(self, view: object, caller: Caller, now: datetime, *, new: bool = True) -> tuple[Kept, ...]:  # noqa: ARG002 (a transaction is answered 200)
        """The answer of a story that succeeded."""
        return self._answering.done(_answer(self._said, **_facts(view)), caller, now, new=False)

    def refused(self, problem: Problem, caller: Caller, now: datetime) -> tuple[Kept, ...]:
        """The answer of a story that was refused. Raises the problem while nobody is sure that it is one."""
        if not self.sure:
            raise problem
        self.kept = True
        return self._answering.done(_refusal(self._said, _document(self._desk, caller, self.language)(problem)), caller, now, new=False)

    def keeps_nothing(self) -> None:
        """What is answered now is not kept under this name: something else is."""
        self._answering.kept = True


def _facts(view: object) -> dict[str, Any]:
    """What a story answers, as a till of this kind is told it."""
    match view:
        case Receipt():
            return {"redemptions": (view,)}
        case BasketView():
            return {"redemptions": view.redemptions}
        case EarnedView():
            return {"added": view.added, "earned": view.earned, "card": view.card}
        case BasketReversalView():
            return {"reversed": TillReversed(redemption_ids=tuple(one.redemption_id for one in view.reversals))}
        case ReturnView():
            return {"reversed": TillReversed(taken=sum(one.taken for one in view.cards), short=sum(one.short for one in view.cards))}
    raise TypeError(f"a till is not told {type(view).__name__}")


def _document(desk: Desk, caller: Caller, language: str) -> Callable[[Problem], dict[str, object]]:
    return lambda problem: problems.document(problem, desk.words, language, caller.business.tz, base=desk.public_url)


def _action(said: TillAsk) -> str:
    return cast("str", said.__struct_config__.tag)


def _answer(said: Said, **facts: Any) -> TillAnswer:
    return TillAnswer(action=_action(said), transaction_id=said.transaction_id, accepted=True, **facts)  # type: ignore[arg-type]


def _refusal(said: Said, document: dict[str, Any]) -> TillAnswer:
    facts = {"kind" if name == "type" else name: value for name, value in document.items()}
    return replace(_answer(said, problem=ProblemDocument(**facts)), accepted=False)


SCOPES: Final[Mapping[str, tuple[Scope, ...]]] = {
    "search": ("read", "redeem", "earn"),
    "inquire": ("read", "redeem", "earn"),
    "redeem": ("redeem",),
    "accrue": ("earn",),
    "reverse": ("redeem", "earn"),
}
"""A key needs one of them for the action, and ``read`` to search by a name. It reverses only transactions of its own, so it had theirs."""


@post(
    "/till",
    dto=Spoken,
    return_dto=None,
    **call("read", "redeem", "earn", answers=TillAnswer, refuses=(KeyInFlight, KeyReused, TooLarge), each=SCOPES),
)
async def speak_as_till(data: JSONBody[TillAsk], request: Ask) -> Response[bytes]:
    """One endpoint for tills that speak of transactions: search, inquire, redeem, accrue, reverse.

    A refusal is 200 with `accepted: false` and the problem in it. `transaction_id` is the idempotency key of redeem, accrue and
    reverse: sent again, they are answered as the first time, and nothing happens twice. Search and inquire change nothing.
    """
    desk, caller = desk_of(request), caller_of(request)
    needed: tuple[Scope, ...] = ("read",) if isinstance(data, TillSearch) and data.name else SCOPES[_action(data)]
    if not caller.scopes.intersection(needed):
        raise WrongScope(needed=needed, has=tuple(sorted(caller.scopes)))
    if isinstance(data, TillSearch | TillInquire):
        return _sent(await _asked(desk, caller, data, language_of(request, desk.words)))
    said = cast("TillRedeem | TillAccrue | TillReverse", data)
    at_a_stroke = isinstance(said, TillAccrue) or (isinstance(said, TillRedeem) and len(said.codes) == 1)
    key = KEPT_AS + said.transaction_id
    try:
        return await once(request, HTTPStatus.OK, partial(_done, desk, caller, said), key=key, at_a_stroke=at_a_stroke)
    except CalledOff as problem:
        return _sent(_refusal(said, _document(desk, caller, language_of(request, desk.words))(problem)))


def _sent(answer: TillAnswer) -> Response[bytes]:
    return Response(msgspec.json.encode(answer), status_code=HTTPStatus.OK, media_type="application/json")


async def _asked(desk: Desk, caller: Caller, said: TillSearch | TillInquire, language: str) -> TillAnswer:
    document = _document(desk, caller, language)
    if isinstance(said, TillSearch):
        found = await till.search(
            desk, caller, card=said.card, code=said.code, phone=said.phone, email=said.email, name=said.name, language=language
        )
        return _answer(said, cards=found)
    verdicts = await till.would_redeem(desk, caller, said.codes, language=language, document=document)
    if not said.card:
        return _answer(said, verdicts=verdicts)
    try:
        card, earns = await till.would_earn(
            desk, caller, said.card, count=said.count, amount=said.amount, language=language, document=document
        )
    except NotFound as problem:
        return replace(_refusal(said, document(problem)), verdicts=verdicts)
    return _answer(said, verdicts=verdicts, card=card, would_earn=earns)


async def _done(desk: Desk, caller: Caller, said: TillRedeem | TillAccrue | TillReverse, answering: Answering) -> None:
    """Run the story of an action; its refusal is an answer, too. What was done too long ago for its answer to be kept is told anew.

    Raises Busy; and KeyReused where something else was done under this name.
    """
    telling = Telling(answering, said, desk)
    try:
        await _story(desk, caller, said, telling)
    except Busy:
        raise
    except (Repeated, Problem) as why:
        if await desk.store.kept(*kept_as(caller, KEPT_AS + said.transaction_id)) is not None:
            raise Repeated from why
        if not await _done_before(desk, caller, said, telling):
            telling.sure = True
            if isinstance(said, TillReverse) and isinstance(why, NotFound):
                await _call_off(desk, caller, said.reverses)
            await _refused(desk, caller, said, telling)


async def _call_off(desk: Desk, caller: Caller, transaction_id: str) -> None:
    """What was reversed before it was done is not done any more: its answer's place is taken.

    Where the transaction was faster, in whichever process, it has an answer by now, and what it did can be read.
    """
    now = desk.world.now()
    with suppress(Duplicate):
        await desk.commit(now, rows=(called_off(caller, KEPT_AS + transaction_id, now),))


async def _done_before(desk: Desk, caller: Caller, said: TillRedeem | TillAccrue | TillReverse, telling: Telling) -> bool:
    """Whether this was done already, as the sale of this name tells for ever; then that is the answer. Raises KeyReused."""
    if isinstance(said, TillReverse):
        return False
    typed, which, count = (said.codes, "", None) if isinstance(said, TillRedeem) else ((), said.card, said.count)
    try:
        view = await till.done(desk, caller, typed=typed, which=which, count=count, told=_told(said), language=telling.language)
    except till.Otherwise:
        telling.keeps_nothing()
        raise KeyReused from None
    if view is not None:
        await _keep(desk, telling.done(view, caller, desk.world.now()))
    return view is not None


async def _refused(desk: Desk, caller: Caller, said: TillRedeem | TillAccrue | TillReverse, telling: Telling) -> None:
    """The story once more, to record that it is refused."""
    try:
        await _story(desk, caller, said, telling)
    except Busy:
        raise
    except Problem as problem:
        if not telling.kept:
            await _keep(desk, telling.refused(problem, caller, desk.world.now()))


async def _keep(desk: Desk, rows: tuple[Kept, ...]) -> None:
    try:
        await desk.commit(desk.world.now(), rows=rows)
    except Duplicate as duplicate:  # another process was faster with the same transaction
        raise Repeated from duplicate


def _told(said: TillRedeem | TillAccrue) -> Told:
    return replace(told_of(said) or Told(), reference=said.transaction_id)


async def _story(desk: Desk, caller: Caller, said: TillRedeem | TillAccrue | TillReverse, telling: Telling) -> None:
    """What a transaction changes."""
    match said:
        case TillRedeem():
            try:
                await till.give(desk, caller, said.codes, told=_told(said), once=telling)
            except Twice as twice:
                raise same(twice) from None
        case TillAccrue():
            await earn(desk, caller, said.card, count=said.count, amount=said.amount, told=_told(said), once=telling)
        case TillReverse():
            await till.take_back(desk, caller, said.reverses, reason=said.reason, once=telling)


handlers = (speak_as_till,)
