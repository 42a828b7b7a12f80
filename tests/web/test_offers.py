"""A business makes and changes its offers; what was promised with a coupon that is out stays true unless somebody chooses otherwise."""

import asyncio
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from databases import BOTH
from msgspec.structs import replace
from shop import Clock, Shop, open_shop
from test_programs import filled, programs, work

from app.desk import offers, read, redeem
from app.desk.automations import Automations
from app.store import Caller, Kept, Member
from passes import codes
from passes.offers import AmountOff, Days, Offer, Until, Window
from passes.problems import Problem, StaffNeeded


@pytest.fixture
async def shop(sqlite_url: str) -> AsyncIterator[Shop]:
    """What pages say does not depend on the database."""
    async with open_shop(sqlite_url) as shop:
        yield shop


async def now_of(shop: Shop, which: str) -> Offer:
    """The offer that is given in place of this one now."""
    title = shop.offers[which].title
    (found,) = [one for one in await shop.desk.store.all_offers(shop.business.id) if one.title == title and one.state != "archived"]
    return found


async def lan(shop: Shop) -> Member:
    (member,) = await shop.desk.store.members(staff_id=shop.staff["Lan"].id)
    return member


class Tap:
    """A request that nothing keeps the answer of."""

    language = "en"

    def done(self, _view: object, _caller: Caller, _now: datetime) -> tuple[Kept, ...]:
        return ()

    def refused(self, _problem: Problem, _caller: Caller, _now: datetime) -> tuple[Kept, ...]:
        return ()


async def test_a_new_offer_is_all_that_the_form_says(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    form: dict[str, Any] = filled(await owner.get("/offers/new")) | {
        "title.en": "50,000 off",
        "title.vi": "Giảm 50.000",
        "action.en": "Take it off the bill",
        "kind": "amount_off",
        "amount": "50.000 ₫",
        "validity": "until",
        "until": "2026-12-24",
        "until_time": "18:00",
        "locations": str(shop.locations["Thảo Điền"].id),
        "windows.0.days": ["4", "0"],
        "windows.0.start": "14:00",
        "windows.0.end": "17:30",
        "most": "100",
        "prefix": "xmas",
        "alone": "on",
        "alone_minutes": "7",
    }
    made = await owner.post("/offers", data=form)
    offer = await read.offer(shop.desk, shop.business.id, (await shop.desk.store.all_offers(shop.business.id))[-1].id)
    assert made.headers["location"] == f"/offers/{offer.id}"
    assert offer.benefit == AmountOff(amount=50_000, currency="VND")
    assert offer.validity == Until(date=date(2026, 12, 24), time=time(18))
    (window,) = offer.windows
    assert (window.days, window.said().said("en")) == ((0, 4), "Mon, Fri 14:00–17:30")
    assert (offer.most, offer.prefix, offer.alone, offer.alone_minutes) == (100, "XMAS", True, 7)
    assert offer.locations == (shop.locations["Thảo Điền"].id,)
    assert (await shop.desk.store.businesses())[0].prefixes == ("XMAS",)
    again = await owner.post(f"/offers/{offer.id}", data=filled(await owner.get(f"/offers/{offer.id}")))
    assert again.headers["location"] == "/offers"
    assert await read.offer(shop.desk, shop.business.id, offer.id) == offer
    wrong = await owner.post("/offers", data=form | {"amount": "", "prefix": "C0D", "until": "", "windows.1.start": "10:00"})
    assert set(re.findall(r'<p class="error" id="([^"]+)-error">', wrong.text)) == {"amount", "prefix", "until", "windows"}
    assert 'value="14:00"' in wrong.text


async def test_a_shorter_validity_says_which_coupons_end_when_and_spares_them_unless_chosen(shop: Shop) -> None:
    path = f"/offers/{shop.offers['cookie'].id}"
    first = (await shop.card_with_cookie("Hoa"))["ready"][0]
    shop.clock.forward(days=20)
    await shop.card_with_cookie("Tú")
    owner = await shop.sign_in("Lan")
    form = filled(await owner.get(path)) | {"days": "10"}
    question = await owner.post(path, data=form)
    assert "2 coupons on 2 cards end on 30 Nov 23:59 – 20 Dec 23:59 instead of 20 Dec 23:59 – 9 Jan 2027 23:59." in question.text
    assert "1 would be over at once." in question.text
    assert (await now_of(shop, "cookie")).validity == Days(days=30)
    await owner.post(path, data=form | {"reach": "new"})
    changed = await now_of(shop, "cookie")
    assert (changed.id, changed.validity) == (shop.offers["cookie"].id, Days(days=10))
    assert (await shop.post("look-ups", {"code": first["code"]})).json()["verdict"] == "redeemable"
    assert (await shop.card_with_cookie("Mai"))["ready"][0]["expires_at"] == "2026-12-20T23:59:59+07:00"
    # Back to longer, also for those that are out: the one that has an end of its own keeps it.
    form = filled(await owner.get(path)) | {"days": "40", "reach": "given"}
    errand = (await owner.post(path, data=form)).headers["location"]
    await work(shop)
    over = (await owner.get(errand)).text
    assert "Finished" in over
    assert f'href="{path}"' in over, "and it leads back to the offer"
    ends = {one.expires_at for one in await shop.desk.store.coupons(shop.business.id, offer_id=changed.id)}
    assert ends == {datetime(2026, *day, 16, 59, 59, tzinfo=UTC) if day[0] > 5 else datetime(2027, *day, 16, 59, 59, tzinfo=UTC)
                    for day in ((12, 20), (1, 9), (1, 19))}  # fmt: skip


async def test_less_than_was_promised_is_a_new_offer_for_those_who_come_later(shop: Shop) -> None:
    owner, old = await shop.sign_in("Lan"), shop.offers["cookie"]
    promised = (await shop.card_with_cookie("Hoa"))["ready"][0]["code"]
    shop.clock.forward(days=1)
    form = filled(await owner.get(f"/offers/{old.id}")) | {"windows.0.days": ["0"], "most_each": "1"}
    question = await owner.post(f"/offers/{old.id}", data=form)
    assert "1 coupon of Free cookie is out." in question.text
    assert "when it can be redeemed" in question.text
    assert "how often by one customer" in question.text
    await owner.post(f"/offers/{old.id}", data=form | {"reach": "new"})
    new = await now_of(shop, "cookie")
    assert new.id != old.id
    assert new.windows == (Window(days=(0,)),)
    assert (await read.offer(shop.desk, shop.business.id, old.id)).state == "archived"
    (program,) = await programs(shop)
    assert [goal.offer_id for goal in program.goals] == [new.id, shop.offers["coffee"].id]
    assert (await shop.redeem(promised)).status_code == 201
    later = (await shop.card_with_cookie("Tú"))["ready"][0]["code"]
    assert (await shop.redeem(later)).json()["word"] == "outside_hours"
    # And if somebody chooses so, what is out changes too: the offer stays the same one.
    form = filled(await owner.get(f"/offers/{new.id}")) | {"windows.0.days": ["5"], "reach": "given"}
    await owner.post(f"/offers/{new.id}", data=form)
    assert (await now_of(shop, "cookie")).id == new.id
    assert (await shop.redeem(later)).status_code == 201


async def test_the_list_says_what_is_out_and_which_pool_runs_dry(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    await shop.redeem((await shop.card_with_cookie())["ready"][0]["code"])
    await shop.card_with_cookie("Tú")
    await shop.change_offer("coffee", source="pool")
    page = (await owner.get("/offers")).text
    lines = re.findall(r'<tr>\s*<th scope="row"><a[^>]*>([^<]+)</a>(.*?)</tr>', page, re.DOTALL)
    rows = {title: re.findall(r'class="number">([^<]+)<', line) for title, line in lines}
    assert rows == {"Free cookie": ["1", "1"], "Free coffee": ["0", "0"]}
    assert "Free coffee: 0 codes left" in page
    await owner.post(f"/offers/{shop.offers['cookie'].id}/state", data={"state": "paused"})
    page = (await owner.get(f"/offers/{shop.offers['cookie'].id}")).text
    assert "It is a reward of Coffee card: their cards go on earning it" in page
    assert (await shop.card_with_cookie("Mai"))["ready"]


@BOTH
async def test_a_limit_that_is_put_on_an_offer_in_use_holds_when_everybody_comes_at_once(database_url: str) -> None:
    """Exactly so many, on both databases: those that were redeemed before the limit count."""
    async with open_shop(database_url) as shop:
        codes = [await shop.cookie(f"Guest {number}") for number in range(9)]
        assert (await shop.redeem(codes[0])).status_code == 201
        cookie = shop.offers["cookie"]
        limited, _ = await offers.change(
            shop.desk,
            await lan(shop),
            cookie,
            Offer(**{name: getattr(cookie, name) for name in Offer.__struct_fields__} | {"most": 4}),
            given=True,
        )
        assert limited.id == cookie.id
        answers = await asyncio.gather(*(shop.redeem(code, who=who) for code, who in zip(codes[1:], ["An", "Bình"] * 4, strict=True)))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
        assert await shop.desk.store.tallied(shop.business.id, f"offer:{cookie.id}") == 4


async def test_a_customer_redeems_alone_only_what_may_be_and_only_from_their_own_card(shop: Shop) -> None:
    await shop.change_offer("cookie", alone=True)
    card, other = await shop.card_with_cookie("Hoa"), await shop.card_with_cookie("Tú")
    facts = await shop.desk.store.card_facts(business_id=shop.business.id, number=card["number"])
    assert facts is not None
    here = str(shop.locations["Bến Thành"].id)
    phone = shop.browser()
    stolen = await phone.get(f"/c/{facts.card.key}/use/{other['ready'][0]['id']}")
    assert stolen.status_code == 404
    path = f"/c/{facts.card.key}/use/{card['ready'][0]['id']}"
    nonce = re.findall(r'name="nonce" value="([^"]+)"', (await phone.get(path)).text)[0]
    for _ in range(2):  # the same form twice is one redemption
        used = await phone.post(path, data={"location_id": here, "nonce": nonce})
        assert used.status_code in {200, 303}, used.text
    (past,) = await shop.desk.store.coupon_history(shop.business.id, facts.coupons[0].id)
    assert (past.channel, past.location_id) == ("alone", shop.locations["Bến Thành"].id)
    again = await shop.redeem(card["ready"][0]["code"])
    assert "by điện thoại của khách" in again.json()["detail"]
    await shop.change_offer("cookie", alone=False)
    mine = await shop.desk.store.card_facts(business_id=shop.business.id, number=other["number"])
    assert mine is not None
    path = f"/c/{mine.card.key}/use/{other['ready'][0]['id']}"
    assert (await phone.post(path, data={"location_id": here, "nonce": nonce[::-1]})).status_code == 404
    with pytest.raises(StaffNeeded):  # the page is not what forbids it
        await redeem.alone(shop.desk, mine.card.key, mine.coupons[0].id, UUID(here), once=Tap())
    assert (await shop.get(f"coupons/{mine.coupons[0].id}")).json()["history"][0]["word"] == "staff_needed"


async def drawn_pass(shop: Shop, key: str) -> dict[str, Any]:
    """The pass.json of a card, as a phone fetches it now."""
    with zipfile.ZipFile(io.BytesIO((await shop.client.get(f"/c/{key}/card.pkpass")).content)) as file:
        return json.loads(file.read("pass.json"))


def until(drawn: dict[str, Any]) -> datetime:
    """When a pass says that its coupon ends."""
    parts = [part for part in drawn["storeCard"].values() if isinstance(part, list)]
    (said,) = [field["value"] for part in parts for field in part if field["key"] == "until"]
    return datetime.fromisoformat(said)


async def usable(shop: Shop, card: dict[str, Any], key: str, code: str) -> tuple[bool, bool, bool]:
    """Whether a coupon can be used now, as the web card, the counter and the API say."""
    counter = await shop.at_counter("An")
    web = (await shop.browser().get(f"/c/{key}")).text
    looked = (await shop.post("look-ups", {"code": code})).json()
    at_counter = (await counter.post(f"/counter/cards/{card['id']}", headers={"X-Fragment": "1"})).text
    return codes.group(code) in web, "Ready to redeem" in at_counter, looked["verdict"] == "redeemable"


@pytest.mark.parametrize(
    ("zone", "given", "end"),
    [
        ("Europe/Berlin", datetime(2027, 3, 21, 11, tzinfo=UTC), "2027-03-28T23:59:59+02:00"),  # the last day has 23 hours
        ("Europe/Berlin", datetime(2027, 10, 24, 11, tzinfo=UTC), "2027-10-31T23:59:59+01:00"),  # and here 25
        ("Asia/Ho_Chi_Minh", datetime(2027, 3, 21, 18, tzinfo=UTC), "2027-03-29T23:59:59+07:00"),  # tomorrow there already
    ],
)
async def test_a_coupon_ends_in_the_same_moment_on_pass_web_card_counter_and_api(
    sqlite_url: str, certs: Path, zone: str, given: datetime, end: str
) -> None:
    last = datetime.fromisoformat(end)
    async with open_shop(sqlite_url, clock=Clock(given), certs=str(certs)) as shop:
        assert await shop.desk.store.revise([(shop.business, replace(shop.business, zone=zone))])
        await shop.change_offer("cookie", validity=Days(days=7))
        card = await shop.card_with_cookie()
        api = card["ready"][0]
        assert datetime.fromisoformat(api["expires_at"]) == last
        assert api["expires_at"] == end
        key = card["links"]["apple"].split("/")[-2]
        assert until(await drawn_pass(shop, key)) == last
        for moment, ready in ((last, True), (last + timedelta(seconds=1), False)):
            shop.clock.now = moment.astimezone(UTC)
            assert await usable(shop, card, key, api["code"]) == (ready,) * 3


@pytest.mark.parametrize(
    ("zone", "begins", "end"),
    [
        ("Europe/Berlin", "2027-03-28T00:00:00+01:00", "2027-03-29T23:59:59+02:00"),  # born on the day that has 23 hours
        ("Europe/Berlin", "2027-10-31T00:00:00+02:00", "2027-11-01T23:59:59+01:00"),  # and here 25
        ("Asia/Ho_Chi_Minh", "2027-03-01T00:00:00+07:00", "2027-03-02T23:59:59+07:00"),  # still February in Greenwich
    ],
)
async def test_a_birthdays_coupon_begins_and_ends_in_the_same_moment_on_pass_web_card_counter_and_api(
    sqlite_url: str, certs: Path, zone: str, begins: str, end: str
) -> None:
    first, last = datetime.fromisoformat(begins), datetime.fromisoformat(end)
    async with open_shop(sqlite_url, clock=Clock(first.astimezone(UTC) - timedelta(seconds=1)), certs=str(certs)) as shop:
        assert await shop.desk.store.revise([(shop.business, replace(shop.business, zone=zone))])
        await shop.change_offer("cookie", validity=Days(days=1))
        assert await shop.desk.store.revise([(shop.program, replace(shop.program, birthday=shop.offers["cookie"].id))])
        card = await shop.join("Hoa", birthday=f"{first:%m-%d}")
        key = card["links"]["apple"].split("/")[-2]
        assert await Automations(shop.desk).step() == 0, "a second before, it is not the day yet"
        shop.clock.now = first.astimezone(UTC)
        assert await Automations(shop.desk).step() == 1
        (api,) = (await shop.get(f"cards/{card['number']}")).json()["ready"]
        assert (api["issued_at"], api["expires_at"]) == (begins, end)
        for moment, ready in ((first, True), (last, True), (last + timedelta(seconds=1), False)):
            shop.clock.now = moment.astimezone(UTC)
            drawn = await drawn_pass(shop, key)
            assert (drawn["barcodes"][0]["message"] == api["code"]) == ready
            assert not ready or until(drawn) == last
            assert await usable(shop, card, key, api["code"]) == (ready,) * 3
