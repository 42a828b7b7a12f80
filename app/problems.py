"""Problems on the wire: one status each, and problem+json (RFC 9457) with the machine word, the facts and the sentences."""

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from passes import problems
from passes.problems import MOMENT, Problem, Refused
from passes.words import N_, Text, Words

CONTENT_TYPE: Final = "application/problem+json"
TYPE: Final = "/problems/"


# --- Problems of the wire itself, which no rule knows ---


class Unauthorized(Problem):
    """No key, or one that does not work (any more)."""

    word = "unauthorized"
    title = N_("Not signed in")
    sentence = N_("This needs a valid API key: Authorization: Bearer cp_… in the header.")


class WrongScope(Problem):
    """The key may not make this call. Facts: needed (one of these scopes), has (those of the key)."""

    word = "wrong_scope"
    title = N_("Not with this key")
    sentence = N_("This key may not do that. It needs one of: {needed}; it has: {has}.")


class RateLimited(Problem):
    """The key has asked more often than it may. Facts: retry_after (seconds), most (requests a minute)."""

    word = "rate_limited"
    title = N_("Too many requests")
    sentence = N_("This key may ask {most} times a minute. Ask again in {retry_after} s.")


class InvalidRequest(Problem):
    """The request is not what this call takes. Facts: errors (where and what, one line each)."""

    word = "invalid_request"
    title = N_("Invalid request")
    sentence = N_("The request cannot be read: {errors}")


class TooLarge(Problem):
    """The body is larger than this call takes."""

    word = "too_large"
    title = N_("Too large")
    sentence = N_("The body of the request is too large.")


class WrongMethod(Problem):
    """The address exists, the method does not. Facts: allowed (the methods that do)."""

    word = "wrong_method"
    title = N_("Method not allowed")
    sentence = N_("This address does not take that method.")


class WrongMediaType(Problem):
    """The body's media type is not one that this call reads. Facts: accepted."""

    word = "wrong_media_type"
    title = N_("Unsupported media type")
    sentence = N_("Send the body as {accepted}.")


class ChangedSince(Problem):
    """The change was only of what the caller has seen (If-Match), and that has changed since."""

    word = "changed_since"
    title = N_("Changed since you read it")
    sentence = N_("This has changed since you read it. Nothing was saved: read it again, and change what is still to change.")


class KeyMissing(Problem):
    """A call that changes something needs an Idempotency-Key, so that a retry cannot hurt."""

    word = "idempotency_key_missing"
    title = N_("Idempotency-Key missing")
    sentence = N_("Send an Idempotency-Key header of 1 to 255 printable ASCII characters, and the same one when you retry the request.")


class KeyInFlight(Problem):
    """The same request is being worked on right now. Facts: retry_after (seconds)."""

    word = "idempotency_key_in_flight"
    title = N_("The same request is in flight")
    sentence = N_("A request with this Idempotency-Key is being worked on. Ask again in a moment for its answer.")


class KeyReused(Problem):
    """The key was used for another request."""

    word = "idempotency_key_reused"
    title = N_("Idempotency-Key used before")
    sentence = N_("This Idempotency-Key was used for a different request. Use a new key for a new request.")


class CalledOff(Problem):
    """A transaction that was reversed before it was done (it came late, or lost the race): it is not done any more."""

    word = "called_off"
    title = N_("Called off")
    sentence = N_("This was taken back before it was done: nothing was done, and nothing will be. Begin a new transaction.")


class SignInNeeded(Problem):
    """A page of the business, and nobody is signed in on this browser (any more)."""

    word = "sign_in_needed"
    title = N_("Sign in first")
    sentence = N_("Sign in to see this page.")


class NotACounter(Problem):
    """This browser was not enrolled as a counter, or it was revoked."""

    word = "not_a_counter"
    title = N_("This browser is not a counter")
    sentence = N_("Ask an owner or a manager for a link that makes this browser a counter.")


class NobodyAtCounter(Problem):
    """The counter is enrolled, and nobody has said who they are (or their PIN has changed since)."""

    word = "nobody_at_counter"
    title = N_("Who is at the counter?")
    sentence = N_("Choose your name and type your PIN.")


class StalePage(Problem):
    """A form whose secret does not fit this browser: an old page, or somebody else's."""

    word = "stale_page"
    title = N_("This page is too old")
    sentence = N_("Load the page again and repeat what you did. Nothing was changed.")


class DatabaseUnavailable(Problem):
    """The database does not answer, or cannot write. Facts: retry_after (seconds)."""

    word = "database_unavailable"
    title = N_("Database unavailable")
    sentence = N_("The database does not answer. It is not certain what was recorded: send the same request again, and you are told.")


class Unexpected(Problem):
    """Our mistake. It is in the log; nothing of it leaks."""

    word = "unexpected"
    title = N_("Something went wrong")
    sentence = N_("Something went wrong here. It has been logged; nothing was recorded unless you see it recorded.")


STATUS: Final[Mapping[type[Problem], int]] = {
    problems.MistypedCode: HTTPStatus.UNPROCESSABLE_ENTITY,
    problems.UnknownCode: HTTPStatus.NOT_FOUND,
    problems.Voided: HTTPStatus.GONE,
    problems.AlreadyRedeemed: HTTPStatus.CONFLICT,
    problems.NotYetValid: HTTPStatus.CONFLICT,
    problems.Expired: HTTPStatus.GONE,
    problems.WrongLocation: HTTPStatus.CONFLICT,
    problems.OutsideHours: HTTPStatus.CONFLICT,
    problems.StaffNeeded: HTTPStatus.CONFLICT,
    problems.Reserved: HTTPStatus.CONFLICT,
    problems.BasketRefused: HTTPStatus.CONFLICT,
    problems.ReservationRefused: HTTPStatus.CONFLICT,
    problems.HeldTooLong: HTTPStatus.CONFLICT,
    problems.NotHeld: HTTPStatus.GONE,
    problems.AnotherTill: HTTPStatus.FORBIDDEN,
    problems.WrongCurrency: HTTPStatus.UNPROCESSABLE_ENTITY,
    problems.NothingToReturn: HTTPStatus.CONFLICT,
    problems.LimitReached: HTTPStatus.CONFLICT,
    problems.CardPresented: HTTPStatus.UNPROCESSABLE_ENTITY,
    problems.NotExpired: HTTPStatus.CONFLICT,
    problems.MayNotHonour: HTTPStatus.FORBIDDEN,
    problems.ReasonNeeded: HTTPStatus.UNPROCESSABLE_ENTITY,
    problems.NothingToReverse: HTTPStatus.CONFLICT,
    problems.TooLateToReverse: HTTPStatus.FORBIDDEN,
    problems.NotAllowed: HTTPStatus.FORBIDDEN,
    problems.NotFound: HTTPStatus.NOT_FOUND,
    problems.CannotEarn: HTTPStatus.UNPROCESSABLE_ENTITY,
    problems.WebhookRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    problems.UnreadablePhoto: HTTPStatus.UNPROCESSABLE_ENTITY,
    problems.UnusablePicture: HTTPStatus.UNPROCESSABLE_ENTITY,
    problems.BadDesign: HTTPStatus.UNPROCESSABLE_ENTITY,
    problems.SeveralCodes: HTTPStatus.UNPROCESSABLE_ENTITY,
    problems.WalletNotConfigured: HTTPStatus.NOT_FOUND,
    problems.WalletUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    problems.ChangedMeanwhile: HTTPStatus.CONFLICT,
    problems.ContactTaken: HTTPStatus.CONFLICT,
    problems.StillReaching: HTTPStatus.CONFLICT,
    problems.PoolEmpty: HTTPStatus.CONFLICT,
    problems.NotLater: HTTPStatus.UNPROCESSABLE_ENTITY,
    problems.Paused: HTTPStatus.CONFLICT,
    problems.Busy: HTTPStatus.SERVICE_UNAVAILABLE,
    problems.WrongSignIn: HTTPStatus.UNAUTHORIZED,
    problems.WrongPin: HTTPStatus.UNAUTHORIZED,
    problems.PinLocked: HTTPStatus.LOCKED,
    problems.TooManyGuesses: HTTPStatus.TOO_MANY_REQUESTS,
    problems.PasskeyRefused: HTTPStatus.UNAUTHORIZED,
    problems.RefusedSecret: HTTPStatus.UNPROCESSABLE_ENTITY,
    problems.LinkSpent: HTTPStatus.GONE,
    problems.EmailTaken: HTTPStatus.CONFLICT,
    problems.LastOwner: HTTPStatus.CONFLICT,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    WrongScope: HTTPStatus.FORBIDDEN,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    WrongMethod: HTTPStatus.METHOD_NOT_ALLOWED,
    WrongMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ChangedSince: HTTPStatus.PRECONDITION_FAILED,
    KeyMissing: HTTPStatus.BAD_REQUEST,
    KeyInFlight: HTTPStatus.CONFLICT,
    KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    CalledOff: HTTPStatus.CONFLICT,
    SignInNeeded: HTTPStatus.UNAUTHORIZED,
    NotACounter: HTTPStatus.UNAUTHORIZED,
    NobodyAtCounter: HTTPStatus.UNAUTHORIZED,
    StalePage: HTTPStatus.FORBIDDEN,
    DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    Unexpected: HTTPStatus.INTERNAL_SERVER_ERROR,
}


Moment = Callable[[datetime], str]
"""How the sentences say a moment."""

TITLES: Final[Mapping[str, str]] = {kind.word: kind.title for kind in STATUS}
"""Each problem in a few words, by its machine word: why something was refused, where only the word is kept."""


def document(
    problem: Problem, words: Words, language: str, zone: ZoneInfo, *, moment: Moment | None = None, base: str = ""
) -> dict[str, object]:
    """The problem document: what RFC 9457 names, then ``word``, ``say`` (for the customer) and ``facts``.

    Its ``type`` is a page of the house at ``base`` (``https://cards.example``), which explains it. ``moment``: how its sentences say a
    moment where people read them; else as "2026-11-22 14:05", which programs may read too.
    """

    def unless_said(at: datetime) -> str:
        return f"{at.astimezone(zone):{MOMENT}}"

    moment = moment or unless_said

    def fact(value: object) -> object:
        match value:
            case datetime():
                return value.astimezone(zone)
            case Text():
                return value.said(language)
            case Refused():
                of = document(value.problem, words, language, zone, moment=moment)
                return {"code": value.code, **{name: of[name] for name in ("word", "title", "detail", "say", "facts")}}
            case tuple():
                return tuple(fact(one) for one in value)
            case _:
                return value

    return {
        "type": base + TYPE + problem.word,
        "title": words.said(language, problem.title),
        "status": STATUS[type(problem)],
        "detail": problem.detail(words, language, moment),
        "word": problem.word,
        "say": problem.words_for_the_customer(words, language, moment),
        "facts": {name: fact(value) for name, value in problem.facts.items()}
        | {name: str(problem.facts[name]).format(**problem.facts) for name in problem.spoken},
    }


def encoded(
    problem: Problem, words: Words, language: str, zone: ZoneInfo, *, moment: Moment | None = None, base: str = ""
) -> tuple[int, bytes]:
    """The status and the body of a problem's answer."""
    return STATUS[type(problem)], msgspec.json.encode(document(problem, words, language, zone, moment=moment, base=base))
