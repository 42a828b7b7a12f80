"""The document of the API as a contract: does an answer keep it, and what a till says to every call of it on one afternoon."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
from jsonschema import Draft202012Validator, FormatChecker
from shop import Shop

from app.web.api import described

Json = dict[str, Any]

HIDDEN = {"code", "codes", "shown", "number", "which", "card_number", "secret", "next", "presented"}
"""Fields whose values are drawn: of these an example only shows one."""
DRAWN = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"), "<time>"),
    (re.compile(r"/c/[\w-]+"), "/c/<key>"),
    (re.compile(r"\b[0-9CDFGHJKMNPQRTVWXY]{9}(?:[0-9CDFGHJKMNPQRTVWXY]{3})?\b"), "<code>"),
]


def masked(value: Any) -> Any:
    """An example without what differs from one afternoon to the other: ids, times, codes, secrets."""
    match value:
        case dict():
            return {name: _kind(one) if name in HIDDEN else masked(one) for name, one in value.items()}
        case list():
            return [masked(one) for one in value]
        case str():
            for pattern, instead in DRAWN:
                value = pattern.sub(instead, value)
            return value
        case _:
            return value


def _kind(value: Any) -> Any:
    return [_kind(one) for one in value] if isinstance(value, list) else type(value).__name__


class Request(NamedTuple):
    """A request to an operation, as it was sent."""

    name: str
    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    kind: str
    """Its media type."""


class Contract:
    """What the document promises."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self.calls: dict[str, tuple[str, str, Json]] = {
            operation["operationId"]: (method.upper(), path, operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
        }
        self.requests: dict[str, str] = {
            f"{name} {kind}".strip(): name for name, (_, _, operation) in self.calls.items() for kind in operation.get("x-scopes", ("",))
        }
        """Every request that there is, and its call: where a body is one of several, one for each."""
        self.hooks: dict[str, Json] = {kind: item["post"] for kind, item in document["webhooks"].items()}
        self._validators: dict[str, Draft202012Validator] = {}

    @cached_property
    def _closed(self) -> Json:
        """The components with nothing in them that is not described."""
        components = deepcopy(self.document["components"])
        for schema in components["schemas"].values():
            if "properties" in schema:
                schema.setdefault("additionalProperties", False)
        return components

    def faults(self, schema: Json, value: object) -> Iterator[str]:
        key = json.dumps(schema)
        if key not in self._validators:
            self._validators[key] = Draft202012Validator({**schema, "components": self._closed}, format_checker=FormatChecker())
        for error in self._validators[key].iter_errors(value):
            yield f"{error.json_path}: {error.message[:300]}"

    def wrongs(self, name: str, answer: httpx.Response) -> list[str]:
        """Where an answer is not what the document promises of this call."""
        _, _, operation = self.calls[self.requests[name]]
        said = operation["responses"].get(str(answer.status_code))
        if said is None:
            return [f"{name} answers {answer.status_code}: {answer.text[:300]}"]
        wrong = []
        kind = answer.headers.get("content-type", "").partition(";")[0]
        content = said.get("content", {})
        if not content:
            wrong += [f"{name} {answer.status_code} has a body"] if answer.content else []
        elif kind not in content:
            wrong.append(f"{name} {answer.status_code} is {kind}")
        elif kind.endswith("json") and "schema" in content[kind]:
            wrong += [f"{name} {answer.status_code} {fault}" for fault in self.faults(content[kind]["schema"], answer.json())]
        if "x-words" in said and answer.json()["word"] not in said["x-words"]:
            wrong.append(f"{name} {answer.status_code} {answer.json()['word']}: this word is not in the document")
        if answer.status_code in (429, 503) and not answer.headers.get("retry-after", "").isdecimal():
            wrong.append(f"{name} {answer.status_code} has no Retry-After")
        return wrong


class Till:
    """A till that makes every call, each the way the document describes it; what it said first to each is an example."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        transport: Any = shop.client._transport
        self.contract = Contract(described.document(transport.app, public_url=shop.desk.public_url))
        self.examples: dict[str, Json] = {}
        self.refused: dict[str, Json] = {}
        self.tried: dict[str, Request] = {}
        self.sent: dict[str, Request] = {}

    @property
    def happened(self) -> dict[str, Json]:
        """What the document shows: an example of each call and webhook, and the problems that there were."""
        return {**self.examples, **{f"problem {word}": one for word, one in self.refused.items()}}

    def request(self, name: str, body: object = None, *, content: bytes = b"", kind: str = "application/json", **given: Any) -> Request:
        method, path, operation = self.contract.calls[name]
        places = {one["name"]: one["in"] for one in operation.get("parameters", ())}
        assert given.keys() <= places.keys(), (name, given.keys() - places.keys())
        for field, value in given.items():
            path = path.replace(f"{{{field}}}", quote(str(value), safe=""))
        query = {field: str(value) for field, value in given.items() if places[field] == "query"}
        return Request(name, method, path, query, content or (b"" if body is None else json.dumps(body).encode()), kind)

    async def send(self, request: Request, *, once: str = "", secret: str | None = None) -> httpx.Response:
        headers = self.shop.headers("Lan", key=once or None)
        if secret is not None:
            headers["Authorization"] = f"Bearer {secret}"
        if request.body:
            headers["Content-Type"] = request.kind
        client = self.shop.client
        return await client.request(request.method, request.path, params=dict(request.query), content=request.body, headers=headers)

    async def ask(self, name: str, body: object = None, *, once: str = "", secret: str | None = None, **given: Any) -> Any:
        """What the call answers, which is what the document promises; the first that succeeds is its example."""
        request = self.request(name, body, **given)
        if body is not None:
            schema = self.contract.calls[name][2]["requestBody"]["content"]["application/json"]["schema"]
            assert list(self.contract.faults(schema, body)) == [], name
        kind = body.get("action") if isinstance(body, dict) else None
        name = f"{name} {kind}" if f"{name} {kind}" in self.contract.requests else name
        self.tried.setdefault(name, request)
        answer = await self.send(request, once=once, secret=secret)
        assert self.contract.wrongs(name, answer) == []
        if answer.headers.get("content-type", "") == "application/problem+json":
            self.refused.setdefault(answer.json()["word"], answer.json())
        answered = answer.json() if "json" in answer.headers.get("content-type", "") else answer.text
        if name not in self.sent and answer.is_success:
            self.sent[name] = request
            known = {field: value for field, value in given.items() if field not in ("content", "kind")}
            said = {
                "parameters": json.loads(json.dumps(known, default=str)),
                "body": body,
                "status": answer.status_code,
                "answer": answered if isinstance(answered, dict) else None,
            }
            self.examples[name] = {
                field: value for field, value in said.items() if value is not None and (field, value) != ("parameters", {})
            }
        return answered
