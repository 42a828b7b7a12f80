"""Google's discovery document of the Wallet API as a judge of bodies: malformed, refused, or shown differently than meant.

The document is the one that google-api-python-client carries; the rules that it only tells in words are written out below.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

Body = dict[str, Any]

_RANGES: Final = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1), "int64": (-(2**63), 2**63 - 1), "uint64": (0, 2**64 - 1)}
_RECOMMENDED: Final = re.compile(r"Recommended maximum (?:length )?is (\d+)|ellipsis after the first (\d+)")
_MOST_FIELDS: Final = re.compile(r"maximum number of these fields (?:displayed )?is (\d+)")


@cache
def judge() -> "Judge":
    """The judge by the installed discovery document. Raises ImportError naming the extra that brings it."""
    try:
        document = files("googleapiclient") / "discovery_cache" / "documents" / "walletobjects.v1.json"
    except ModuleNotFoundError as error:
        raise ImportError("Google's stand-in needs google-api-python-client for its schema: pip install 'counterpass[sandbox]'") from error
    return Judge(msgspec.json.decode(document.read_bytes())["schemas"])


class Judge:
    """Says what Google would say about a body of one of its schemas ("LoyaltyClass", "LoyaltyObject", ...)."""

    def __init__(self, schemas: Mapping[str, Mapping[str, Any]]) -> None:
        self._schemas = schemas

    def malformed(self, schema: str, body: object) -> list[str]:
        """Unknown fields, wrong types and unknown enum values, in the words of Google's JSON parser; empty if there are none."""
        return list(self._malformed(schema, body, ""))

    def refused(self, schema: str, body: Body) -> list[str]:
        """What Google refuses in a well-formed whole: required fields that are missing, and the rules that are only words."""
        found = [
            f"{name} is required."
            for name, rule in self._schemas[schema]["properties"].items()
            if str(rule.get("description", "")).startswith("Required") and body.get(name) in (None, "", {})
        ]
        for kind, part, at in self._parts(schema, body, schema):
            found += [f"{at}: {why}" for why in _RULES.get(kind, _no_rule)(part)]
        return found

    def doubtful(self, schema: str, body: Body) -> list[str]:
        """What Google takes but may cut, leave out or give up: lengths, numbers of fields, deprecated names."""
        found: list[str] = []
        for kind, part, at in self._parts(schema, body, schema):
            for name, item in part.items():
                found += self._doubts(self._schemas[kind]["properties"][name], item, f"{at}.{name}")
        return found

    def _doubts(self, rule: Mapping[str, Any], item: Any, at: str) -> Iterator[str]:
        said = str(rule.get("description", ""))
        if item is None:
            return
        if rule.get("deprecated"):
            yield f"{at} is deprecated"
        if "enum" in rule and "enumDeprecated" in rule and rule["enumDeprecated"][rule["enum"].index(item)]:
            yield f"{at}: {item} is deprecated"
        if (fields := _MOST_FIELDS.search(said)) and isinstance(item, list) and len(item) > int(fields[1]):
            yield f"{at}: {len(item)} given, {fields[1]} shown"
        if length := _RECOMMENDED.search(said):
            most = int(length[1] or length[2])
            yield from (f"{at}: {len(words)} characters, {most} are sure to be shown" for words in _words(item) if len(words) > most)

    def _malformed(self, schema: str, body: object, at: str) -> Iterator[str]:
        if not isinstance(body, dict):
            yield f"Invalid value at '{at or 'body'}' ({schema}), an object is expected"
            return
        for name, item in body.items():
            rule = self._schemas[schema]["properties"].get(name)
            if rule is None:
                where = f" at '{at}'" if at else ""
                yield f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.'
            elif item is not None:
                yield from self._value(rule, item, f"{at}.{name}" if at else name)

    def _value(self, rule: Mapping[str, Any], item: object, at: str) -> Iterator[str]:
        if "$ref" in rule:
            yield from self._malformed(rule["$ref"], item, at)
        elif rule["type"] == "array":
            if isinstance(item, list):
                for number, one in enumerate(item):
                    yield from self._value(rule["items"], one, f"{at}[{number}]")
            else:
                yield f"Invalid value at '{at}', a list is expected"
        elif not (item in rule["enum"] if "enum" in rule else _fits(rule["type"], rule.get("format", ""), item)):
            kind = "enum" if "enum" in rule else str(rule.get("format") or rule["type"])
            yield f"Invalid value at '{at}' (TYPE_{kind.upper()}), {msgspec.json.encode(item)[:80].decode(errors='replace')}"

    def _parts(self, schema: str, body: Body, at: str) -> Iterator[tuple[str, Body, str]]:
        """Every object inside a well-formed one, itself first, with its schema and its path."""
        yield schema, body, at
        for name, item in body.items():
            rule = self._schemas[schema]["properties"][name]
            inner = rule.get("$ref") or rule.get("items", {}).get("$ref")
            for one in item if isinstance(item, list) else [item]:
                if inner and isinstance(one, dict):
                    yield from self._parts(inner, one, f"{at}.{name}")


def _fits(kind: str, form: str, item: object) -> bool:
    match kind, item:
        case "string", str():
            if form in _RANGES:
                return re.fullmatch(r"-?\d{1,20}", item) is not None and _within(form, int(item))
            return form != "byte" or _is_base64(item)
        case (("string" | "integer"), int()) if form in _RANGES and not isinstance(item, bool):
            return _within(form, item)
        case "number", int() | float():
            return not isinstance(item, bool)
        case "boolean", bool():
            return True
        case _:
            return False


def _within(form: str, number: int) -> bool:
    least, most = _RANGES[form]
    return least <= number <= most


def _is_base64(item: str) -> bool:
    try:
        b64decode(item, validate=True)
    except ValueError:
        return False
    return True


def _words(item: Any) -> Iterator[str]:
    """The texts of a value whose length its description speaks of: a string, a LocalizedString, or a points balance."""
    match item:
        case str():
            yield item
        case {"string": str() as words}:
            yield words
        case {"defaultValue": default}:
            yield from (one["value"] for one in (default, *item.get("translatedValues", ())) if "value" in one)


# --- What the document says in words: "requests setting both or neither will be rejected", "can not include dots" ---


def _no_rule(_: Body) -> list[str]:
    return []


def _image(image: Body) -> list[str]:
    return [] if ("sourceUri" in image) != ("privateImageId" in image) else ["set either sourceUri or privateImageId."]


def _uri(uri: Body) -> list[str]:
    return [] if urlsplit(uri.get("uri", "")).scheme else ["URIs must have a scheme."]


def _points(points: Body) -> list[str]:
    return [] if points.get("balance") else ["balance is required."]


def _balance(balance: Body) -> list[str]:
    return [] if len(balance) == 1 else ["populate exactly one of string, int, double, money."]


def _barcode(barcode: Body) -> list[str]:
    if barcode.get("type") == "TEXT_ONLY":
        return ["alternateText cannot be set for a barcode of type TEXT_ONLY."] if "alternateText" in barcode else []
    return [] if barcode.get("type") and barcode.get("value") else ["type and value are required."]


def _text_module(module: Body) -> list[str]:
    return [] if re.fullmatch(r"[A-Za-z0-9_-]*", module.get("id", "")) else ["id may have only alphanumeric characters, '_' or '-'."]


def _localized(said: Body) -> list[str]:
    values = [said.get("defaultValue"), *said.get("translatedValues", ())]
    return [] if all(one and one.get("language") and one.get("value") for one in values) else ["each value needs a language and a value."]


def _interval(interval: Body) -> list[str]:
    offsets = {bool(re.search(r"(Z|[+-]\d\d:\d\d)$", end.get("date", ""))) for end in interval.values() if isinstance(end, dict)}
    return ["if one end has an offset, the other must have one too."] if len(offsets) > 1 else []


def _places(body: Body) -> list[str]:
    return ["at most 10 merchantLocations."] if len(body.get("merchantLocations", ())) > 10 else []  # noqa: PLR2004


_RULES: Final[Mapping[str, Callable[[Body], list[str]]]] = {
    "Image": _image,
    "ImageUri": _uri,
    "Uri": _uri,
    "LoyaltyPoints": _points,
    "LoyaltyPointsBalance": _balance,
    "Barcode": _barcode,
    "TextModuleData": _text_module,
    "LocalizedString": _localized,
    "TimeInterval": _interval,
    "LoyaltyClass": _places,
    "LoyaltyObject": _places,
}
