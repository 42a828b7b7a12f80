"""What schemathesis loads: of the ids and codes that it makes up, some are exchanged for those that there are (tests/fuzz.py)."""

import json
import os
import re
import zlib
from pathlib import Path
from typing import Any

import schemathesis

KNOWN: dict[str, list[str]] = json.loads(Path(os.environ["FUZZ_KNOWN"]).read_text(encoding="utf-8"))
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OFTEN = 3
"""Of so many that could be exchanged, one is not."""


def there(name: str, value: Any) -> Any:
    """The value, or one that there is: one that is valid stays valid, and one that is not stays wrong."""
    if isinstance(value, list) and name == "codes":
        return [there("code", one) for one in value]
    pool = KNOWN.get(name)
    if not pool or not isinstance(value, str) or (name.endswith("_id") and not UUID.fullmatch(value)) or not 0 < len(value) <= 200:
        return value
    drawn = zlib.crc32(value.encode("utf-8", "surrogatepass"))
    return value if drawn % OFTEN == 0 else pool[drawn // OFTEN % len(pool)]


def all_there(values: Any) -> Any:
    return {name: there(name, one) for name, one in values.items()} if isinstance(values, dict) else values


@schemathesis.check
def word_of_the_document(ctx: Any, response: Any, case: Any) -> None:
    """A problem is one of those that the document has for this status."""
    said = case.operation.definition.raw["responses"].get(str(response.status_code), {}).get("x-words")
    if said is not None and case.method.upper() == case.operation.method.upper():
        assert response.json()["word"] in said, f"{response.json()['word']} is none of {said}"


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    return all_there(path_parameters)


@schemathesis.hook
def map_query(context: Any, query: Any) -> Any:
    return all_there(query)


def whole(value: Any) -> Any:
    """JSON Schema calls 190.0 an integer, too. Whoever writes money with a fraction is refused here."""
    match value:
        case dict():
            return {name: whole(one) for name, one in value.items()}
        case list():
            return [whole(one) for one in value]
        case float() if value.is_integer():
            return int(value)
    return value


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    return whole(all_there(body))
