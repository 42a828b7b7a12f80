"""The API's reference: the document that describes it, for programs and as a page for people."""

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from litestar import Response, get
from markupsafe import Markup, escape

from app.web.api import described
from app.web.api.names import Json
from app.web.pages import language_of, render
from app.web.sessions import known
from app.web.wire import JSON, Ask, desk_of

METHODS: Final = ("get", "post", "patch", "put", "delete")
_WORDS: Final = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")


class Line(msgspec.Struct, frozen=True):
    """A parameter, or a field of a schema."""

    name: str
    kind: Markup
    about: Markup
    needed: bool
    place: str = ""
    """path, query or header."""


class Answer(msgspec.Struct, frozen=True):
    """What a call may answer with a status."""

    status: str
    about: Markup
    kind: Markup
    headers: Sequence[str]
    example: str = ""


class Shown(msgspec.Struct, frozen=True):
    """A call (or a webhook) as the page shows it."""

    name: str
    method: str
    path: str
    summary: Markup
    about: Markup
    lines: Sequence[Line]
    body: Markup
    body_example: str
    answers: Sequence[Answer]
    curl: str = ""


class Group(msgspec.Struct, frozen=True):
    """The calls of a tag."""

    name: str
    about: Markup
    calls: Sequence[Shown]


class Kind(msgspec.Struct, frozen=True):
    """A schema that has a name."""

    name: str
    about: Markup
    kind: Markup
    lines: Sequence[Line]


def prose(text: str) -> Markup:
    """Paragraphs, lists, `words` and **words** of a docstring as HTML; everything else in it is only text."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.split("\n")
        if all(line.startswith("- ") for line in lines):
            items = Markup("").join(Markup("<li>{}</li>").format(_marked(line[2:])) for line in lines)
            blocks.append(Markup("<ul>{}</ul>").format(items))
        else:
            blocks.append(Markup("<p>{}</p>").format(_marked(" ".join(lines))))
    return Markup("\n").join(blocks)


def _marked(text: str) -> Markup:
    said, end = Markup(""), 0
    for found in _WORDS.finditer(text):
        said += escape(text[end : found.start()])
        said += Markup("<code>{}</code>").format(found[1]) if found[1] else Markup("<strong>{}</strong>").format(found[2])
        end = found.end()
    return said + escape(text[end:])


def kind_of(schema: Json) -> Markup:  # noqa: PLR0911 (a table)
    """A schema in a few words, with links to those that have a name."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return Markup(" or ").join(kind_of(one) for one in schema[several])
    if "allOf" in schema:
        return kind_of(schema["allOf"][0])
    if "const" in schema:
        return _values([schema["const"]])
    if "enum" in schema:
        return _values(schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "array":
        items = schema.get("items") or schema.get("prefixItems") or {}
        many = Markup(", ").join(kind_of(one) for one in items) if isinstance(items, list) else kind_of(items) if items else "anything"
        return Markup("list of {}").format(many) + _bounds(schema, "Items", "")
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return Markup("object of {}").format(kind_of(schema["additionalProperties"]))
    said = {"date-time": "time", "date": "day"}.get(schema.get("format", ""), schema.get("format") or kind)
    return escape(said) + _bounds(schema, "Length", " characters") + _range(schema)


def _values(values: Sequence[object]) -> Markup:
    return Markup(" or ").join(Markup("<code>{}</code>").format(msgspec.json.encode(one).decode()) for one in values)


def _bounds(schema: Json, of: str, unit: str) -> Markup:
    least, most = schema.get(f"min{of}"), schema.get(f"max{of}")
    if most is not None:
        return escape(f", {least} to {most}{unit}" if least else f", at most {most}{unit}")
    return escape(f", at least {least}{unit}" if least else "")


def _range(schema: Json) -> Markup:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None and most is None:
        return Markup("")
    return escape(f", {least if least is not None else '…'} to {most if most is not None else '…'}")


def _lines(schema: Json) -> Iterator[Line]:
    needed = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield Line(name, kind_of(field), _marked(field.get("description", "")), name in needed)


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _content(said: Json) -> tuple[Markup, str]:
    for kind, media in said.get("content", {}).items():
        schema = media.get("schema")
        return kind_of(schema) if schema else escape(kind), "\n\n".join(_pretty(one) for one in _shown_in(media))
    return Markup(""), ""


def _shown_in(media: Json) -> list[object]:
    """The example of a body, or one of each kind that it may be."""
    each = [one["value"] for one in media.get("examples", {}).values() if "value" in one]
    return [media["example"]] if "example" in media else each


def _problems(about: Markup, words: Sequence[str]) -> Markup:
    """What is said of an answer, where the word of each problem leads to the page that explains it."""
    for word in words:
        said = Markup("<code>{}</code>").format(word)
        about = about.replace(said, Markup('<a href="/problems/{}">{}</a>').format(word, said), 1)
    return about


def _curl(server: str, method: str, path: str, operation: Json) -> str:
    """The call as it is typed into a shell, with the values of the example."""
    asked = []
    for one in operation.get("parameters", ()):
        value = one.get("example")
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(value if value is not None else f"{{{one['name']}}}"))
        elif one["in"] == "query" and value is not None:
            asked.append(f"{one['name']}={value}")
    address = shlex.quote(f"{server}{path}{'?' if asked else ''}{'&'.join(asked)}")
    parts = [f"curl -s{'' if method == 'get' else f' -X {method.upper()}' if method != 'post' else ''} {address}"]
    parts.append('-H "Authorization: Bearer $KEY"')
    if any(one["name"] == "Idempotency-Key" and one.get("required") for one in operation.get("parameters", ())):
        parts.append('-H "Idempotency-Key: $(uuidgen)"')
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"-H {shlex.quote(f'Content-Type: {kind}')}")
        shown = _shown_in(media) if kind.endswith("json") else []
        parts.append(f"-d {shlex.quote(msgspec.json.encode(shown[0]).decode())}" if shown else "--data-binary @file")
        break
    return " \\\n  ".join(parts)


def _shown(method: str, path: str, operation: Json, server: str) -> Shown:
    body, body_example = _content(operation.get("requestBody", {}))
    answers = []
    for status, said in operation["responses"].items():
        kind, example = _content(said)
        about = _problems(prose(said["description"]), said.get("x-words", ()))
        answers.append(Answer(status, about, kind, tuple(said.get("headers", ())), example))
    about = operation["description"].partition("\n")[2].strip()
    lines = [
        Line(one["name"], kind_of(one["schema"]), _marked(one.get("description", "")), one.get("required", False), one["in"])
        for one in operation.get("parameters", ())
    ]
    curl = _curl(server, method, path, operation) if server else ""
    return Shown(
        operation["operationId"],
        method.upper(),
        path,
        _marked(operation["summary"]),
        prose(about) if about else Markup(""),
        lines,
        body,
        body_example,
        answers,
        curl,
    )


def groups(document: Json) -> Sequence[Group]:
    """The calls of the document by their tags."""
    server = document["servers"][0]["url"]
    shown = [
        (operation["tags"][0], _shown(method, path, operation, server))
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]
    return [
        Group(tag["name"], prose(tag["description"]), [call for name, call in shown if name == tag["name"]]) for tag in document["tags"]
    ]


def hooks(document: Json) -> Sequence[Shown]:
    """What is sent to the endpoints of a business."""
    return [_shown("post", name, item["post"], "") for name, item in document["webhooks"].items()]


def kinds(document: Json) -> Sequence[Kind]:
    """The schemas that have a name."""
    return [
        Kind(name, prose(schema.get("description", "")), Markup("") if "properties" in schema else kind_of(schema), tuple(_lines(schema)))
        for name, schema in document["components"]["schemas"].items()
    ]


def written(request: Ask) -> tuple[Json, bytes]:
    """The document of this installation, and its bytes; made when it is first asked for."""
    state = request.app.state
    public_url = desk_of(request).public_url
    if getattr(state, "described", ("",))[0] != public_url:
        document = described.document(request.app, public_url=public_url)
        state.described = (public_url, document, msgspec.json.encode(document))
        state.reference = {}
    _, document, encoded = state.described
    return document, encoded


def drawn(request: Ask) -> Markup:
    """All calls and schemas as the page shows them; drawn once in each language, which takes a tenth of a second."""
    document, _ = written(request)
    pages: dict[str, Markup] = request.app.state.reference
    language = language_of(request, desk_of(request).words)
    if language not in pages:
        whole = render(
            request,
            "reference_drawn.html",
            about=prose(document["info"]["description"]),
            scopes=prose(document["components"]["securitySchemes"]["key"]["description"]),
            groups=groups(document),
            hooks=hooks(document),
            kinds=kinds(document),
        )
        pages[language] = Markup(whole.content)  # noqa: S704 (it was drawn from a template, which escapes)
    return pages[language]


@get("/api/openapi.json")
async def machine(request: Ask) -> Response[Any]:
    """The document that describes the API, for programs."""
    return Response(written(request)[1], media_type=JSON, headers={"Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*"})


@get("/api", guards=[known])
async def page(request: Ask) -> Response[str]:
    """The same for people."""
    return render(request, "reference.html", drawn=drawn(request))


public = (machine,)
handlers = (page,)
