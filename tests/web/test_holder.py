"""The holder's own page of a card: true at every look, a reward used alone, an insert opened, and the way out."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from shop import Shop, open_shop

from app.desk.found import secret_hash
from app.store import CardFacts, Insert

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile/15E148 Safari/604.1"


async def key_of(shop: Shop, card: dict) -> str:
    facts = await shop.desk.store.card_facts(business_id=shop.business.id, card_id=UUID(card["id"]))
    assert facts is not None
    return facts.card.key


async def facts_of(shop: Shop, key: str) -> CardFacts:
    facts = await shop.desk.store.card_facts(key=key)
    assert facts is not None
    return facts


@pytest.fixture
async def shop(sqlite_url: str) -> AsyncIterator[Shop]:
    """A café; what is different on PostgreSQL is tested where cards are joined, earned on, merged and forgotten."""
    async with open_shop(sqlite_url) as shop:
        yield shop


@pytest.fixture
async def phone(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of a customer's."""
    async with shop.browser() as browser:
        yield browser


async def test_the_page_is_the_card_as_it_is_and_tells_nobody_its_address(shop: Shop, phone: httpx.AsyncClient) -> None:
    card = await shop.join("Hoa <b>")
    key = await key_of(shop, card)
    page = await phone.get(f"/c/{key}")
    assert page.status_code == 200
    assert "Hoa &lt;b&gt;" in page.text
    assert "0/5" in page.text
    assert card["shown"] in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "noindex" in page.headers["x-robots-tag"]
    assert "Add to Apple Wallet" not in page.text, "a wallet that is not set up is not offered"

    first = await phone.get(f"/c/{key}/now")
    tag = {"If-None-Match": first.headers["etag"]}
    assert (await phone.get(f"/c/{key}/now", headers=tag)).status_code == 304
    cookie = (await shop.stamp(card, 5))["card"]["ready"][0]
    changed = await phone.get(f"/c/{key}/now", headers=tag)
    assert changed.status_code == 200
    assert cookie["shown"] in changed.text
    assert "Free cookie" in changed.text
    nobody = [await phone.get(f"/c/nobody{rest}") for rest in ("", "/card.pkpass", "/google", "/leave")]
    assert [(one.status_code, '<main id="main"' in one.text) for one in nobody] == [(404, True)] * 4


async def test_the_holder_s_language_is_the_language_of_what_they_are_told(shop: Shop, phone: httpx.AsyncClient) -> None:
    key = await key_of(shop, await shop.join("Hoa", language="en"))
    await phone.get(f"/c/{key}")
    answer = await phone.post(f"/c/{key}/language", data={"language": "vi", "to": f"/c/{key}"})
    assert answer.headers["location"] == f"/c/{key}"
    assert (await facts_of(shop, key)).customer.language == "vi"
    assert '<html lang="vi">' in (await phone.get(f"/c/{key}")).text


async def test_who_agreed_to_offers_stops_them_on_the_card_and_may_want_them_again(shop: Shop, phone: httpx.AsyncClient) -> None:
    key = await key_of(shop, await shop.join("Hoa"))
    old = await phone.post(f"/c/{key}/offers")
    assert (old.status_code, f'href="/c/{key}"' in old.text) == (403, True), "a page that is too old leads to the new one"
    await phone.get(f"/c/{key}")
    for wanted, stands in (("true", "Send me no more offers"), ("", "Send me offers now and then"), ("true", "Send me no more offers")):
        answer = await phone.post(f"/c/{key}/offers", data={"wanted": wanted})
        assert answer.headers["location"] == f"/c/{key}?about=true#about"
        assert stands in (await phone.get(f"/c/{key}?about=true")).text
        assert (await facts_of(shop, key)).customer.consent_at == (shop.clock() if wanted else None)


async def test_a_reward_is_used_alone_once_and_its_countdown_ends(shop: Shop, phone: httpx.AsyncClient) -> None:
    card = await shop.card_with_cookie()
    key, coupon = await key_of(shop, card), card["ready"][0]
    path = f"/c/{key}/use/{coupon['id']}"
    assert (await phone.get(path)).status_code == 404, "only where the offer allows it"
    await shop.change_offer("cookie", alone=True, alone_minutes=5)
    page = await phone.get(path)
    nonce = re.search(r'name="nonce" value="([^"]+)"', page.text)
    assert nonce
    assert "5 minutes" in page.text
    assert (await facts_of(shop, key)).coupons[0].state == "active", "looking at it uses nothing up"

    said = {"nonce": nonce[1], "location_id": str(shop.locations["Bến Thành"].id)}
    for _ in range(2):
        assert (await phone.post(path, data=said)).headers["location"] == path
    running = await phone.get(path)
    assert 'data-over="no"' in running.text
    assert 'data-left="300"' in running.text
    back = f'href="{path}"'
    assert back in (await phone.get(f"/c/{key}")).text, "whoever looks at the card meanwhile finds back to the clock"
    history = await shop.desk.store.coupon_history(shop.business.id, UUID(coupon["id"]))
    assert [getattr(one, "channel", "") for one in history] == ["alone"]
    owner = await shop.sign_in()
    for seen in ("/redemptions", f"/redemptions/coupons/{coupon['id']}"):
        assert "Own phone" in (await owner.get(seen)).text
    shop.clock.forward(minutes=5, seconds=1)
    assert 'data-over="yes"' in (await phone.get(path)).text
    assert back not in (await phone.get(f"/c/{key}")).text
    assert (await shop.redeem(coupon["shown"])).json()["word"] == "already_redeemed"


async def test_an_insert_gives_once_at_a_tap_and_whoever_has_no_card_joins_first(shop: Shop, phone: httpx.AsyncClient) -> None:
    def made(secret: str, gives: int) -> Insert:
        return Insert(
            id=uuid4(),
            business_id=shop.business.id,
            program_id=shop.program.id,
            batch_id=uuid4(),
            secret_hash=secret_hash(secret),
            gives=gives,
            made_at=shop.clock(),
            expires_at=shop.clock() + timedelta(days=30),
        )

    await shop.desk.commit(shop.clock(), rows=(made("first", 2), made("second", 1), made("third", 1)))
    join = (await phone.get("/i/first")).headers["location"]
    assert join == f"/join/{shop.program.id}?insert=first"
    page = await phone.get(join)
    assert "2 stamps for your card" in page.text, "whoever has to join first is told what for"
    nonce = re.search(r'name="nonce" value="([^"]+)"', page.text)
    assert nonce
    joined = await phone.post(join.partition("?")[0], data={"nonce": nonce[1], "name": "Hoa", "insert": "first"})
    key = joined.headers["location"].split("/")[2].partition("?")[0]
    assert joined.headers["location"].endswith("added=true")
    assert (await facts_of(shop, key)).card.balance == 2

    assert "A stamp for your card" in (await phone.get("/i/second")).text
    assert (await facts_of(shop, key)).card.balance == 2, "looking at it uses nothing up"
    assert (await phone.post("/i/second")).headers["location"] == f"/c/{key}?added=true"
    assert (await facts_of(shop, key)).card.balance == 3
    for spent in (await phone.post("/i/second"), await phone.get("/i/second")):
        assert (spent.status_code, f'href="/c/{key}"' in spent.text) == (410, True), "and from there to the card"
    assert (await phone.get("/i/nothing")).status_code == 410
    shop.clock.forward(days=31)
    assert (await phone.get("/i/third")).status_code == 410


async def test_who_leaves_has_a_void_card_and_may_join_again_as_themselves(shop: Shop, phone: httpx.AsyncClient) -> None:
    join = f"/join/{shop.program.id}"
    await phone.get(join)
    first = (await phone.post(join, data={"nonce": "l" * 24, "name": "Hoa"})).headers["location"].split("/")[2].partition("?")[0]
    leaving = (await phone.get(f"/c/{first}/leave")).text
    assert "Leave and lose" in leaving
    assert "lost to you: 0 of 5 stamps." in leaving
    for _ in range(2):
        assert (await phone.post(f"/c/{first}/leave")).headers["location"] == f"/c/{first}"
    page = await phone.get(f"/c/{first}")
    assert "You have left" in page.text
    left = await facts_of(shop, first)
    assert left.card.left_at == shop.clock()
    assert [event.kind for event in left.events] == ["left", "joined"]
    assert (await shop.post(f"cards/{left.card.id}/earnings", {})).json()["word"] == "cannot_earn"
    second = (await phone.post(join, data={"nonce": "m" * 24, "name": "Hoa"})).headers["location"].split("/")[2].partition("?")[0]
    back = await facts_of(shop, second)
    assert (back.customer.id, back.card.id != left.card.id) == (left.customer.id, True)


async def test_what_is_on_a_card_is_lost_with_it_and_a_code_that_was_noted_is_refused(shop: Shop, phone: httpx.AsyncClient) -> None:
    for way in ("leave", "forget"):
        card = await shop.card_with_cookie("Nguyễn Thị Hoa")
        coupon = card["ready"][0]
        key = await key_of(shop, card)
        await phone.get(f"/c/{key}")
        await phone.post(f"/c/{key}/{way}")
        assert (await shop.redeem(coupon["shown"])).json()["word"] == "voided"
        (event,) = await shop.desk.store.done_at_desk(shop.business.id, UUID(coupon["id"]))
        assert (event.kind, event.at, event.card_id) == ("voided", shop.clock(), UUID(card["id"]))
    today = shop.clock().date()
    counts = await shop.desk.store.counted(shop.business.id, since=today, until=today, by=("all",))
    assert [one.n for one in counts if one.kind == "voided"] == [2]


async def test_who_wants_to_be_forgotten_is(shop: Shop, phone: httpx.AsyncClient) -> None:
    key = await key_of(shop, await shop.card_with_cookie("Nguyễn Thị Hoa"))
    assert "cannot be undone" in (await phone.get(f"/c/{key}/leave")).text
    answer = await phone.post(f"/c/{key}/forget")
    assert (answer.status_code, "You are forgotten" in answer.text) == (200, True)
    facts = await facts_of(shop, key)
    assert facts.customer.name == ""
    assert facts.customer.erased_at is not None
    assert (await phone.get(f"/c/{key}")).status_code == 404


async def test_the_wallet_of_the_phone_at_hand_is_offered(sqlite_url: str, certs: Path) -> None:
    async with open_shop(sqlite_url, certs=str(certs)) as shop, shop.browser() as phone:
        key = await key_of(shop, await shop.join())
        iphone, android, desk = [
            (await phone.get(f"/c/{key}", headers={"User-Agent": agent})).text for agent in (IPHONE, "Android 16", "Windows")
        ]
        assert f'href="/c/{key}/card.pkpass"' in iphone
        assert "Add to Apple Wallet" not in android
        assert "Add to Apple Wallet" in desk
        assert ["on your phone" in one for one in (iphone, android, desk)] == [False, False, True]
        assert (await phone.get(f"/c/{key}/card.pkpass")).headers["content-type"] == "application/vnd.apple.pkpass"
