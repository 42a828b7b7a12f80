"""Webhooks as an owner and a program see them: made, tried, rolled, switched, repeated; what is sent is tests/followers' business."""

import pytest
from databases import BOTH
from msgspec.structs import replace
from shop import Shop

from app.desk import test_mode, webhooks
from app.desk.telling import SENTENCES, TYPES

HOOK = "https://till.example/hook"


async def make(shop: Shop, **more: object) -> dict:
    answer = await shop.post("webhooks", {"url": HOOK, **more}, who="Minh")
    assert answer.status_code == 201, answer.text
    return answer.json()


async def asked(shop: Shop, method: str, path: str, body: object = None, *, key: str | None = None) -> dict:
    """An answer of the API, whatever it is."""
    answer = await shop.client.request(method, f"/api/v1/{path}", json=body, headers=shop.headers("Minh", key=key))
    return {"status": answer.status_code, **answer.json()}


@BOTH
async def test_a_program_looks_after_its_own_address(shop: Shop) -> None:
    made = await make(shop, types=["coupon.redeemed", "coupon.redeemed"], description="Books")
    hook, secret = made["webhook"], made["secret"]
    assert (hook["state"], hook["types"], made["old_until"]) == ("working", ["coupon.redeemed"], None)
    assert secret.startswith("whsec_")
    here = f"webhooks/{hook['id']}"
    assert (await shop.get(here, who="Minh")).json() == hook
    assert (await shop.get("webhooks?fields=id", who="Minh")).json() == {"data": [{"id": hook["id"]}], "next": None}
    assert secret not in (await shop.get("webhooks", who="Minh")).text

    changed = await asked(shop, "PATCH", here, {"types": [], "enabled": False}, key="off")
    assert (changed["types"], changed["state"], changed["url"], changed["description"]) == ([], "disabled", HOOK, "Books")
    assert await asked(shop, "PATCH", here, {"types": [], "enabled": False}, key="off") == changed
    assert (await asked(shop, "PATCH", here, {"enabled": True}))["state"] == "working"

    rolled = await asked(shop, "POST", f"{here}/secret", {"overlap": "1h"}, key="roll")
    assert rolled["secret"] != secret
    assert rolled["old_until"] == "2026-11-20T13:00:00+07:00"
    assert await asked(shop, "POST", f"{here}/secret", {"overlap": "1h"}, key="roll") == rolled, "once, however often it is asked"
    assert (await asked(shop, "POST", f"{here}/secret", {"overlap": "now"}))["old_until"] is None

    sent = await asked(shop, "POST", f"{here}/test", {})
    assert (sent["status"], sent["type"], sent["state"], sent["event_id"], sent["tries"]) == (None, "webhook.test", "due", None, 0)
    log = (await shop.get(f"{here}/deliveries", who="Minh")).json()["data"]
    assert [one["id"] for one in log] == [sent["id"]]
    assert (await shop.get(f"{here}/deliveries?state=failed", who="Minh")).json()["data"] == []
    assert (await asked(shop, "POST", f"{here}/deliveries/{sent['id']}/replay", {}))["id"] == sent["id"]

    gone = await asked(shop, "DELETE", here, key="bye")
    assert (gone["status"], gone["id"]) == (200, hook["id"])
    assert await asked(shop, "DELETE", here, key="bye") == gone
    assert (await asked(shop, "DELETE", here))["status"] == 404
    audit = await shop.desk.store.audited(shop.business.id, what="webhook.")
    assert [one.what for one in audit][::-1] == [
        f"webhook.{what}" for what in ("made", "changed", "started", "rolled", "rolled", "removed")
    ]
    assert not any(said in str(audit) for said in (secret, rolled["secret"], "/hook"))


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"url": "http://till.example/hook"}, 422, "webhook_refused"),
        ({"url": "https://10.0.0.1/hook"}, 422, "webhook_refused"),
        ({"url": HOOK, "types": ["coupon.eaten"]}, 400, "invalid_request"),
        ({"url": HOOK, "secret": "whsec_c2VjcmV0"}, 400, "invalid_request"),
        ({}, 400, "invalid_request"),
    ],
)
async def test_what_is_no_address_is_refused(shop: Shop, body: dict, status: int, word: str) -> None:
    refused = await shop.post("webhooks", body, who="Minh")
    assert (refused.status_code, refused.json()["word"]) == (status, word)


async def test_a_key_of_a_cashier_manages_nothing_and_there_are_twenty_at_most(shop: Shop) -> None:
    refused = await shop.post("webhooks", {"url": HOOK}, who="An")
    assert (refused.status_code, refused.json()["word"]) == (403, "not_allowed")
    for number in range(webhooks.MOST):
        await make(shop, description=str(number))
    first = (await shop.get("webhooks?limit=15", who="Minh")).json()
    more = (await shop.get(f"webhooks?limit=15&after={first['next']}", who="Minh")).json()
    assert len({one["id"] for one in first["data"] + more["data"]}) == webhooks.MOST
    assert more["next"] is None
    assert (await shop.post("webhooks", {"url": HOOK}, who="Minh")).json()["word"] == "webhook_refused"


async def test_test_mode_has_addresses_of_its_own(shop: Shop) -> None:
    live = await make(shop)
    await shop.hand_out("Test", test=True)
    assert (await shop.get("webhooks", who="Test")).json()["data"] == []
    test = (await shop.post("webhooks", {"url": HOOK}, who="Test")).json()["webhook"]
    assert [one["id"] for one in (await shop.get("webhooks", who="Minh")).json()["data"]] == [live["webhook"]["id"]]
    (kept,) = await shop.desk.store.endpoints(test_mode.twin_of(shop.business.id))
    assert str(kept.id) == test["id"]
    owner = await shop.sign_in()
    assert (await owner.get(f"/webhooks/{test['id']}")).status_code == 200
    assert (await owner.post("/webhooks", data={"url": HOOK, "mode": "test"})).status_code == 200
    assert len((await shop.get("webhooks", who="Test")).json()["data"]) == 2
    assert (await owner.get("/webhooks")).text.count('data-tone="decide"') == 2


async def test_an_owner_adds_an_address_tries_it_and_takes_it_away(shop: Shop) -> None:
    owner = await shop.sign_in()
    assert "Nobody is told yet" in (await owner.get("/webhooks")).text
    assert set(SENTENCES) == set(TYPES)
    wrong = await owner.post("/webhooks", data={"url": "ftp://x", "types": "coupon.redeemed"})
    assert wrong.status_code == 422
    assert "it must begin with https://" in wrong.text
    made = await owner.post("/webhooks", data={"url": HOOK, "description": "Books", "types": ["coupon.redeemed", "coupon.voided"]})
    (one,) = await shop.desk.store.endpoints(shop.business.id)
    assert one.secret in made.text
    here = f"/webhooks/{one.id}"
    page = (await owner.get(here)).text
    assert one.secret not in page
    assert "A coupon was redeemed." in page
    assert one.secret in (await owner.post(f"{here}/secret")).text
    assert "2 kinds of events" in (await owner.get("/webhooks")).text
    there = (await owner.post(f"{here}/test")).headers["location"]
    (sent,) = await shop.desk.store.deliveries(one.id)
    assert there == f"{here}?sent={sent.id}"
    assert "On its way" in (await owner.get(there)).text
    assert "webhook.test" in (await owner.get(f"{here}?went=due")).text
    assert (await owner.post(f"{here}/deliveries/{sent.id}/replay")).status_code == 303
    rolled = (await owner.post(f"{here}/roll", data={"overlap": "1h"})).text
    assert one.secret not in rolled
    assert "whsec_" in rolled
    assert (await owner.post(here, data={"url": "https://10.0.0.1/"})).status_code == 422
    assert (await owner.post(here, data={"url": f"{HOOK}/2", "seen": "another"})).status_code == 409
    assert (await owner.post(here, data={"url": f"{HOOK}/2"})).status_code == 303
    untold = "1 webhook does not get through"
    (now,) = await shop.desk.store.endpoints(shop.business.id)
    gone = replace(now, disabled_at=shop.clock(), disabled_why="gone")
    assert untold not in (await owner.get("/redemptions")).text
    await shop.desk.store.change_endpoint(now, gone, now=shop.clock())
    assert untold in (await owner.get("/redemptions")).text
    assert "Ask whoever looks after it" in (await owner.get(here)).text
    assert untold not in (await (await shop.sign_in("Minh")).get("/redemptions")).text
    for on, state in (("true", "Switch off"), ("false", "Switch on"), ("true", "Switch off")):
        await owner.post(f"{here}/switch", data={"on": on})
        assert state in (await owner.get(here)).text
    assert "the webhook till.example" in (await owner.get("/audit?kind=webhook")).text
    await owner.post(f"{here}/remove")
    assert (await owner.get(here)).status_code == 404
    manager = await shop.sign_in("Minh")
    assert (await manager.get("/webhooks")).status_code == 403
