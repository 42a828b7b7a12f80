"""The document that describes the API (OpenAPI 3.1), made of what each call is declared with.

Its schemas are msgspec's own, which also reads the bodies and writes the answers: they cannot disagree.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from http import HTTPStatus
from inspect import cleandoc
from itertools import chain
from pathlib import Path
from types import UnionType
from typing import Any, Final, NamedTuple, get_args, get_origin

import msgspec
from litestar import Litestar, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import ParameterKwarg
from litestar.routes import HTTPRoute
from litestar.types import Empty

from app.desk.webhooks import Told
from app.problems import CONTENT_TYPE, STATUS, ChangedSince, InvalidRequest, KeyReused, RateLimited, TooLarge, WrongMediaType
from app.store import SCOPES
from app.web.api.calls import ALWAYS, CHANGING, ProblemDocument
from app.web.api.lists import SPARSE
from app.web.api.names import (
    ABOUT,
    ACCEPT_LANGUAGE,
    EVENT_WORDS,
    HEADERS,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    IN_PATHS,
    NAMES,
    SCHEMAS,
    SCOPE_WORDS,
    SIGNED,
    Json,
)
from app.web.wire import JSON, Ask, Strict, bare, words_of
from passes.problems import Problem

LONGEST: Final = 200
"""So much of what is wrong is said again."""
PREFIX: Final = "/api/v1"
_AT: Final = "#/components/schemas/"
REF: Final = _AT + "{name}"
PAGE: Final = "PageOf"
EXAMPLES: Final = Path(__file__).with_name("examples.json")
"""By operation: what was asked, and what the answer was. tests/web/test_openapi.py asks it all anew, and writes this file."""

PROBLEM: Final = "problem "
"""In front of the word, among the examples."""
THERE: Final = "https://cards.example"
"""Where the examples happened."""


class Call(NamedTuple):
    """One operation: where it is, and the handler that it is declared with."""

    method: str
    path: str
    handler: HTTPRouteHandler
    places: Mapping[str, Any]
    """Parameters of the path."""

    @property
    def name(self) -> str:
        """Its operationId."""
        return NAMES.get(f"{self.method} {self.path.removeprefix(PREFIX)}", self.handler.handler_name)

    @property
    def opt(self) -> Mapping[str, Any]:
        """What ``calls.call`` was told."""
        return self.handler.opt

    @property
    def body(self) -> Any:
        """The type of its JSON body, or None."""
        data = self.handler.parsed_fn_signature.parameters.get("data")
        if data is None:
            return None
        dto = self.handler.resolve_data_dto()
        return dto.says or dto.model_type if dto is not None and issubclass(dto, Strict) else data.annotation

    @property
    def reads(self) -> bool:
        """Whether it answers with an ETag, and with ``fields`` of it only if asked to (lists.reading)."""
        return bool(self.opt.get("cached"))

    @property
    def replays(self) -> bool:
        """Whether an answer may be one that was given before: with an Idempotency-Key, or a name of the till's own (till.py)."""
        return bool(self.opt["changes"]) or KeyReused in self.opt["refuses"]

    @property
    def asked(self) -> Iterator[tuple[str, Any, ParameterKwarg | None, object]]:
        """Its query parameters: name, type, limits, default."""
        for name, field in self.handler.parsed_fn_signature.parameters.items():
            if name not in self.places and name not in ("data", "request"):
                limits = field.kwarg_definition if isinstance(field.kwarg_definition, ParameterKwarg) else None
                if limits is None or not limits.header:
                    yield (limits and (limits.name or limits.query)) or name, field.annotation, limits, field.default

    @property
    def refuses(self) -> Sequence[type[Problem]]:
        """Every problem that it may answer with."""
        problems = [*self.opt["refuses"], *ALWAYS, RateLimited]
        if self.opt["changes"]:
            problems += CHANGING
        if self.body is not None or self.opt["takes"]:
            problems += [TooLarge, WrongMediaType]
        return tuple(dict.fromkeys(problems))


async def only_what_is_described(request: Ask) -> Response[Any] | None:
    """Before a call: a parameter that it does not have is a mistake of the caller, and never simply left out.

    OPTIONS is answered here: of an address with calls from several places, Litestar names the methods of one of them only.
    """
    if "answers" not in request.route_handler.opt:
        there = {method for one in request.app.routes if one.path_format == request.scope["path_template"] for method in one.methods}
        return bare(HTTPStatus.NO_CONTENT, {"Allow": ", ".join(sorted(there))})
    if request.scope["query_string"]:
        known, seen = _known(request.route_handler), set[str]()
        for name, value in request.query_params.multi_items():
            if name not in known:
                raise InvalidRequest(errors=f"{name[:LONGEST]}: no such parameter; there are: {', '.join(known) or 'none'}")
            if name in seen and name not in _several(request.route_handler):
                raise InvalidRequest(errors=f"{name}: said twice")
            if not known[name].pattern.fullmatch(value):
                raise InvalidRequest(errors=f"{name}: {known[name].said}")
            seen.add(name)
    return None


class Allowed(NamedTuple):
    """What a query parameter may be, and how that is said to who said something else."""

    pattern: re.Pattern[str]
    said: str


@cache
def _known(handler: HTTPRouteHandler) -> Mapping[str, Allowed]:
    """The query parameters of a call."""
    one = Call("", "", handler, dict.fromkeys(re.findall(r"{(\w+):", "".join(handler.paths)), str))
    known = {name: _values(kind) for name, kind, *_ in one.asked}
    if one.reads:
        asked = _fields(one.opt["answers"])
        known["fields"] = asked["schema"]["pattern"], f"with commas between them, any of {', '.join(_written(one.opt['answers']))}"
    return {name: Allowed(re.compile(pattern, re.IGNORECASE | re.DOTALL), said) for name, (pattern, said) in known.items()}


@cache
def _several(handler: HTTPRouteHandler) -> frozenset[str]:
    """The query parameters of a call that may be said several times."""
    asked = Call("", "", handler, dict.fromkeys(re.findall(r"{(\w+):", "".join(handler.paths)), str)).asked
    return frozenset(name for name, kind, *_ in asked if any(get_origin(one) is list for one in (kind, *get_args(kind))))


def _values(kind: Any) -> tuple[str, str]:
    """What Litestar may be given, who would take null for None in what may be left out, and a number for a time; and how that is said."""
    if words := words_of(kind):
        return "|".join(map(re.escape, words)), f"one of {', '.join(words)}"
    if datetime in (kind, *get_args(kind)):
        return (
            r"\d{4}-\d\d-\d\dT\S*",
            "a time with its offset, as 2026-11-22T14:05:00Z, or 2026-11-22T21:05:00%2B07:00 (in an address + is a space)",
        )
    return "(?!null$).*" if type(None) in get_args(kind) else ".*", "leave it out, or say one that there is"


def calls(app: Litestar) -> Sequence[Call]:
    """Every operation of the API, in the order in which it is put together."""
    return [
        Call(method, route.path_format, handler, {name: _place(handler, name) for name in route.path_parameters})
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if "answers" in handler.opt
    ]


def _place(handler: HTTPRouteHandler, name: str) -> Any:
    return handler.parsed_fn_signature.parameters[name].annotation


def document(app: Litestar, *, public_url: str) -> Json:
    """The whole document, as JSON encodes it."""
    known = calls(app)
    answers = {one.name: one.opt["answers"] for one in known if one.opt["gives"] == JSON and one.opt["answers"] is not None}
    bodies = {one.name: one.body for one in known if one.body is not None}
    written, read = [_parts(one) for one in answers.values()], list(bodies.values())
    schemas, components = msgspec.json.schema_components(
        [*chain(*written), ProblemDocument, Told, *read], schema_hook=_unknown, ref_template=REF
    )
    described = iter(schemas)
    answered = {name: _either([next(described) for _ in parts]) for name, parts in zip(answers, written, strict=True)}
    _, hook = next(described), next(described)
    taken = dict(zip(bodies, described, strict=True))
    _plain(components)
    _complete(components, [*chain(*written), Told], read)
    named = {schema_name(name): schema for name, schema in components.items()}
    if len(named) < len(components):
        raise TypeError("two schemas of one name: SCHEMAS calls one of them otherwise")
    for schema in named.values():
        _tidy(schema)
    for schema in chain(named.values(), answered.values(), taken.values(), (hook,)):
        _renamed(schema)
    examples = _examples()
    paths: defaultdict[str, Json] = defaultdict(dict)
    for one in known:
        paths[one.path][one.method.lower()] = _operation(one, answered.get(one.name), taken.get(one.name), _example_of(one))
    tags = dict.fromkeys(_tag(one) for one in known)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Counterpass", "version": "1", "summary": "The till API", "description": ABOUT, "license": _LICENCE},
        "servers": [{"url": public_url, "description": "This installation"}],
        "tags": [{"name": name, "description": about} for name, about in tags],
        "paths": dict(paths),
        "webhooks": {kind: {"post": _told(kind, hook, examples.get(kind, {}))} for kind in EVENT_WORDS},
        "components": {
            "schemas": dict(sorted(named.items())),
            "headers": dict(HEADERS),
            "examples": {
                name.removeprefix(PROBLEM): {
                    "summary": example["title"],
                    "value": example | {"type": example["type"].replace(THERE, public_url)},
                }
                for name, example in examples.items()
                if name.startswith(PROBLEM)
            },
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": _scopes()}},
        },
    }


def _parts(kind: Any) -> Sequence[Any]:
    """An answer may be one of several Structs, which need no tags: nobody decodes it here."""
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _either(schemas: Sequence[Json]) -> Json:
    return schemas[0] if len(schemas) == 1 else {"anyOf": [*schemas]}


_LICENCE: Final = {"name": "Apache-2.0", "identifier": "Apache-2.0"}


@cache
def _examples() -> Mapping[str, Json]:
    read: Mapping[str, Json] = msgspec.json.decode(EXAMPLES.read_bytes()) if EXAMPLES.exists() else {}
    return read


def _scopes() -> str:
    said = "\n".join(f"- `{scope}`: {SCOPE_WORDS[scope]}" for scope in SCOPES)
    return f"A key that an owner made (`cp_live_…`, `cp_test_…`). Each call says which scopes may make it; one of them is enough:\n\n{said}"


def _tag(one: Call) -> tuple[str, str]:
    """A tag for each module of calls: its name, and what its docstring says after the colon."""
    module = one.handler.fn.__module__
    about = (sys.modules[module].__doc__ or "").strip().partition("\n")[0]
    subject, _, rest = about.partition(": ")
    name = module.rpartition(".")[2].capitalize()
    said = rest or subject
    return name, said[0].upper() + said[1:]


def _operation(one: Call, answered: Json | None, taken: Json | None, example: Json) -> Json:
    about = cleandoc(one.handler.fn.__doc__ or "")
    scopes, each = one.opt["scopes"], one.opt["each"]
    needs = f"Needs a key with {_any(scopes)}." if scopes else "For every key."
    operation: Json = {
        "operationId": one.name,
        "tags": [_tag(one)[0]],
        "summary": about.partition("\n")[0],
        "description": "\n\n".join([about, needs, *(f"- `{kind}` needs {_any(of)}." for kind, of in each.items())]),
        "parameters": list(_parameters(one, example)),
        "security": [{"key": [scope]} for scope in scopes] or [{"key": []}],
        "responses": dict(_responses(one, answered, example)),
        **({"x-scopes": {kind: [*of] for kind, of in each.items()}} if each else {}),
    }
    if taken is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: _shown_by(example, "body", {"schema": taken})}}
    elif one.opt["takes"]:
        operation["requestBody"] = {"required": True, "content": {kind: {"schema": _file(kind)} for kind in one.opt["takes"]}}
    return operation


def _any(scopes: Sequence[str]) -> str:
    return " or ".join(f"`{scope}`" for scope in scopes)


def _example_of(one: Call) -> Json:
    """What was said to a call, and answered; where its body is one of several, for ``each`` of them."""
    known = _examples()
    each = {kind: known[f"{one.name} {kind}"] for kind in one.opt["each"] if f"{one.name} {kind}" in known}
    return {"each": each} if each else known.get(one.name, {})


def _shown_by(example: Json, part: str, said: Json, status: int | None = None) -> Json:
    """A body or an answer, with what it was."""
    if "each" in example:
        return said | {"examples": {kind: {"value": of[part]} for kind, of in example["each"].items() if status in (None, of["status"])}}
    return _exemplified(said, example.get(part) if status in (None, example.get("status")) else None)


def _exemplified(said: Json, example: object) -> Json:
    return said if example is None else {**said, "example": example}


def _parameters(one: Call, example: Json) -> Iterator[Json]:
    given = example.get("parameters", {})
    for name, kind in one.places.items():
        about, more = IN_PATHS.get(name) or (f"The id of the {name.removesuffix('_id').replace('_', ' ')}.", {})
        schema = _schema(kind, None) | more
        yield _exemplified({"name": name, "in": "path", "required": True, "description": about, "schema": schema}, given.get(name))
    for name, kind, limits, default in one.asked:
        schema = _schema(kind, limits)
        if default is not Empty and default not in (None, ""):
            schema["default"] = default
        about = (limits and limits.description) or f"Only of this {name.removesuffix('_id').replace('_', ' ')}."
        asked = {"name": name, "in": "query", "required": default is Empty, "description": about, "schema": schema}
        yield _exemplified(asked, given.get(name))
    if one.reads:
        yield from (_fields(one.opt["answers"]), IF_NONE_MATCH)
    if ChangedSince in one.opt["refuses"]:
        yield IF_MATCH
    if one.opt["changes"]:
        yield IDEMPOTENCY_KEY
    yield ACCEPT_LANGUAGE


def _fields(answers: type[msgspec.Struct]) -> Json:
    """The parameter with which only some fields are asked for: of a page, of each on it."""
    names = f"({'|'.join(_written(answers))})"
    return {
        "name": "fields",
        "in": "query",
        "description": "Only these fields of what is answered (of each, in a list), with commas between them.",
        "schema": {"type": "string", "pattern": rf"^\s*{names}\s*(,\s*{names}\s*)*$"},
    }


def _written(answers: type[msgspec.Struct]) -> Sequence[str]:
    of = get_args(answers.__annotations__["data"])[0] if answers.__struct_fields__ == ("data", "next") else answers
    return tuple(of.__struct_encode_fields__)


def _told(kind: str, hook: Json, example: Json) -> Json:
    """A message to an address of the business's own (Standard Webhooks)."""
    schema = {"allOf": [hook, {"properties": {"type": {"const": kind}}}]}
    return {
        "operationId": kind.replace(".", "_"),
        "summary": EVENT_WORDS[kind],
        "security": [],
        "description": f"{EVENT_WORDS[kind]}\n\nVerify it with a library of Standard Webhooks and the secret of the webhook.",
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": about, "schema": {"type": "string"}}
            for name, about in SIGNED.items()
        ],
        "requestBody": {"required": True, "content": {JSON: _exemplified({"schema": schema}, example.get("body"))}},
        "responses": {
            "2XX": {"description": "It is taken. Anything else is tried again, over three days."},
            "410": {"description": "Nobody is here any more: the webhook is switched off."},
        },
    }


_LIMITS: Final = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_items": "minItems",
    "max_items": "maxItems",
    "pattern": "pattern",
}


def _schema(kind: Any, limits: ParameterKwarg | None) -> Json:
    """The schema of a parameter; nobody can say null in an address."""
    parts = [part for part in get_args(kind) if part is not type(None)] if type(None) in get_args(kind) else [kind]
    schema = dict(msgspec.json.schema(parts[0]))
    if parts[0] is datetime:
        schema |= {"format": "date-time", "minLength": len("2026-11-22T14:05:00Z")}
    for limit, word in _LIMITS.items():
        if limits is not None and (value := getattr(limits, limit, None)) is not None:
            schema[word] = value
    return schema


def _responses(one: Call, answered: Json | None, example: Json) -> Iterator[tuple[str, Json]]:
    limited = ("Request-Id", "RateLimit-Policy", "RateLimit")
    headers = _named(*limited, *(["ETag"] if one.reads else []), *(["Idempotent-Replayed"] if one.replays else []))
    for status in dict.fromkeys((one.handler.status_code, *one.opt["also"])):
        response: Json = {"description": HTTPStatus(status).description, "headers": headers}
        if answered is not None:
            response["content"] = {JSON: _shown_by(example, "answer", {"schema": answered}, status)}
            if one.reads:
                response["content"][SPARSE] = {"schema": {"type": "object"}}
        elif one.opt["answers"] is not None:
            response["content"] = {one.opt["gives"]: {"schema": _file(one.opt["gives"])}}
        yield str(status), response
    if one.reads:
        yield "304", {"description": "What you have (`If-None-Match`) is how it is.", "headers": _named("ETag", *limited)}
    by_status: defaultdict[int, list[type[Problem]]] = defaultdict(list)
    for problem in one.refuses:
        by_status[int(STATUS[problem])].append(problem)
    for status, found in sorted(by_status.items()):
        more = [*(["Idempotent-Replayed"] if one.replays and status not in (401, 429, 500, 503) else [])]
        if status in (HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            more.append("Retry-After")
        if status == HTTPStatus.UNAUTHORIZED:
            more.append("WWW-Authenticate")
        yield (
            str(status),
            {
                "description": "\n".join(f"- `{kind.word}`: {_first(kind)}" for kind in found),
                "headers": _named(*(limited if status != HTTPStatus.UNAUTHORIZED else limited[:1]), *more),
                "content": {CONTENT_TYPE: {"schema": {"$ref": _AT + schema_name(ProblemDocument.__name__)}, **_shown(found)}},
                "x-words": [kind.word for kind in found],
            },
        )


def _shown(found: Sequence[type[Problem]]) -> Json:
    there = [kind.word for kind in found if PROBLEM + kind.word in _examples()]
    return {"examples": {word: {"$ref": f"#/components/examples/{word}"} for word in there}} if there else {}


def _file(kind: str) -> Json:
    return {"type": "string"} if kind.startswith("text/") else {"type": "string", "format": "binary"}


def _first(kind: type[Problem]) -> str:
    return " ".join(cleandoc(kind.__doc__ or "").split())


def _named(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _unknown(kind: type) -> Json:
    if kind is object:
        return {"description": "Any value."}  # an empty one msgspec would take for none
    raise TypeError(f"{kind} has no schema: a view is made of plain values")


# --- What is always in an answer is required there ---


def _complete(components: Json, answers: Iterable[Any], bodies: Iterable[Any]) -> None:
    """What must be read, msgspec says; of what is written, everything is there but what omits its defaults."""
    read = {one.__name__ for one in _structs(bodies)}
    for one in _structs(answers):
        schema = components.get(one.__name__)
        if schema is not None:
            _timed(schema, one)
            for kind in schema["properties"].get("problem", {}).get("anyOf", ()):
                if kind.get("type") == "object":  # the desk does not know how a problem is sent: there it is a dict
                    kind.clear()
                    kind["$ref"] = REF.format(name=ProblemDocument.__name__)
        if schema is None or one.__name__ in read or one.__struct_config__.omit_defaults:
            continue
        schema["required"] = list(schema.get("properties", {}))
        for field in schema.get("properties", {}).values():
            field.pop("default", None)


def _tidy(schema: Json) -> None:
    """A docstring as Markdown, where four spaces are code; and no default that is nothing: openapi-typescript takes it for always there."""
    if "description" in schema:
        schema["description"] = cleandoc(schema["description"]).replace("``", "`")
    for field in schema.get("properties", {}).values():
        if not field.get("default", True):
            del field["default"]


def _plain(schema: Any) -> None:
    """A pair as a list of two, in place: generators of clients know no other."""
    match schema:
        case {"prefixItems": items, "items": False}:
            kinds = [one for place, one in enumerate(items) if one not in items[:place]]
            del schema["prefixItems"]
            schema["items"] = _either(kinds)
            _plain(schema["items"])
        case dict():
            for one in schema.values():
                _plain(one)
        case list():
            for one in schema:
                _plain(one)


def schema_name(name: str) -> str:
    """What the schema of a Struct is called."""
    if name.startswith(PAGE):
        return PAGE + schema_name(name.removeprefix(PAGE))
    return SCHEMAS.get(name) or name.removesuffix("View")


def _renamed(schema: Any) -> None:
    """Every reference in it, in place, to the schemas as they are called."""
    match schema:
        case dict():
            for name, one in schema.items():
                if isinstance(one, str) and one.startswith(_AT):
                    schema[name] = _AT + schema_name(one.removeprefix(_AT))
                else:
                    _renamed(one)
        case list():
            for one in schema:
                _renamed(one)


def _timed(schema: Json, of: type[msgspec.Struct]) -> None:
    """Msgspec says the format of a time only where it insists on its zone when it reads one; those that we write all have one."""
    for field in msgspec.inspect.type_info(of).fields:  # type: ignore[attr-defined] # of a Struct
        kinds = field.type.types if isinstance(field.type, msgspec.inspect.UnionType) else (field.type,)
        if any(isinstance(kind, msgspec.inspect.DateTimeType) for kind in kinds):
            said = schema["properties"][field.encode_name]
            for one in said.get("anyOf", [said]):
                if one.get("type") == "string":
                    one["format"] = "date-time"


def _structs(kinds: Iterable[Any]) -> Iterator[type[msgspec.Struct]]:
    """Every Struct in these types."""
    seen: set[type] = set()
    waiting: list[Any] = list(msgspec.inspect.multi_type_info(list(kinds)))
    while waiting:
        match waiting.pop():
            case msgspec.inspect.StructType(cls=cls, fields=fields):
                if cls not in seen:
                    seen.add(cls)
                    yield cls
                    waiting += [field.type for field in fields]
            case msgspec.inspect.UnionType(types=types):
                waiting += types
            case msgspec.inspect.TupleType(item_types=types):
                waiting += types
            case msgspec.inspect.DictType(value_type=one):
                waiting.append(one)
            case msgspec.inspect.CollectionType(item_type=one):
                waiting.append(one)
            case msgspec.inspect.Metadata(type=one):
                waiting.append(one)
