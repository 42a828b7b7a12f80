"""The document of the API: complete, exact, and its examples happened."""

import asyncio
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from afternoon import WITHOUT, afternoon
from contract import Till, masked
from jsonschema import Draft202012Validator
from shop import open_shop

from app.db import migrate
from app.problems import STATUS
from app.web.api import described


@pytest.fixture(scope="module")
async def till(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Till]:
    """A till at the end of its afternoon."""
    path = tmp_path_factory.mktemp("afternoon") / "shop.db"
    shutil.copy(sqlite_template, path)
    async with open_shop(f"sqlite:///{path}") as shop:
        yield await afternoon(shop)


async def test_every_call_is_made_on_an_afternoon_and_its_example_happened_just_so(till: Till) -> None:
    assert sorted(till.contract.requests.keys() - till.sent.keys() - WITHOUT.keys()) == [], "say it in afternoon.py"
    kept, now = json.loads(described.EXAMPLES.read_text(encoding="utf-8")), till.happened
    assert [name for name in now if masked(kept.get(name)) != masked(now[name])] == [], "make examples"


async def test_a_problem_within_an_answer_is_described_like_every_other(till: Till) -> None:
    schemas = till.contract.document["components"]["schemas"]
    problem = {"$ref": "#/components/schemas/Problem"}
    for name in ("Verdict", "BasketResult", "WouldEarn"):
        assert problem in schemas[name]["properties"]["problem"]["anyOf"], name
    assert schemas["TillAnswer"]["properties"]["problem"] == problem, "there is one, or it is left out"


async def test_every_call_says_what_it_is_for_what_it_takes_and_what_it_answers(till: Till) -> None:
    document = till.contract.document
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    words = {kind.word: int(status) for kind, status in STATUS.items()}
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)
    for one in operations:
        name, parameters = one["operationId"], {each["name"]: each for each in one["parameters"]}
        assert one["summary"].endswith((".", ";", ":", ",")) or one["description"].startswith(one["summary"]), name
        assert tags[one["tags"][0]]
        assert all(each["description"] for each in parameters.values()), (
            name,
            [n for n, each in parameters.items() if not each["description"]],
        )
        assert {"400", "401", "403", "429", "500", "503"} <= one["responses"].keys(), name
        for status, answer in one["responses"].items():
            assert answer["description"]
            for kind, content in answer.get("content", {}).items():
                if kind == "application/problem+json":
                    assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                    assert {words[word] for word in answer["x-words"]} == {int(status)}


async def test_what_a_body_may_not_have_is_said_and_refused(till: Till) -> None:
    for name, call in till.contract.requests.items():
        _, _, operation = till.contract.calls[call]
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            if kind == "application/json":
                body = till.examples[name]["body"] | {"colour": "red"}
                assert list(till.contract.faults(content["schema"], body)), name
                assert (await till.send(till.request(call, body, **till.examples[name].get("parameters", {})))).status_code == 400, name


@pytest.mark.parametrize(
    "asked",
    ["limt=5", "limit=1&limit=2", "limit=0", "program_id=null", "changed_since=0.5", "changed_since=yesterday", "fields=colour", "fields="],
)
async def test_a_parameter_that_is_not_there_or_not_so_is_refused_by_its_name(till: Till, asked: str) -> None:
    answer = await till.shop.client.get(f"/api/v1/cards?{asked}", headers=till.shop.headers("Lan"))
    assert (answer.status_code, answer.json()["word"]) == (400, "invalid_request")
    assert asked.partition("=")[0] in answer.json()["detail"]


async def test_what_is_left_of_an_answer_by_its_fields_says_that_it_is_not_all(till: Till) -> None:
    answer = await till.shop.client.get("/api/v1/cards?fields=id,number&limit=1", headers=till.shop.headers("Lan"))
    assert answer.headers["content-type"] == "application/vnd.counterpass.fields+json"
    assert [set(one) for one in answer.json()["data"]] == [{"id", "number"}]


async def test_a_body_that_says_it_is_no_json_is_not_read(till: Till) -> None:
    for kind, status in (("text/plain", 415), ("application/x-www-form-urlencoded", 415), ("Application/JSON; charset=utf-8", 200)):
        headers = {**till.shop.headers("Lan"), "Content-Type": kind}
        answer = await till.shop.client.post("/api/v1/look-ups", content=b'{"code": "K7Q"}', headers=headers)
        assert answer.status_code == status
        assert status == 200 or answer.json()["facts"] == {"accepted": "application/json"}
        said = b'{"action": "search", "transaction_id": "a"}'
        assert (await till.shop.client.post("/api/v1/till", content=said, headers=headers)).status_code == status


async def test_what_is_wrong_with_a_body_is_said_in_words(till: Till) -> None:
    joining = {"program_id": str(till.shop.program.id), "name": "Hoa"}
    for address, body, errors in (
        ("join", {**joining, "birthday": "1990-02-29"}, "Expected month and day, as 02-29 - at `$.birthday`"),
        ("join", {**joining, "name": "  "}, "Expected text that is not only spaces - at `$.name`"),
        ("cards/K7QM4XRT3C12/earnings", {"currency": "vnd"}, "Expected three capital letters, as VND - at `$.currency`"),
        ("redemptions", {"codes": ["K7Q"], "mode": "some"}, "Invalid enum value 'some' - at `$.mode`; there are: all, each"),
        (f"webhooks/{UUID(int=1)}/secret", {"overlap": "2h"}, "Invalid enum value '2h' - at `$.overlap`; there are: now, 1h, 24h"),
        ("till", {"action": "pay"}, "Invalid value 'pay' - at `$.action`; there are: search, inquire, redeem, accrue, reverse"),
        ("till", {"transaction_id": "é", "action": "search"}, "Expected printable ASCII characters - at `$.transaction_id`"),
    ):
        answer = await till.shop.post(address, body, who="Lan")
        assert (answer.status_code, answer.json()["facts"]) == (400, {"errors": errors})
    headers = till.shop.headers("Lan")
    for content, more, word, fact in (
        (b'{"code": "\xff"}', {}, "invalid_request", {"errors": "the body is not UTF-8"}),
        (b"\x1f\x8b", {"Content-Encoding": "gzip"}, "wrong_media_type", {"accepted": "application/json (Content-Encoding: identity)"}),
    ):
        said = {**headers, "Content-Type": "application/json", **more}
        answer = await till.shop.client.post("/api/v1/look-ups", content=content, headers=said)
        assert (answer.json()["word"], answer.json()["facts"]) == (word, fact)


async def test_an_address_says_which_methods_it_takes(till: Till) -> None:
    for method, status in (("PUT", 405), ("OPTIONS", 204)):
        for address, methods in (("redemptions", {"GET", "POST"}), ("cards/JW04C4CHDP46/earnings", {"POST"})):
            answer = await till.shop.client.request(method, f"/api/v1/{address}")
            assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (status, {*methods, "OPTIONS"})


async def test_every_reference_leads_somewhere_and_every_schema_is_one(till: Till) -> None:
    document = till.contract.document
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        there = document
        for part in reference.split("/"):
            there = there[part]
    forms = [re.sub(r"{\w+}", "{}", path) for path in document["paths"]]
    assert len(forms) == len(set(forms)), "of two addresses that differ in a name alone nobody could say which is meant"
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
        assert all(field.get("default", True) for field in schema.get("properties", {}).values()), "generators take it for always there"


async def test_the_document_is_served_with_the_address_of_this_installation(till: Till) -> None:
    answer = await till.shop.client.get("/api/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == json.loads(json.dumps(till.contract.document))
    assert answer.json()["servers"] == [{"url": "https://cards.example", "description": "This installation"}]


async def test_the_page_for_people_shows_every_call_and_every_schema(till: Till) -> None:
    async with till.shop.browser() as browser:
        page = (await browser.get("/api")).text
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert till.contract.calls.keys() <= set(ids)
    assert {f"schema-{name}" for name in till.contract.document["components"]["schemas"]} <= set(ids)
    assert [one for one in re.findall(r'href="#([^"]+)"', page) if one not in ids] == []
    assert not re.search(r'(src|href)="https?:', page)
    told = [answer for item in till.contract.document["paths"].values() for call in item.values() for answer in call["responses"].values()]
    assert {word for answer in told for word in answer.get("x-words", ())} == set(re.findall(r'href="/problems/(\w+)"', page))


async def examples() -> None:
    """Write the examples anew that are not what happens now."""
    with tempfile.TemporaryDirectory() as folder:
        await migrate(f"sqlite:///{folder}/shop.db")
        async with open_shop(f"sqlite:///{folder}/shop.db") as shop:
            till = await afternoon(shop)
    kept = json.loads(described.EXAMPLES.read_text(encoding="utf-8")) if described.EXAMPLES.exists() else {}
    written = {name: kept[name] if masked(kept.get(name)) == masked(one) else one for name, one in till.happened.items()}
    described.EXAMPLES.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(examples())
