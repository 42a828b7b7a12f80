"""What each problem means, where its ``type`` leads: for whoever writes a program, in a browser or in plain text."""

from collections.abc import Mapping
from http import HTTPStatus
from string import Formatter
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from app.problems import STATUS, TYPE
from app.web.pages import language_of, on_problem, render
from app.web.wire import Ask, desk_of
from passes.problems import NotFound, Problem
from passes.words import N_, Words

TO_DO: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: N_("Mend the request: the same one gets the same answer."),
    HTTPStatus.UNAUTHORIZED: N_(
        "See who asks: the key or the person is unknown here, or may not do anything any more. Do not try again as it is."
    ),
    HTTPStatus.FORBIDDEN: N_("Let somebody do it who may, or use a key that may. Do not try again as it is."),
    HTTPStatus.METHOD_NOT_ALLOWED: N_("Mend the request: the same one gets the same answer."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: N_("Mend the request: the same one gets the same answer."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: N_("Mend the request: the same one gets the same answer."),
    HTTPStatus.TOO_MANY_REQUESTS: N_(
        "Wait for as long as Retry-After says, and send the same request again with the same Idempotency-Key."
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: N_(
        "Wait for as long as Retry-After says, and send the same request again with the same Idempotency-Key."
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: N_(
        "Send the same request again with the same Idempotency-Key; if it stays so, tell whoever runs this installation when it was."
    ),
}
"""What whoever wrote the program does about it, by the status."""
AGAIN: Final = frozenset({"idempotency_key_in_flight"})
"""Problems that are over in a moment, though their status does not say so."""
OTHERWISE: Final = N_(
    "This is an answer, not a failure: show “detail” to staff, and let them read “say” to the customer. Sent again with the same"
    " Idempotency-Key, the request gets this answer again."
)


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One problem, for who reads about it. The facts are named in English, and stand in the sentences in braces."""

    word: str
    status: int
    title: str
    detail: str
    say: str
    meaning: str
    facts: str
    to_do: str
    address: str


def meaning(kind: type[Problem]) -> str:
    """What a problem means, as its docstring says in English: the facts are told apart."""
    return " ".join((kind.__doc__ or "").split()).partition(" Facts: ")[0]


def explained(kind: type[Problem], words: Words, language: str) -> Explained:
    """A problem, explained in a language as far as we speak it."""
    _, _, facts = " ".join((kind.__doc__ or "").split()).partition(" Facts: ")
    status = int(STATUS[kind])
    waits = TO_DO[HTTPStatus.SERVICE_UNAVAILABLE] if kind.word in AGAIN else ""
    return Explained(
        word=kind.word,
        status=status,
        title=words.said(language, kind.title),
        detail=_with_facts(words, language, kind.sentence),
        say=_with_facts(words, language, kind.say) if kind.say else "",
        meaning=words.said(language, meaning(kind)),
        facts=facts.rstrip("."),
        to_do=words.said(language, waits or TO_DO.get(status, OTHERWISE)),
        address=TYPE + kind.word,
    )


def _with_facts(words: Words, language: str, sentence: str) -> str:
    names = {name for _, name, _, _ in Formatter().parse(sentence) if name}
    return words.said(language, sentence, **{name: f"{{{name}}}" for name in names})


@get(TYPE.rstrip("/"), include_in_schema=False)
async def all_problems(request: Ask) -> Response[Any]:
    """Every problem that there is."""
    words = desk_of(request).words
    language = language_of(request, words)
    known = sorted((explained(kind, words, language) for kind in STATUS), key=lambda one: one.word)
    if _for_people(request):
        return render(request, "problems.html", problems=known)
    return _plain("\n".join(f"{one.word}  {one.status}  {one.title}" for one in known))


@get(TYPE + "{word:str}", include_in_schema=False)
async def problem(word: FromPath[str], request: Ask) -> Response[Any]:
    """What a problem means: where its ``type`` leads."""
    words = desk_of(request).words
    kind = next((one for one in STATUS if one.word == word), None)
    if kind is None:
        if _for_people(request):
            return on_problem(request, NotFound(what=N_("address")))
        raise NotFound(what=N_("address"))
    it = explained(kind, words, language_of(request, words))
    if _for_people(request):
        return render(request, "problem_explained.html", it=it)
    lines = (f"{it.title} ({it.word}, HTTP {it.status})", it.detail, it.say and f"“{it.say}”", it.meaning, it.facts, it.to_do)
    return _plain("\n\n".join(line for line in lines if line))


def _for_people(request: Ask) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _plain(text: str) -> Response[str]:
    return Response(text + "\n", media_type="text/plain", headers={"Vary": "Accept, Accept-Language"})


handlers: Final = (all_problems, problem)
