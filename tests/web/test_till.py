"""One endpoint for tills that speak of transactions, and the scenarios that every installation publishes."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from databases import BOTH
from msgspec.structs import replace
from shop import Shop

from app import scenarios
from app.scenarios import SCENARIOS, Till
from app.store import SCOPES
from passes.wallets.base import Answer, Ask


async def a_key(shop: Shop, *scopes: str, test: bool = True) -> str:
    await shop.hand_out("Till", scopes=scopes or SCOPES, test=test)
    return shop.secrets["Till"]


def a_till(shop: Shop, key: str, **more: Any) -> Till:
    """A till whose requests go to the shop in this process, and whose minutes pass at once."""

    async def http(ask: Ask) -> Answer:
        reply = await shop.client.request(ask.method, ask.url, headers=dict(ask.headers), content=ask.body)
        return Answer(status=reply.status_code, headers=dict(reply.headers), body=reply.content)

    async def wait(seconds: float) -> None:
        shop.clock.forward(seconds=seconds)
        await asyncio.sleep(0)

    return Till(replace(shop.desk.world, http=http), "http://counter", key, wait=wait, **more)


async def test_every_published_scenario_is_played_in_test_mode_and_the_shop_has_nothing_of_it(shop: Shop) -> None:
    live = await shop.join("Hoa")
    before = await shop.desk.store.log_end(shop.business.id)
    till = a_till(shop, await a_key(shop), narrow=await a_key(shop, "read"), live_card=live["number"], patient=True)
    assert await scenarios.is_test_mode(till)
    came = [await scenarios.played(till, one) for one in SCENARIOS]
    assert [(one.scenario.name, one.said, one.why) for one in came if one.said != "pass"] == []
    assert await shop.desk.store.log_end(shop.business.id) == before
    assert not await shop.refused()


async def test_a_live_key_is_told_from_a_test_key(shop: Shop) -> None:
    assert not await scenarios.is_test_mode(a_till(shop, await a_key(shop, test=False)))


async def test_a_scenario_that_comes_out_otherwise_says_how(shop: Shop) -> None:
    await shop.change_offer("cookie", most=1)
    till = a_till(shop, await a_key(shop))
    (twice,) = scenarios.named(["presented twice"])
    assert (await scenarios.played(till, twice)).said == "pass"
    came = await scenarios.played(till, twice)
    assert came.said == "fail"
    assert came.why.startswith("POST redemptions was answered 409 limit_reached, not 201: ")


def test_scenarios_are_named_once_and_say_what_to_see() -> None:
    names = [one.name for one in SCENARIOS]
    assert len(set(names)) == len(names)
    assert all(one.why.endswith(".") and one.steps for one in SCENARIOS)
    assert all(step.endswith(".") for one in SCENARIOS for step in one.steps)
    with pytest.raises(ValueError, match="no scenario"):
        scenarios.named(["no such thing"])


async def test_the_scenarios_are_printed_for_anybody(shop: Shop) -> None:
    page = await shop.browser().get("/api/scenarios")
    assert page.status_code == 200
    assert page.text.count('type="checkbox"') == sum(len(one.steps) for one in SCENARIOS)


# --- One endpoint ---


async def say(shop: Shop, action: str, transaction: str, *, who: str = "An", **more: Any) -> httpx.Response:
    body = {"action": action, "transaction_id": transaction, **more}
    headers = {"Authorization": f"Bearer {shop.secrets[who]}", "Accept-Language": "en"}
    return await shop.client.post("/api/v1/till", json=body, headers=headers)


async def accepted(shop: Shop, action: str, transaction: str, **more: Any) -> dict[str, Any]:
    answer = await say(shop, action, transaction, **more)
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"], answer.text
    said: dict[str, Any] = answer.json()
    return said


async def refused(shop: Shop, action: str, transaction: str, **more: Any) -> str:
    answer = await say(shop, action, transaction, **more)
    assert answer.status_code == 200, answer.text
    assert not answer.json()["accepted"], answer.text
    word: str = answer.json()["problem"]["word"]
    return word


@BOTH
async def test_a_transaction_that_comes_after_its_reverse_is_not_done(shop: Shop) -> None:
    card, codes = await shop.join(), [await shop.cookie(), await shop.cookie("Bình")]
    late: dict[str, dict[str, Any]] = {
        "one": {"action": "redeem", "codes": codes[:1]},
        "all": {"action": "redeem", "codes": codes},
        "none": {"action": "redeem", "codes": ["nonsense"]},
        "stamp": {"action": "accrue", "card": card["number"]},
        "own": {"action": "reverse", "reverses": "stamp"},
    }
    for name in late:
        assert await refused(shop, "reverse", f"cancel {name}", reverses=name) == "not_found"
        assert (await shop.get(f"requests/till:{name}")).json()["state"] == "called_off"
    for name, body in late.items():
        first, again = [await say(shop, transaction=name, **body) for _ in range(2)]
        assert (first.status_code, first.json()["action"]) == (200, body["action"])
        assert first.json()["problem"]["word"] == "called_off"
        assert first.content == again.content
        assert await refused(shop, "reverse", f"cancel {name}", reverses=name) == "not_found", "the same answer again"
        assert await refused(shop, "reverse", f"cancel {name} anew", reverses=name) == "not_found"
    assert not await shop.refused()
    assert (await shop.get(f"cards/{card['id']}")).json()["balance"] == 0
    assert await refused(shop, "reverse", "itself", reverses="itself") == "called_off"
    await accepted(shop, "redeem", "one", codes=codes[1:], who="Bình")
    await accepted(shop, "redeem", "one more", codes=codes[:1])


async def test_what_was_refused_before_its_reverse_stays_refused(shop: Shop) -> None:
    nothing = await say(shop, "redeem", "bill", codes=["nonsense"])
    assert await refused(shop, "reverse", "cancelled", reverses="bill") == "not_found"
    assert (await say(shop, "redeem", "bill", codes=["nonsense"])).content == nothing.content
    assert (await shop.get("requests/till:bill")).json()["state"] == "finished"


@BOTH
async def test_a_transaction_and_its_reverse_at_the_same_moment_leave_nothing(shop: Shop) -> None:
    codes = [await shop.cookie(str(number)) for number in range(6)]
    for number, code in enumerate(codes):
        bills = [say(shop, "redeem", f"bill {number}", codes=[code])]
        back = [say(shop, "reverse", f"cancelled {number} {by}", reverses=f"bill {number}") for by in range(2)]
        both = [*back, *bills] if number % 2 else [*bills, *back]
        answers = [one.json() for one in await asyncio.gather(*both)]
        words = sorted(one["problem"]["word"] if "problem" in one else one["action"] for one in answers)
        assert words in (["called_off", "not_found", "not_found"], ["nothing_to_reverse", "redeem", "reverse"])
        assert (await shop.post("look-ups", {"code": code})).json()["verdict"] == "redeemable"


async def test_a_customer_is_searched_for_by_whatever_they_say(shop: Shop) -> None:
    hoa = await shop.join("Hoa Nguyễn", email="hoa@example.com", phone="0901 234 567")
    code = (await shop.stamp(hoa, 5))["earned"][0]["code"]
    await shop.join("Bình")
    for said in (
        {"card": hoa["number"]},
        {"card": hoa["id"]},
        {"code": code},
        {"email": "HOA@example.com"},
        {"phone": "+84 901 234 567"},
        {"name": "hoa ng"},
        {"name": "Hoa", "email": "hoa@example.com"},
    ):
        found = (await accepted(shop, "search", "t-1", **said))["cards"]
        assert [one["id"] for one in found] == [hoa["id"]], said
    for said in ({}, {"name": "H"}, {"email": "nobody@example.com"}, {"card": "nonsense"}, {"code": "nonsense"}, {"phone": "1"}):
        assert (await accepted(shop, "search", "t-1", **said))["cards"] == [], said


async def test_an_inquiry_says_what_the_bill_would_get_and_changes_nothing(shop: Shop) -> None:
    card = await shop.stamp(await shop.join(), 9)
    code = card["earned"][0]["code"]
    answer = await accepted(shop, "inquire", "t-1", card=card["card"]["number"], codes=[code, "nonsense"], count=1)
    assert [one["verdict"] for one in answer["verdicts"]] == ["redeemable", "unknown_code"]
    assert answer["would_earn"]["added"] == 1
    assert [one["title"] for one in answer["would_earn"]["offers"]] == ["Free coffee"]
    assert answer["card"]["balance"] == 9
    paid = await accepted(shop, "inquire", "t-1", card=card["card"]["number"], amount=50_000)
    assert paid["would_earn"]["added"] == 1, "a visit, whatever was paid"
    much = await accepted(shop, "inquire", "t-1", card=card["card"]["number"], count=1000)
    assert much["would_earn"]["problem"]["word"] == "cannot_earn"
    assert much["would_earn"]["problem"]["facts"] == {"why": "one action adds 1 to 100", "most": 100}
    assert await refused(shop, "inquire", "t-2", card="nobody's") == "not_found"
    assert (await shop.get(f"cards/{card['card']['id']}")).json()["balance"] == 9


async def test_a_transaction_sent_again_gets_its_answer_again_and_counts_once(shop: Shop) -> None:
    card = await shop.join()
    first, second = [await say(shop, "accrue", "t-1", card=card["number"], count=5, amount=90_000, receipt="R-1") for _ in range(2)]
    assert first.content == second.content
    assert second.headers["Idempotent-Replayed"] == "true"
    code = first.json()["earned"][0]["code"]
    first, second = [await say(shop, "redeem", "t-2", codes=[code], receipt="R-1") for _ in range(2)]
    assert first.content == second.content
    assert first.json()["redemptions"][0]["redemption"]["receipt"] == "R-1"
    first, second = [await say(shop, "redeem", "t-3", codes=[code]) for _ in range(2)]
    assert first.content == second.content
    assert first.json()["problem"]["word"] == "already_redeemed"
    assert (await shop.get(f"cards/{card['id']}")).json()["balance"] == 5
    assert len(await shop.refused()) == 1


@BOTH
async def test_a_transaction_id_is_for_one_request_for_ever(shop: Shop) -> None:
    card = await shop.join()
    await accepted(shop, "accrue", "t-1", card=card["number"])
    other = await say(shop, "accrue", "t-1", card=card["number"], count=2)
    assert (other.status_code, other.json()["word"]) == (422, "idempotency_key_reused")
    shop.clock.forward(days=3)
    await shop.desk.store.forget_kept(shop.clock())
    other = await say(shop, "accrue", "t-1", card=card["number"], count=2)
    assert (other.status_code, other.json()["word"]) == (422, "idempotency_key_reused")
    assert (await say(shop, "accrue", "t-1", card="nobody's")).status_code == 422
    again = await accepted(shop, "accrue", "t-1", card=card["number"])
    assert (again["added"], again["card"]["balance"], again["earned"]) == (1, 1, []), "nothing earned is said, too"
    first = await accepted(shop, "accrue", "t-9", card=card["number"], count=4, receipt="R-9")
    await shop.desk.store.forget_kept(shop.clock() + timedelta(days=1))
    assert await accepted(shop, "accrue", "t-9", card=card["id"], count=4, receipt="R-9") == first
    assert (await say(shop, "accrue", "t-1", card=card["number"], who="Bình")).json()["accepted"], "another till has its own"
    assert (await shop.get(f"cards/{card['id']}")).json()["balance"] == 6
    code, other_code = await shop.cookie(), await shop.cookie("Hằng")
    given = await accepted(shop, "redeem", "t-2", codes=[code])
    await shop.desk.store.forget_kept(shop.clock() + timedelta(days=1))
    assert (await say(shop, "redeem", "t-2", codes=[other_code])).status_code == 422
    assert (await say(shop, "redeem", "t-2", codes=[code], receipt="R-1")).status_code == 422
    assert (await say(shop, "redeem", "t-2", codes=[code], currency="USD")).status_code == 422
    late = await accepted(shop, "redeem", "t-2", codes=[code.lower()])
    assert late["redemptions"] == given["redemptions"], "done already, and this it was"
    assert not await shop.refused()
    assert await refused(shop, "redeem", "t-3", codes=[code]) == "already_redeemed"
    await accepted(shop, "redeem", "t-4", codes=[other_code])


async def test_several_codes_on_one_bill_are_redeemed_all_or_none(shop: Shop) -> None:
    one, two = await shop.cookie(), await shop.cookie("Bình")
    assert await refused(shop, "redeem", "t-1", codes=[one, "nonsense"]) == "basket_refused"
    assert await refused(shop, "redeem", "t-5", codes=[one, one.lower()]) == "invalid_request"
    assert await refused(shop, "redeem", "t-6", codes=[one, two], amount=100, currency="USD") == "wrong_currency"
    assert len((await accepted(shop, "redeem", "t-2", codes=[one, two]))["redemptions"]) == 2
    assert len((await accepted(shop, "reverse", "t-3", reverses="t-2"))["reversed"]["redemption_ids"]) == 2
    assert len((await accepted(shop, "redeem", "t-4", codes=[one, two]))["redemptions"]) == 2


async def test_a_transaction_is_taken_back_once(shop: Shop) -> None:
    card = await shop.join()
    code = (await accepted(shop, "accrue", "t-1", card=card["number"], count=5))["earned"][0]["code"]
    await accepted(shop, "redeem", "t-2", codes=[code])
    assert len((await accepted(shop, "reverse", "t-3", reverses="t-2"))["reversed"]["redemption_ids"]) == 1
    assert await refused(shop, "reverse", "t-4", reverses="t-2") == "nothing_to_reverse"
    first, second = [await say(shop, "reverse", "t-5", reverses="t-1") for _ in range(2)]
    assert first.content == second.content
    assert first.json()["reversed"]["taken"] == 5
    assert await refused(shop, "reverse", "t-6", reverses="t-1") == "nothing_to_return"
    assert await refused(shop, "reverse", "t-7", reverses="no such transaction") == "not_found"
    assert await refused(shop, "reverse", "t-8", reverses="t-1", who="Bình") == "not_found", "another till's transaction"
    now = (await shop.get(f"cards/{card['id']}")).json()
    assert (now["balance"], now["ready"]) == (0, [])


async def test_the_same_transaction_at_the_same_moment_is_done_once(shop: Shop) -> None:
    card = await shop.join()
    answers = await asyncio.gather(*(say(shop, "accrue", "t-1", card=card["number"]) for _ in range(8)))
    assert {one.status_code for one in answers} <= {200, 409}
    assert {one.json()["word"] for one in answers if one.status_code == 409} <= {"idempotency_key_in_flight"}
    assert (await shop.get(f"cards/{card['id']}")).json()["balance"] == 1


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"action": "steal", "transaction_id": "t"}, "invalid_request"),
        ({"action": "redeem", "transaction_id": "t"}, "invalid_request"),
        ({"action": "redeem", "transaction_id": "", "codes": ["X"]}, "invalid_request"),
        ({"action": "redeem", "transaction_id": "t" * 129, "codes": ["X"]}, "invalid_request"),
        ({"action": "redeem", "transaction_id": "t\n", "codes": ["X"]}, "invalid_request"),
        ({"action": "redeem", "transaction_id": "línea", "codes": ["X"]}, "invalid_request"),
        ({"action": "accrue", "transaction_id": "t", "card": "X", "count": "1"}, "invalid_request"),
        ({"action": "accrue", "transaction_id": "t", "card": "X", "cuont": 1}, "invalid_request"),
        ([], "invalid_request"),
    ],
)
async def test_what_is_no_transaction_is_a_mistake_of_the_request(shop: Shop, body: object, word: str) -> None:
    answer = await shop.client.post("/api/v1/till", json=body, headers={"Authorization": f"Bearer {shop.secrets['An']}"})
    assert (answer.status_code, answer.json()["word"]) == (400, word)


async def test_a_key_speaks_only_of_what_it_may_do(shop: Shop) -> None:
    card, code = await shop.join(), await shop.cookie("Bình")
    shop.secrets |= {"looks": await a_key(shop, "read", test=False), "stamps": await a_key(shop, "earn", test=False)}
    await accepted(shop, "search", "t-1", card=card["number"], who="looks")
    await accepted(shop, "accrue", "t-2", card=card["number"], who="stamps")
    await accepted(shop, "reverse", "t-3", reverses="t-2", who="stamps")
    for who, action, more in (
        ("looks", "redeem", {"codes": [code]}),
        ("looks", "accrue", {"card": card["number"]}),
        ("looks", "reverse", {"reverses": "t-2"}),
        ("stamps", "redeem", {"codes": [code]}),
        ("stamps", "search", {"name": "Hoa", "card": card["number"]}),
    ):
        answer = await say(shop, action, "t-9", who=who, **more)
        assert (answer.status_code, answer.json()["word"]) == (403, "wrong_scope")
