"""The log, the history and the catalogue as programs read them; and what becomes of a request that is sent twice, or lost."""

import asyncio
from datetime import timedelta
from typing import Any, get_args
from urllib.parse import quote
from uuid import uuid4

import httpx
from databases import BOTH
from shop import Shop, open_shop

from app.desk.telling import EVENT_TYPES, TYPES
from app.problems import STATUS
from app.store import Change
from passes import codes
from passes.cards import EventKind
from passes.coupons import Coupon


async def all_of(shop: Shop, path: str, **asked: Any) -> list[dict[str, Any]]:
    """A list to its end, two at a time."""
    found, after = [], ""
    while True:
        answer = await shop.client.get(f"/api/v1/{path}", params={**asked, "limit": 2, "after": after}, headers=shop.headers("Lan"))
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        after = answer.json()["next"]
        if after is None:
            return found


# --- The log ---


def test_every_kind_of_event_has_a_type_and_no_two_the_same() -> None:
    assert set(EVENT_TYPES) == set(get_args(EventKind))
    assert sorted(EVENT_TYPES.values()) == sorted(TYPES)


@BOTH
async def test_the_log_tells_what_happened_in_order_and_goes_on_where_one_stopped(shop: Shop) -> None:
    card = await shop.card_with_cookie("Hoa")
    redeemed = (await shop.redeem(card["ready"][0]["code"])).json()["redemption"]
    await shop.post(f"redemptions/{redeemed['id']}/reversal", {})
    log = await all_of(shop, "events", card_id=card["id"])
    assert [one["type"] for one in log] == ["customer.joined", "card.earned", "reward.ready", "coupon.redeemed", "coupon.reversed"]
    assert log[1]["count"] == 5
    assert log[3]["at"] == redeemed["at"] == "2026-11-20T12:00:00+07:00"
    assert {one["customer_id"] for one in log} == {log[0]["customer_id"]}
    assert await all_of(shop, "events", customer_id=log[0]["customer_id"]) == log

    await shop.stamp(await shop.join("Tú"), 1)
    since = (await shop.get(f"events?after={log[-1]['cursor']}")).json()
    assert [one["type"] for one in since["data"]] == ["customer.joined", "card.earned"]
    assert (await shop.get(f"events?after={since['data'][-1]['cursor']}")).json() == {"data": [], "next": None}
    assert [one["type"] for one in await all_of(shop, "events", type=["coupon.redeemed", "coupon.reversed"])] == [
        "coupon.redeemed",
        "coupon.reversed",
    ]
    for odd in ("type=nonsense", "after=nonsense", "limit=0", "limit=201", "card_id=17"):
        assert (await shop.get(f"events?{odd}")).json()["word"] == "invalid_request", odd


# --- The history ---


@BOTH
async def test_redemptions_and_refusals_by_when_where_what_and_whom(shop: Shop) -> None:
    code = await shop.cookie("Hoa")
    shop.clock.forward(minutes=1)
    first = (await shop.redeem(code)).json()["redemption"]["id"]
    await shop.redeem(code, who="Bình")
    shop.clock.forward(minutes=10)
    second = (await shop.redeem(await shop.cookie("Tú"), who="An in Thảo Điền")).json()["redemption"]["id"]
    third = (await shop.redeem(await shop.cookie("Vy"), who="Bình")).json()["redemption"]["id"]
    await shop.post(f"redemptions/{third}/reversal", {}, who="Bình")

    async def ids(**asked: str) -> set[str]:
        return {one["id"] for one in await all_of(shop, "redemptions", **asked)}

    assert [one["id"] for one in (await shop.get("redemptions")).json()["data"]][-1] == first
    assert await ids() == {first, second, third}
    assert await ids(location_id=str(shop.locations["Thảo Điền"].id)) == {second}
    assert await ids(staff_id=str(shop.staff["Bình"].id)) == await ids(state="reversed") == {third}
    assert await ids(offer_id=str(shop.offers["coffee"].id)) == await ids(offer_id=str(uuid4())) == set()
    later = (shop.clock() - timedelta(minutes=1)).isoformat()
    assert (await ids(since=later), await ids(until=later)) == ({second, third}, {first})

    (line,) = await all_of(shop, "redemptions", until=later)
    assert (line["customer"], line["offer"], line["location"], line["staff"], line["state"]) == (
        "Hoa",
        "Free cookie",
        "Bến Thành",
        "An",
        "redeemed",
    )
    assert (await shop.get(f"redemptions/{first}")).json() == line
    taken_back = (await shop.get(f"redemptions/{third}")).json()
    assert (taken_back["state"], taken_back["reversed_at"]) == ("reversed", "2026-11-20T12:11:00+07:00")
    (refused,) = await all_of(shop, "refusals", staff_id=str(shop.staff["Bình"].id))
    assert (refused["word"], refused["presented"], refused["coupon_id"]) == ("already_redeemed", code, line["coupon_id"])
    assert (await shop.get(f"redemptions/{refused['id']}")).status_code == 404

    for odd in ("since=2026-11-20", "since=2026-11-20T00:00:00", "until=0001-01-01T00:00:00%2B14:00", "state=refused"):
        assert (await shop.get(f"redemptions?{odd}")).json()["word"] == "invalid_request", odd


async def test_who_asks_for_what_there_is_not_is_told_what_there_is(shop: Shop) -> None:
    for path, said in {
        "redemptions?state=used": "state: one of redeemed, reversed, goodwill",
        "redemptions?since=2026-11-01": "since: a time with its offset",
        "redemptions?since=2026-11-01T00:00:00+07:00": "since: a time with its offset",
        "redemptions?fields=ids": "fields: with commas between them, any of id, state, at, code",
        "events?type=stamped": "type: one of customer.joined, ",
    }.items():
        assert (await shop.get(path)).json()["facts"]["errors"].startswith(said), path


# --- The catalogue ---


async def test_programs_offers_and_locations_as_they_are_made(shop: Shop) -> None:
    (program,) = await all_of(shop, "programs")
    assert [(one["at"], one["offer"]) for one in program["goals"]] == [(5, "Free cookie"), (10, "Free coffee")]
    assert (program["earning"], program["unit"]) == ({"kind": "by_visit", "each": 1}, "stamps")
    assert program["join_url"] == f"https://cards.example/join/{program['id']}"
    assert (await shop.get(f"programs/{program['id']}")).json() == program
    offers = await all_of(shop, "offers")
    assert {one["id"] for one in offers} >= {str(one.id) for one in shop.offers.values()}
    cookie = (await shop.get(f"offers/{shop.offers['cookie'].id}", language="vi")).json()
    assert (cookie["title"], cookie["action"]) == ("Bánh quy miễn phí", "Bấm BÁNH QUY MIỄN PHÍ")
    assert [one["name"] for one in await all_of(shop, "locations")] == ["Bến Thành", "Thảo Điền"]

    known = await shop.client.get("/api/v1/offers", headers=shop.headers())
    asked = {**shop.headers(), "If-None-Match": known.headers["etag"]}
    assert (await shop.client.get("/api/v1/offers", headers=asked)).status_code == 304
    await shop.change_offer("cookie", state="paused")
    assert (await shop.client.get("/api/v1/offers", headers=asked)).status_code == 200
    assert (await shop.get("offers?fields=id,state")).json()["data"][0].keys() == {"id", "state"}
    for what in ("programs", "offers", "locations", "redemptions"):
        assert (await shop.get(f"{what}/{uuid4()}")).json()["word"] == "not_found"


# --- A request that is sent twice ---


async def test_an_idempotency_key_is_a_quoted_string_or_bare(shop: Shop) -> None:
    body = {"program_id": str(shop.program.id), "name": "Hoa"}
    plain = [(name, value) for name, value in shop.headers().items() if name != "Idempotency-Key"]

    async def join(*keys: str) -> httpx.Response:
        return await shop.client.post(
            "/api/v1/join", json=body, headers=[*plain, *(("Idempotency-Key", key.encode("latin-1")) for key in keys)]
        )

    for said, meant in (('"sale-1"', "sale-1"), (r'"a\"b\\c"', r'a"b\c'), ('"a,b"', "a,b"), ("x" * 255, "x" * 255), (" sale 2 ", "sale 2")):
        made = await join(said)
        assert made.status_code == 201, said
        kept = (await shop.get(f"requests/{quote(meant, safe='')}")).json()
        assert (kept["state"], kept["key"], kept["answer"]) == ("finished", meant, made.json())
        if said.strip('" ') == meant.strip():
            assert (await join(meant.join('""') if "," in meant else meant)).headers["idempotent-replayed"] == "true"
    odd = ("a,b", '"a" b', '""', "", '"', "x" * 256, "Ü", "a\tb", r'"a\b"', '"a";n=1')
    for keys_ in ((), ("one", "two"), *((one,) for one in odd)):
        refused = await join(*keys_)
        assert (refused.status_code, refused.json()["word"]) == (400, "idempotency_key_missing"), keys_


async def test_a_request_put_together_anew_is_the_same_in_whatever_order_its_fields_stand(shop: Shop) -> None:
    card = await shop.join()
    headers = {**shop.headers("An"), "Idempotency-Key": "sale-1", "Content-Type": "application/json"}
    path = f"/api/v1/cards/{card['id']}/earnings"
    first, *again = [
        await shop.client.post(path, content=body, headers=headers)
        for body in ('{"count": 1, "receipt": "R-1"}', '{"receipt":"R-1","count":1}', '{\n"receipt": "\\u0052-1", "count": 1}')
    ]
    assert [(one.status_code, one.content) for one in again] == [(201, first.content)] * 2
    for other in ('{"count": 1, "receipt": "R-2"}', '{"count": 1}', '{"count": 1, "receipt": "R-1"', "", "[" * 5000):
        assert (await shop.client.post(path, content=other, headers=headers)).status_code in (400, 422), other
    nothing = await shop.client.post(path, content="", headers={**headers, "Idempotency-Key": "sale-2"})
    assert nothing.json()["facts"]["errors"] == "the body is empty: send at least {}"
    assert (await shop.get(f"cards/{card['id']}")).json()["balance"] == 1


@BOTH
async def test_what_became_of_a_request_is_told_to_its_own_key_only(shop: Shop) -> None:
    code = await shop.cookie()
    done = await shop.redeem(code, key="sale/4711 ?#%")
    assert done.status_code == 201
    path = f"requests/{quote('sale/4711 ?#%', safe='')}"
    said = (await shop.get(path)).json()
    assert said == {
        "key": "sale/4711 ?#%",
        "state": "finished",
        "status": 201,
        "at": "2026-11-20T12:00:00+07:00",
        "until": "2026-11-21T12:00:00+07:00",
        "answer": done.json(),
    }
    refused = await shop.redeem(code, key="again")
    again = (await shop.get("requests/again")).json()
    assert (again["status"], again["answer"]) == (409, refused.json())
    assert (await shop.redeem(code, key="again")).headers["idempotent-replayed"] == "true"
    nothing = {"state": "unknown", "status": None, "at": None, "until": None, "answer": None}
    assert (await shop.get(path, who="Bình")).json() == {"key": "sale/4711 ?#%", **nothing}
    hook = {"url": "https://shop.example.com/hook"}
    made = await shop.post("webhooks", hook, who="Minh", key="hook")
    assert made.json()["secret"].startswith("whsec_")
    told = (await shop.get("requests/hook", who="Minh")).json()["answer"]
    assert told == made.json() | {"secret": None}
    assert (await shop.post("webhooks", hook, who="Minh", key="hook")).content == made.content  # the connection was cut
    assert (await shop.get("requests/never-sent")).json() == {"key": "never-sent", **nothing}
    assert (await shop.get("requests/a//b")).json()["key"] == "a//b"
    assert (await shop.get(f"requests/{'x' * 256}")).status_code == 404
    assert (await shop.get("requests/%C3%9C")).status_code == 404


async def test_a_request_that_is_being_worked_on_says_so(shop: Shop) -> None:
    code = await shop.cookie()
    first, second, asked = await asyncio.gather(shop.redeem(code, key="one"), shop.redeem(code, key="one"), shop.get("requests/one"))
    assert first.status_code == 201
    assert (second.status_code, second.json()["word"], second.headers["retry-after"]) == (409, "idempotency_key_in_flight", "1")
    assert asked.json()["state"] == "in_flight"
    assert (await shop.get("requests/one")).json()["answer"] == first.json()
    reused = await shop.redeem(await shop.cookie(), key="one")
    assert (reused.status_code, reused.json()["word"]) == (422, "idempotency_key_reused")


async def test_an_answer_that_only_says_not_now_is_not_kept(sqlite_url: str) -> None:
    async with open_shop(sqlite_url, queue="1") as shop:
        bodies = {f"join-{n}": {"program_id": str(shop.program.id), "name": f"Guest {n}"} for n in range(8)}
        answers = await asyncio.gather(*(shop.post("join", body, key=key) for key, body in bodies.items()))
        assert {answer.status_code for answer in answers} == {201, 503}
        for (key, body), answer in zip(bodies.items(), answers, strict=True):
            if answer.status_code == 503:
                assert answer.headers["retry-after"] == "1"
                assert (await shop.get(f"requests/{key}")).json()["state"] == "unknown"
                assert (await shop.post("join", body, key=key)).status_code == 201

        await shop.hand_out("Till", per_minute=1)
        code = await shop.cookie()
        answers = [await shop.post("look-ups", {"code": code}, who="Till"), await shop.redeem(code, who="Till", key="now")]
        assert [answer.status_code for answer in answers] == [200, 429]
        shop.clock.forward(minutes=1)
        assert (await shop.redeem(code, who="Till", key="now")).status_code == 201

        broken = await shop.cookie()  # a coupon that was used, and nobody knows when: no answer but 500
        presented = await shop.desk.store.presented(shop.business.id, codes.clean(broken))
        assert presented

        async def state(was: str, to: str) -> None:
            await shop.desk.commit(shop.clock(), changes=[Change(of=Coupon, id=presented.coupon.id, seen={"state": was}, to={"state": to})])

        await state("active", "redeemed")
        assert (await shop.redeem(broken, key="mended")).status_code == 500
        assert (await shop.get("requests/mended")).json()["state"] == "unknown"
        await state("redeemed", "active")
        assert (await shop.redeem(broken, key="mended")).status_code == 201


# --- What a problem means ---


async def test_a_problems_type_leads_to_a_page_that_explains_it(shop: Shop) -> None:
    refused = (await shop.redeem("17")).json()
    assert refused["type"] == f"https://cards.example/problems/{refused['word']}"
    look_up = (await shop.post("look-ups", {"code": "17"})).json()
    assert look_up["problem"]["type"] == refused["type"]
    path = "/problems/already_redeemed"
    page = await shop.client.get(path, headers={"Accept": "text/html", "Accept-Language": "vi"})
    assert "<h1>" in page.text
    assert "{at}" in page.text
    assert "đã" in page.text
    plain = await shop.client.get(path)
    assert plain.headers["content-type"].startswith("text/plain")
    assert "The coupon is used up." in plain.text
    everything = await shop.client.get("/problems", headers={"Accept": "text/html"})
    assert [kind.word for kind in STATUS if f'href="/problems/{kind.word}"' not in everything.text] == []
    for kind in STATUS:
        assert (await shop.client.get(f"/problems/{kind.word}", headers={"Accept-Language": "vi"})).status_code == 200
    assert (await shop.client.get("/problems/nonsense")).json()["word"] == "not_found"
