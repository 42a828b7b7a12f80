"""What a form says, as its Struct; what is wrong with it, beside the field; and the few things that every page with a form needs."""

import datetime as dt
import hashlib
import re
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from litestar import Response
from litestar.datastructures import Cookie

from app import money
from app.desk import Desk
from app.problems import InvalidRequest
from app.store import Member
from app.web.pages import Connection, business_of, document, language_of, on_problem
from app.web.wire import Ask, desk_of
from passes.problems import ChangedMeanwhile, Problem
from passes.words import N_, Text

F = TypeVar("F", bound=msgspec.Struct)
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
Line = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00]*$")]
Area = Annotated[str, msgspec.Meta(max_length=2000, pattern=r"^[^\x00]*$")]
Secret = Annotated[str, msgspec.Meta(max_length=200)]
"""What is only hashed. Longer ones would only cost time."""
Words = Annotated[Text, msgspec.Meta(max_length=120)]
"""A few words in each language of the business: the fields ``title.en``, ``title.vi`` (``m.texts``). At least one must be filled."""
Prose = Annotated[Text, msgspec.Meta(max_length=2000)]
"""The same for what may have paragraphs."""
Money = Annotated[int, msgspec.Meta(ge=1, le=10**12, description="money")]
"""Typed in major units of the business's currency (``m.money``), read as minor units."""
LONGEST_PATH: Final = 500
YEAR: Final = 365 * 24 * 3600
"""Seconds."""
MOST_ROWS: Final = 200
"""Repeated rows that a form may have (``goals.0.at``, ``goals.1.at``, …)."""


class Wrong(Exception):
    """A form to be filled in again: a sentence for each field that is wrong, and all that was typed.

    ``render(request, template, wrong=wrong)`` draws the page once more (422), and the macros find both by the field's name.
    """

    def __init__(self, errors: Mapping[str, str], typed: Mapping[str, Sequence[str]]) -> None:
        self.errors = errors
        self.typed = typed
        super().__init__(", ".join(errors))

    def value(self, name: str, usual: object = "") -> object:
        """What was typed in a field; ``usual`` if the form did not have it."""
        return next(iter(self.typed.get(name, ())), usual)

    def ticked(self, name: str, value: str) -> bool:
        """Whether it was ticked."""
        return value in self.typed.get(name, ())

    def error(self, name: str) -> str:
        """What is wrong with a field; of a text in several languages also what is wrong with one of them."""
        return self.errors.get(name, "")

    def rows(self, name: str) -> int:
        """How many repeated rows the form had."""
        return max(_rows(self.typed, name), default=-1) + 1


class _Refused(Exception):
    def __init__(self, sentence: str, **facts: object) -> None:
        self.sentence, self.facts = sentence, facts
        super().__init__(sentence)


async def filled_in(request: Ask, form: type[F]) -> F:
    """What somebody filled in, each field by its type. Raises Wrong, which is an InvalidRequest where the page does not catch it.

    A text in several languages is ``Words`` or ``Prose``, money ``Money``; a tuple takes every value of its name (with a ``min_length``
    at least one), a Struct the fields ``name.field``, a tuple of Structs ``name.0.field``, ``name.1.field``, … without those rows that are
    quite empty.
    """
    typed = await typed_in(request)
    errors: dict[str, _Refused] = {}
    business = business_of(request)
    said = _Reader(typed, errors, business.currency if business else "USD").struct(form, "")
    if said is None:
        raise _wrong(request, errors, typed)
    return said


async def wrong(request: Ask, errors: Mapping[str, str], **facts: object) -> Wrong:
    """What is wrong beyond the type of a field, to be raised: sentences of the catalogue by field."""
    return _wrong(request, {field: _Refused(sentence, **facts) for field, sentence in errors.items()}, await typed_in(request))


async def against(request: Ask, field: str, problem: Problem | str) -> Wrong:
    """What the rules say against a form (or its sentence), beside the field that it is about, to be raised."""
    said = problem if isinstance(problem, str) else str(document(request, problem)["detail"])
    return await wrong(request, {field: "{said}"}, said=said)


def seen(thing: msgspec.Struct) -> str:
    """What a form was drawn from, as a hidden field: who sends it after somebody else's change is told so, and overwrites nothing."""
    return hashlib.sha256(msgspec.json.encode(thing)).hexdigest()[:16]


async def fresh(request: Ask, thing: msgspec.Struct) -> None:
    """Raises ChangedMeanwhile if the form was drawn from something else (``seen``). Asked before anything else of the form is."""
    said = (await typed_in(request)).get("seen", [""])[0]
    if said and said != seen(thing):
        raise ChangedMeanwhile


def on_wrong(request: Ask, error: Wrong) -> Response[Any]:
    """A form that no page of ours sends: the fields are named, never what was written in them."""
    return on_problem(request, InvalidRequest(errors="; ".join(f"{field}: {said}" for field, said in error.errors.items())))


async def typed_in(request: Ask) -> dict[str, list[str]]:
    """All that was typed in a form, by field: to be sent once more after a question (``m.again``)."""
    typed: dict[str, list[str]] = {}
    for name, value in (await request.form()).items():
        if isinstance(value, str):
            typed.setdefault(name, []).append(value)
    return typed


def _wrong(request: Ask, errors: Mapping[str, _Refused], typed: Mapping[str, Sequence[str]]) -> Wrong:
    words = desk_of(request).words
    language = language_of(request, words)
    return Wrong({field: words.said(language, one.sentence, **one.facts) for field, one in errors.items()}, typed)


def _rows(typed: Mapping[str, Sequence[str]], name: str) -> Sequence[int]:
    head = name + "."
    numbers = {part for field in typed if field.startswith(head) and (part := field[len(head) :].partition(".")[0]).isdecimal()}
    return sorted(int(number) for number in numbers if len(number) <= len(str(MOST_ROWS)))[:MOST_ROWS]


class _Reader:
    """One form: what was typed, and the errors that are found in it."""

    def __init__(self, typed: Mapping[str, Sequence[str]], errors: dict[str, _Refused], currency: str) -> None:
        self._typed, self._errors, self._currency = typed, errors, currency

    def struct(self, form: type[F], head: str) -> F | None:
        """The form, or None if something in it is wrong."""
        values: dict[str, Any] = {}
        fine = True
        for field in msgspec.structs.fields(form):
            name = head + field.encode_name
            try:
                values[field.name] = self._field(name, field.type)
            except KeyError:
                if not field.required:
                    continue
                fine, self._errors[name] = False, _Refused(N_("Fill this in."))
            except _Refused as refused:
                fine, self._errors[name] = False, refused
        fine = fine and not any(name.startswith(head) for name in self._errors)
        return form(**values) if fine else None

    def _field(self, name: str, kind: Any) -> Any:
        """The value of a field. Raises KeyError if there is none, _Refused."""
        inner, limits = _bare(kind)
        if inner is Text:
            return self._text(name, limits)
        if get_origin(inner) is tuple:
            several = self._several(name, get_args(inner)[0])
            if limits is not None and len(several) < (limits.min_length or 0):
                raise _Refused(N_("Choose at least one."))
            return several
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return self.struct(inner, name + ".")
        value = self._typed[name][0]
        if inner is not str and not value.strip():
            raise KeyError(name)
        return self._one(value, kind, inner, limits)

    def _one(self, value: str, kind: Any, inner: Any, limits: msgspec.Meta | None) -> Any:
        if limits is not None and limits.description == "money":
            return _minor(value, self._currency, limits)
        plain: object = value if inner is str else value.strip()
        if inner is bool:
            plain = {"on": True}.get(value, value)
        if inner is dt.time and re.fullmatch(r"\d\d:\d\d", value.strip()):
            plain = value.strip() + ":00"
        try:
            return msgspec.convert(plain, kind, strict=False)
        except msgspec.ValidationError:
            raise _refused(value, inner, limits) from None

    def _text(self, name: str, limits: msgspec.Meta | None) -> Text:
        head = name + "."
        by = {field[len(head) :]: values[0] for field, values in self._typed.items() if field.startswith(head)}
        said = {language: words.replace("\r\n", "\n").strip() for language, words in by.items() if words.strip()}
        if not said or not all(re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]{2,4})?", language) for language in said):
            raise KeyError(name)
        most = limits.max_length if limits else None
        longest = max(map(len, said.values()))
        if most is not None and longest > most:
            raise _Refused(N_("At most {most} characters, please; these are {count}."), most=most, count=longest)
        if any("\0" in words for words in said.values()):
            raise _Refused(N_("This cannot stand here."))
        return Text(tuple(sorted(said.items())))

    def _several(self, name: str, kind: Any) -> tuple[Any, ...]:
        inner, limits = _bare(kind)
        if not (isinstance(inner, type) and issubclass(inner, msgspec.Struct)):
            return tuple(self._one(value, kind, inner, limits) for value in self._typed.get(name, ()) if value.strip())
        rows = []
        for number in _rows(self._typed, name):
            head = f"{name}.{number}."
            if any(value.strip() for field, values in self._typed.items() if field.startswith(head) for value in values):
                rows.append(self.struct(inner, head))
        return tuple(rows)


def _bare(kind: Any) -> tuple[Any, msgspec.Meta | None]:
    """The type without ``| None`` and without what limits it, and the limits."""
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        return inner, next((one for one in more if isinstance(one, msgspec.Meta)), None)
    return kind, None


def _refused(value: str, inner: Any, limits: msgspec.Meta | None) -> _Refused:  # noqa: PLR0911 (a table)
    if inner is str and limits is not None:
        if not value.strip():
            return _Refused(N_("Fill this in."))
        if limits.max_length is not None and len(value) > limits.max_length:
            return _Refused(N_("At most {most} characters, please; these are {count}."), most=limits.max_length, count=len(value))
    if inner is int:
        least, most = (limits.ge, limits.le) if limits is not None else (None, None)
        if least is not None and most is not None:
            return _Refused(N_("A whole number from {least} to {most}."), least=least, most=most)
        return _Refused(N_("A whole number, {least} or more."), least=least or 0)
    if inner is dt.date:
        return _Refused(N_("A day, such as 2026-11-30."))
    if inner is dt.time:
        return _Refused(N_("A time, such as 14:30."))
    if inner is str:
        return _Refused(N_("This cannot stand here."))
    return _Refused(N_("Choose one of these."))


def _minor(text: str, currency: str, limits: msgspec.Meta) -> int:
    amount = money.read(text, currency)
    if amount is None or not (limits.ge or 0) <= amount <= (limits.le or amount):
        raise _Refused(N_("An amount of money, such as {example}."), example=money.typed(10_000, currency))
    return amount


def path_within(path: str) -> str:
    """The path if it leads to a page of ours, else the front door: a sign-in never sends anybody to somebody else's site."""
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and len(path) <= LONGEST_PATH
    return path if ours and "\\" not in path else "/"


def kept(desk: Desk, member: Member) -> list[object]:
    """What a session holds of a person: who, with which version of the login, since when."""
    return [str(member.staff.id), member.login.version, desk.world.now().isoformat()]


def address_of(connection: Connection) -> str:
    """Where a request comes from. Behind a proxy: what the proxy says, if uvicorn is told to believe it (docs/runbook.md)."""
    return connection.client.host if connection.client else ""


def remembered(desk: Desk, name: str, value: str, *, samesite: Literal["lax", "strict"] = "lax") -> Cookie:
    """A cookie for a year, for https only where there is https; no script can read it."""
    secure = desk.public_url.startswith("https:")
    return Cookie(key=name, value=value, max_age=YEAR, path="/", secure=secure, httponly=True, samesite=samesite)
