"""Coupons that an owner or manager gives, prints, cancels and extends on the owner's pages."""

import re
from datetime import timedelta
from uuid import uuid4

import httpx
from databases import BOTH
from shop import Shop

from app.errands import Errands
from passes.businesses import Limits


async def work(shop: Shop) -> None:
    """Let the errands go on until none is due."""
    while await Errands(shop.desk).step():
        pass


def hidden(page: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


async def printed(shop: Shop, owner: httpx.AsyncClient, count: int, offer: str = "cookie") -> str:
    """The address of a batch of so many coupons."""
    form = await owner.get("/coupons/print")
    answer = await owner.post(
        "/coupons/print", data={"id": hidden(form, "id"), "offer_id": str(shop.offers[offer].id), "count": str(count)}
    )
    assert answer.status_code == 303, answer.text
    await work(shop)
    return answer.headers["location"]


async def test_a_manager_finds_a_customer_and_gives_them_one_coupon_with_a_reason(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    card = await shop.join("Nguyễn Thị Hoa", phone="0901234567", email="hoa@example.com")
    for said in ("thi hoa", "hoa@example.com", "234567", card["shown"]):
        found = await manager.post("/coupons/find", data={"q": said})
        assert "Nguyễn Thị Hoa" in found.text, said
    assert "Nobody found" in (await manager.post("/coupons/find", data={"q": "Khánh"})).text
    gift = {"card_id": card["id"], "offer_id": str(shop.offers["coffee"].id), "nonce": hidden(found, "nonce")}
    refused = await manager.post("/coupons/give", data=gift | {"nonce": "other"})
    assert refused.status_code == 422
    assert "Say in a few words why" in refused.text
    for _ in range(2):  # the same form, sent twice
        given = await manager.post("/coupons/give", data=gift | {"reason": "It rained on her"})
        assert given.status_code == 303, given.text
    assert len((await shop.get(f"cards/{card['id']}")).json()["ready"]) == 1
    story = await manager.get(given.headers["location"])
    assert "It rained on her" in story.text
    page = await manager.get("/coupons")
    assert "Nguyễn Thị Hoa" in page.text
    assert (await manager.get("/coupons?state=redeemed")).text.count("Nothing fits") == 1


async def test_the_day_s_limit_of_compensations_holds_on_the_page_too(shop: Shop) -> None:
    from msgspec.structs import replace

    (was,) = await shop.desk.store.businesses()
    assert await shop.desk.store.revise([(was, replace(was, limits=Limits(compensations=1)))])
    manager, card = await shop.sign_in("Minh"), await shop.join()
    gift = {"card_id": card["id"], "offer_id": str(shop.offers["coffee"].id), "reason": "rain"}
    answers = [await manager.post("/coupons/give", data=gift | {"nonce": f"n{n}"}) for n in range(2)]
    assert [one.status_code for one in answers] == [303, 422]
    assert "The limit of 1 is reached" in answers[1].text


@BOTH
async def test_each_card_of_a_program_gets_one_however_often_the_form_is_sent_and_a_full_pool_is_no_condition(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    cards = [await shop.join(name) for name in ("Hoa", "Mai", "Tú")]
    form = await manager.get("/coupons/many")
    said = {"id": hidden(form, "id"), "offer_id": str(shop.offers["coffee"].id), "whom": f"program:{shop.program.id}"}
    shown = await manager.post("/coupons/many", data=said)
    assert "Give 3 coupons" in shown.text
    for _ in range(2):
        sent = await manager.post("/coupons/many", data=said | {"sure": "true"})
        assert sent.status_code == 303, sent.text
    await work(shop)
    for card in cards:
        assert len((await shop.get(f"cards/{card['id']}")).json()["ready"]) == 1
    batch = await manager.get(sent.headers["location"])
    assert "Finished:" in batch.text
    assert "3 of 3" in batch.text
    fragment = await manager.get(f"/errands/{said['id']}", headers={"X-Fragment": "1"})
    assert 'data-state="ended"' in fragment.text
    assert "<html" not in fragment.text


@BOTH
async def test_coupons_to_print_are_sheets_and_a_file_and_are_redeemed_once(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    batch = await printed(shop, manager, 110)
    assert "110 of 110" in (await manager.get(batch)).text
    sheet = await manager.get(f"{batch}/sheets.pdf")
    assert sheet.headers["content-type"] == "application/pdf"
    assert sheet.content.startswith(b"%PDF")
    assert (await manager.get(f"{batch}/sheets.pdf?part=2")).status_code == 404
    lines = (await manager.get(f"{batch}/codes.csv")).text.splitlines()
    assert len(lines) == 111
    code = lines[1].split(",")[0].lstrip("\ufeff")
    assert [(await shop.redeem(code)).status_code for _ in range(2)] == [201, 409]


@BOTH
async def test_what_was_not_used_of_a_batch_is_cancelled_and_counts_for_the_number_of_the_day_before(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    batch = await printed(shop, owner, 5)
    codes = [line.split(",")[0] for line in (await owner.get(f"{batch}/codes.csv")).text.splitlines()[1:]]
    assert (await shop.redeem(codes[0])).status_code == 201
    shop.clock.forward(days=8)
    void = {"id": str(uuid4()), "reason": "Printed in the wrong colour"}
    assert (await owner.post(f"{batch}/void", data=void | {"reason": " "})).status_code == 422
    sent = await owner.post(f"{batch}/void", data=void)
    await work(shop)
    assert "4 of 5" in (await owner.get(sent.headers["location"])).text
    over = (await owner.get(batch)).text
    assert "None of them can be used any more" in over
    assert not any(one in over for one in ("sheets.pdf", "/void")), "nothing to print, nothing to cancel"
    assert (await owner.get(f"{batch}/sheets.pdf")).status_code == 404
    assert (await shop.redeem(codes[1])).json()["word"] == "voided"
    given = await shop.desk.store.given(shop.business.id, now=shop.clock(), state="voided")
    told = (await owner.get(f"/redemptions/coupons/{given[0][0].id}")).text
    assert all(one in told for one in ("Voided by the business", "Printed in the wrong colour", "Lan")), "no card tells of it"
    from app import history

    during = history.period("week", today=shop.clock().date())
    numbers = await history.numbers(shop.desk, shop.business, during)
    assert (numbers.active, numbers.active_before) == (0, 4)


async def test_a_coupon_is_made_good_for_longer_or_cancelled_and_the_card_says_so(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    await shop.change_offer("cookie", validity=shop.offers["cookie"].validity)
    card = await shop.card_with_cookie()
    coupon = card["ready"][0]
    page = f"/coupons/{coupon['id']}/change"
    assert (await manager.get(page)).status_code == 200
    if coupon["expires_at"]:
        last = (shop.clock() + timedelta(days=400)).date().isoformat()
        early = await manager.post(f"/coupons/{coupon['id']}/extend", data={"until": "2026-11-19", "reason": "holiday"})
        assert early.status_code == 422
        assert "must be after today" in early.text
        longer = await manager.post(f"/coupons/{coupon['id']}/extend", data={"until": last, "reason": "On holiday"})
        assert longer.status_code == 303
        assert (await shop.get(f"cards/{card['id']}")).json()["ready"][0]["expires_at"].startswith(last)
    before = (await shop.get(f"cards/{card['id']}/story")).json()["version"]
    assert f"{page}" in (await manager.get(f"/redemptions/coupons/{coupon['id']}")).text
    void = await manager.post(f"/coupons/{coupon['id']}/void", data={"reason": "A mistake"})
    assert void.status_code == 303
    story = (await shop.get(f"cards/{card['id']}/story")).json()
    assert story["version"] > before
    assert story["events"][0]["type"] == "coupon.voided"
    assert (await manager.post(f"/coupons/{coupon['id']}/void", data={"reason": "again"})).status_code == 410
    told = (await manager.get(f"/redemptions/coupons/{coupon['id']}")).text
    assert all(one in told for one in ("Valid for longer", "On holiday", "Voided by the business", "A mistake", "Minh"))
    lines = await shop.desk.store.audited(shop.business.id, what="coupon.")
    assert lines[0].what == "coupon.voided"
    assert coupon["code"] not in lines[0].was + lines[0].became


async def test_inserts_are_made_with_their_links_in_the_answer_alone(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    form = {"program_id": str(shop.program.id), "count": "3", "gives": "2", "until": "2026-12-31"}
    made = await manager.post("/inserts", data=form | {"form": "csv"})
    links = made.text.lstrip("\ufeff").split()
    assert len(links) == len(set(links)) == 3
    assert all(link.startswith("https://cards.example/i/") for link in links)
    sheet = await manager.post("/inserts", data=form)
    assert sheet.content.startswith(b"%PDF")
    assert (await manager.post("/inserts", data=form | {"gives": "101"})).status_code == 422
    assert "3 inserts" in (await manager.get("/inserts")).text


async def test_a_cashier_and_a_stranger_give_nothing(shop: Shop) -> None:
    browser = shop.browser()
    await browser.get("/")
    for path in ("/coupons", "/coupons/import", "/inserts", "/coupons/many", "/coupons/print"):
        assert (await browser.get(path)).headers["location"].startswith("/sign-in")
