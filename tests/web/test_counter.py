"""The counter's screen, asked as its script asks: every panel, in the words that people read, on both databases."""

import html
import io
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
import segno
from databases import BOTH
from msgspec.structs import replace
from PIL import Image
from shop import Shop

from app import money
from app.desk import pictures
from app.store import Unit
from passes import codes, coupons
from passes.businesses import Business
from passes.offers import Window
from passes.programs import BySpend


class Panel:
    """What came back: the words as they are read, and what the script reads."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status, self.headers, self.html = answer.status_code, answer.headers, answer.text
        self.text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())
        tones = re.findall(r'class="panel" data-tone="(\w+)"', answer.text)
        self.tone = tones[0] if tones else ""
        self.word = answer.headers.get("X-Problem", "")

    def posts(self, path: str) -> str:
        """Where a form of the panel goes, by the beginning of its path."""
        (found,) = set(re.findall(rf'data-post="({path}[^"]*)"', self.html))
        return str(found)


class Till:
    """One browser at a counter."""

    def __init__(self, browser: httpx.AsyncClient) -> None:
        self.browser = browser

    async def ask(self, path: str, body: object = None, *, key: str | None = None) -> Panel:
        headers = {"X-Fragment": "1", "Idempotency-Key": key or uuid4().hex}
        return Panel(await self.browser.post(path, json=body or {}, headers=headers))

    async def present(self, code: str, *, channel: str = "typed", key: str | None = None, **more: object) -> Panel:
        return await self.ask("/counter/present", {"code": code, "channel": channel, **more}, key=key)


@pytest.fixture
async def till(shop: Shop) -> Till:
    """An, a cashier, at the till of Bến Thành."""
    browser = await shop.at_counter("An")
    return Till(browser)


@pytest.fixture
async def manager(shop: Shop) -> Till:
    browser = await shop.at_counter("Minh")
    return Till(browser)


async def rule(shop: Shop, **changes: object) -> Business:
    await shop.change_business(**changes)
    return shop.business


async def coupon_of(shop: Shop, offer: str = "coffee", **changes: object) -> str:
    """The code of a coupon that was printed and handed out."""
    now = shop.clock()
    coupon = coupons.issue(shop.offers[offer], coupon_id=uuid4(), code=codes.mint(shop.desk.world.pick), now=now, zone=shop.business.tz)
    await shop.desk.store.commit(Unit(at=now, due_at=now, rows=(replace(coupon, **changes),)))
    return codes.group(coupon.code)


def photo_of(text: str) -> bytes:
    out = io.BytesIO()
    segno.make(text, micro=False).save(out, kind="png", scale=6, border=4)
    return out.getvalue()


# --- The page ---


async def test_the_screen_says_where_it_is_and_who_is_there(till: Till) -> None:
    page = await till.browser.get("/counter")
    assert page.status_code == 200
    assert "Bến Thành" in page.text
    assert "An</span>" in page.text
    assert 'id="code"' in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


async def test_a_browser_that_is_no_counter_is_told_how_to_become_one(shop: Shop) -> None:
    browser = shop.browser()
    page = await browser.get("/counter")
    assert page.status_code == 401
    assert page.headers["X-Problem"] == "not_a_counter"


async def test_a_counter_without_anybody_asks_who_it_is_and_redeems_nothing(shop: Shop) -> None:
    browser = await shop.enrol()
    assert 'id="code"' not in (await browser.get("/counter")).text
    assert (await Till(browser).present(await shop.cookie())).word == "nobody_at_counter"


async def test_a_request_without_the_secret_of_the_page_changes_nothing(shop: Shop, till: Till) -> None:
    code = await shop.cookie()
    headers = {"X-CSRFToken": "not it", "X-Fragment": "1", "Idempotency-Key": "k"}
    answer = await till.browser.post("/counter/present", json={"code": code}, headers=headers)
    assert answer.status_code == 403
    assert answer.headers["X-Problem"] == "stale_page"
    await till.browser.get("/counter")  # the page is loaded again, and brings a new one
    till.browser.headers["X-CSRFToken"] = till.browser.cookies["csrf"]
    assert (await till.present(code)).tone == "given"


async def test_the_counter_is_installed_under_the_name_and_logo_of_the_business(shop: Shop, till: Till) -> None:
    page = await till.browser.get("/counter")
    assert 'rel="manifest" href="/counter/manifest.webmanifest" crossorigin="use-credentials"' in page.text
    manifest = await till.browser.get("/counter/manifest.webmanifest")
    assert manifest.headers["Content-Type"].startswith("application/manifest+json")
    assert manifest.json()["name"] == "Cà Phê Sáng"
    assert manifest.json()["display"] == "standalone"
    icon = await till.browser.get(manifest.json()["icons"][0]["src"])
    assert icon.headers["Content-Type"] == "image/png"
    logo = io.BytesIO()
    Image.new("RGB", (300, 300), "#c00000").save(logo, "PNG")
    brought = await pictures.bring(shop.desk, shop.business.id, logo.getvalue())
    await shop.change_business(brand=replace(shop.business.brand, logo=brought.digest))
    own = await till.browser.get(manifest.json()["icons"][0]["src"])
    assert Image.open(io.BytesIO(own.content)).convert("RGB").getpixel((330, 330)) == (192, 0, 0), "the logo that they brought"


async def test_the_service_worker_keeps_only_the_page_that_says_not_redeemed(till: Till) -> None:
    worker = await till.browser.get("/counter/worker.js")
    assert worker.headers["Content-Type"].startswith("text/javascript")
    assert worker.headers["Service-Worker-Allowed"] == "/counter"
    assert "connect-src 'self'" in worker.headers["Content-Security-Policy"]
    assert len(worker.text.splitlines()) <= 21
    assert "Not redeemed" in (await till.browser.get("/counter/offline")).text


# --- A code is presented ---


async def test_what_to_give_what_to_press_and_to_whom(shop: Shop, till: Till) -> None:
    code = await shop.cookie("Hoa")
    panel = await till.present(code)
    assert (panel.status, panel.tone) == (200, "given")
    for words in ("Redeemed", "Free cookie", "Press FREE COOKIE", "Hoa", code, "today 12:00", "Undo"):
        assert words in panel.text
    assert 'data-left="900"' in panel.html


async def test_the_cashier_reads_vietnamese(shop: Shop) -> None:
    browser = await shop.at_counter("An", language="vi")
    till, code = Till(browser), await shop.cookie("Hoa")
    given, used = await till.present(code), await till.present(code)
    for words in ("Đã đổi", "Bánh quy miễn phí", "Bấm BÁNH QUY MIỄN PHÍ", "hôm nay 12:00"):
        assert words in given.text
    for words in ("Chưa đổi thưởng", "Nói với khách:", "Bến Thành"):
        assert words in used.text
    assert "Say to the customer" not in used.text


@BOTH
async def test_the_same_presentation_sent_again_draws_the_same_panel_and_counts_once(shop: Shop, till: Till) -> None:
    code = await shop.cookie()
    first, again = await till.present(code, key="one"), await till.present(code, key="one")
    assert first.html == again.html
    refused, refused_again = await till.present(code, key="two"), await till.present(code, key="two")
    assert (refused.status, refused.tone, refused.word) == (409, "refused", "already_redeemed")
    assert "already used on 20 Nov 12:00" in refused.text
    assert (refused.status, refused.html, refused.word) == (refused_again.status, refused_again.html, refused_again.word)


async def test_used_says_when_where_and_by_whom(shop: Shop, till: Till, manager: Till) -> None:
    code = await shop.cookie("Hoa")
    await till.present(code)
    shop.clock.forward(hours=14)
    panel = await manager.present(code)
    for words in ("Already used", "yesterday 12:00", "Bến Thành", "An", "Hoa", "Say to the customer:"):
        assert words in panel.text
    assert "This reward was already used on 20 Nov 12:00 at Bến Thành." in panel.text


@pytest.mark.parametrize(
    ("changes", "word", "words"),
    [
        ({"state": "voided", "voided_at": datetime(2026, 11, 19, 5, tzinfo=UTC)}, "voided", "Do not give the reward."),
        ({"valid_from": datetime(2026, 11, 21, 5, tzinfo=UTC)}, "not_yet_valid", "It begins: tomorrow 12:00."),
    ],
)
async def test_a_coupon_that_cannot_be_used_now_says_why(shop: Shop, till: Till, changes: dict[str, object], word: str, words: str) -> None:
    panel = await till.present(await coupon_of(shop, **changes))
    assert (panel.tone, panel.word) == ("refused", word)
    assert words in panel.text
    assert "Say to the customer:" in panel.text


async def test_a_wrong_place_names_the_right_one(shop: Shop, till: Till) -> None:
    await shop.change_offer("coffee", locations=(shop.locations["Thảo Điền"].id,))
    panel = await till.present(await coupon_of(shop))
    assert panel.word == "wrong_location"
    assert "Thảo Điền" in panel.text


async def test_hours_and_limits_are_said(shop: Shop, till: Till) -> None:
    await shop.change_offer("coffee", windows=(Window(days=(0,)),))
    assert "Mon" in (await till.present(await coupon_of(shop))).text
    await shop.change_offer("coffee", windows=(), most=1)
    assert (await till.present(await coupon_of(shop))).tone == "given"
    assert (await till.present(await coupon_of(shop))).word == "limit_reached"


async def test_a_mistyped_code_is_told_from_an_unknown_one(shop: Shop, till: Till) -> None:
    code = await coupon_of(shop)
    wrong = code[:-1] + next(char for char in "0123456789" if char != code[-1])
    assert "One character is wrong" in (await till.present(wrong)).text
    assert "Is it from our shop?" in (await till.present("hello")).text


async def test_nobody_says_that_they_mistyped_what_a_machine_has_read(shop: Shop, till: Till) -> None:
    code = await coupon_of(shop)
    wrong = code[:-1] + next(char for char in "0123456789" if char != code[-1])
    assert "I mistyped your code" in (await till.present(wrong)).text
    for channel in ("camera", "scanner", "photo"):
        panel = await till.present(wrong, channel=channel)
        assert panel.word == "mistyped_code"
        assert "mistyped" not in panel.text
        assert "read wrongly" in panel.text
        assert "Could you make the screen brighter" in panel.text
    kiosk = Till(await shop.enrol(kind="kiosk"))
    assert "type it again" in (await kiosk.present(wrong)).text
    assert "read wrongly" in (await kiosk.present(wrong, channel="camera")).text
    for channel in ("typed", "camera"):
        assert "Say to the customer" not in (panel := await kiosk.present(wrong, channel=channel)).text
        assert "I mistyped" not in panel.text


async def test_what_people_wrote_is_escaped(shop: Shop, till: Till) -> None:
    panel = await till.present(await shop.cookie("<script>alert(1)</script>"))
    assert "<script" not in panel.html
    assert "<script>alert(1)</script>" in panel.text


# --- Expired ---


async def test_an_expired_coupon_is_honoured_with_a_reason_where_this_person_may(shop: Shop, till: Till) -> None:
    await rule(shop, honour="everyone")
    code = await coupon_of(shop, expires_at=shop.clock() - timedelta(days=1))
    panel = await till.present(code, channel="camera")
    assert (panel.tone, panel.word) == ("decide", "expired")
    assert "It ended: yesterday 12:00." in panel.text
    assert panel.posts("/counter/honour")
    assert (await till.ask("/counter/honour", {"code": code, "reason": " "})).word == "reason_needed"
    given = await till.ask("/counter/honour", {"code": code, "reason": "Regular customer", "channel": "camera"})
    assert given.tone == "given"
    assert "Honoured" in given.text
    assert "Why: Regular customer" in given.text
    assert (await till.present(code)).word == "already_redeemed"


async def test_who_may_not_honour_is_told_and_not_asked(shop: Shop, till: Till) -> None:
    code = await coupon_of(shop, expires_at=shop.clock() - timedelta(days=1))
    panel = await till.present(code)
    assert "/counter/honour" not in panel.html
    assert "A manager may" in panel.text
    assert (await till.ask("/counter/honour", {"code": code, "reason": "please"})).word == "may_not_honour"


# --- Undo, and my last ten ---


async def test_undo_takes_it_back_for_fifteen_minutes(shop: Shop, till: Till) -> None:
    code = await shop.cookie()
    undone = await till.ask((await till.present(code)).posts("/counter/reversal/"))
    assert (undone.status, undone.tone) == (200, "card")
    assert "Taken back" in undone.text
    undo = (await till.present(code)).posts("/counter/reversal/")
    shop.clock.forward(minutes=16)
    assert (await till.ask(undo)).word == "too_late_to_reverse"


@BOTH
async def test_my_last_ten_are_mine_and_can_be_undone_for_a_while(shop: Shop, till: Till, manager: Till) -> None:
    mine, hers = await shop.cookie("Hoa"), await shop.cookie("Lan Anh")
    await till.present(mine)
    await till.present("hello")
    await manager.present(hers)
    last = await till.ask("/counter/last")
    assert "Hoa" in last.text
    assert "Unknown code" in last.text
    assert "Lan Anh" not in last.text
    undo = last.posts("/counter/reversal/")
    assert "Taken back" in (await till.ask(undo)).text
    assert "Reversed" in (await till.ask("/counter/last")).text
    await till.present(mine)
    shop.clock.forward(minutes=16)
    assert "/counter/reversal/" not in (await till.ask("/counter/last")).html


async def test_whoever_is_at_the_counter_changes_its_language_and_stays(till: Till) -> None:
    last = await till.ask("/counter/last")
    to = re.findall(r'name="to" value="([^"]*)"', last.html)
    token = re.findall(r'name="_csrf_token" value="([^"]+)"', last.html)
    assert "Tiếng Việt" in last.text
    changed = await till.browser.post("/language", data={"language": "vi", "to": to[0], "_csrf_token": token[0]})
    assert changed.headers["location"] == "/counter"
    page = await till.browser.get("/counter")
    assert 'lang="vi"' in page.text
    assert "An</span>" in page.text


async def test_the_last_ten_teach_when_there_is_nothing(till: Till) -> None:
    assert "can be undone for 15 minutes" in (await till.ask("/counter/last")).text


# --- A card ---


async def test_a_card_shows_progress_and_gets_a_stamp_with_one_tap(shop: Shop, till: Till) -> None:
    card = await shop.join("Bảo")
    await shop.stamp(card, 4)
    panel = await till.present(card["number"], channel="camera")
    assert (panel.status, panel.tone) == (200, "card")
    assert "4 of 5 stamps" in panel.text
    assert panel.html.count('class="stamp filled') == 4
    earn = panel.posts("/counter/earn/")
    stamped, again = await till.ask(earn, key="tap"), await till.ask(earn, key="tap")
    assert "Added: 1" in stamped.text
    assert "5 of 10 stamps" in stamped.text
    assert stamped.html == again.html
    assert "Free cookie" in stamped.text
    code = re.findall(r'name="code" value="(\w+)"', stamped.html)[0]
    assert (await till.present(code, sure=True)).tone == "given"


async def test_points_are_added_by_the_amount_that_was_paid(shop: Shop, till: Till) -> None:
    program = replace(shop.program, id=uuid4(), unit="points", earning=BySpend(amount=1000))
    await shop.desk.store.commit(Unit(at=shop.clock(), due_at=shop.clock(), rows=(program,)))
    shop.program = program
    card = await shop.join("Bảo")
    panel = await till.present(card["number"])
    assert "Amount paid (VND)" in panel.html
    assert 'data-cents="0"' in panel.html
    assert "Added: 4" in (await till.ask(panel.posts("/counter/earn/"), {"amount": 4999})).text
    assert (await till.ask(panel.posts("/counter/earn/"), {"amount": 10})).word == "cannot_earn"


async def test_a_till_counts_money_in_the_minor_units_of_the_programs_form(shop: Shop, till: Till) -> None:
    dinars = replace(shop.business, currency="RSD")
    program = replace(shop.program, id=uuid4(), unit="points", earning=BySpend(amount=1000))
    await shop.desk.store.revise([(shop.business, dinars)], (program,))
    shop.program = program
    panel = await till.present((await shop.join("Bảo"))["number"])
    assert f'data-cents="{money.digits("RSD")}"' in panel.html


async def test_other_rewards_of_the_card_are_buttons_on_the_answer(shop: Shop, till: Till) -> None:
    card = (await shop.stamp(await shop.join("Hoa"), 10))["card"]
    first, second = (one["code"] for one in card["ready"])
    panel = await till.present(first)
    assert "Also ready on this card" in panel.text
    assert re.findall(r'name="code" value="(\w+)"', panel.html) == [second]
    assert {first, second, card["number"]} <= set(re.findall(r'data-same="([^"]*)"', panel.html)[0].split())


# --- Ask first ---


async def test_a_business_that_asks_first_sees_what_it_would_give_and_redeems_at_a_tap(shop: Shop, till: Till) -> None:
    await rule(shop, asks_first=True)
    code = await shop.cookie("Hoa")
    panel = await till.present(code, channel="scanner")
    assert (panel.status, panel.tone) == (200, "decide")
    for words in ("Ready to redeem", "Free cookie", "Hoa", "Redeem now", "Turn to the customer"):
        assert words in panel.text
    assert (await till.present(code)).tone == "decide"
    assert (await till.present(code, sure=True)).tone == "given"
    assert (await till.present(code)).word == "already_redeemed"


async def test_looking_records_nothing(shop: Shop, till: Till) -> None:
    await rule(shop, asks_first=True)
    await till.present("hello")
    assert await shop.refused() == []


# --- A photo ---


async def test_a_photo_is_redeemed_and_one_without_a_code_says_so(shop: Shop, till: Till) -> None:
    async def photo(picture: bytes) -> Panel:
        headers = {"X-Fragment": "1", "Idempotency-Key": uuid4().hex, "Content-Type": "image/png"}
        return Panel(await till.browser.post("/counter/photo", content=picture, headers=headers))

    await rule(shop, honour="everyone")
    assert (await photo(photo_of(await shop.cookie()))).tone == "given"
    assert (await photo(b"not a picture")).word == "unreadable_photo"
    late = await coupon_of(shop, expires_at=shop.clock() - timedelta(days=1))
    panel = await photo(photo_of(late))
    assert panel.word == "expired"
    assert f'name="code" value="{late}"' in panel.html
    await rule(shop, asks_first=True)
    assert (await photo(photo_of(await shop.cookie()))).tone == "decide"


# --- Find, and make up for something ---


@BOTH
async def test_a_customer_is_found_by_name_without_accents_or_by_phone(shop: Shop, till: Till) -> None:
    await shop.join("Nguyễn Thị Hoa", phone="0903123678")
    for text in ("nguyen", "Hoa", "3678"):
        found = await till.ask("/counter/find", {"text": text})
        assert "Nguyễn Thị Hoa" in found.text
        assert "0903123678" not in found.html
    assert "Nguyễn Thị Hoa" in (await till.ask(found.posts("/counter/cards/"))).text
    assert "…678" in found.text
    assert "0 of 5 stamps" in found.text
    assert "Type at least 3 characters." in (await till.ask("/counter/find", {"text": " Ho "})).text
    assert "Nobody found." in (await till.ask("/counter/find", {"text": "nobody"})).text


@BOTH
async def test_a_manager_gives_a_coupon_as_compensation_and_a_cashier_does_not(shop: Shop, till: Till, manager: Till) -> None:
    card = await shop.join("Hoa")
    body = {"card_id": card["id"], "offer_id": str(shop.offers["coffee"].id), "reason": "The first one was cold"}
    assert "/counter/compensation" not in (await till.present(card["number"])).html
    assert (await till.ask("/counter/compensation", body)).word == "not_allowed"
    assert (await manager.present(card["number"])).posts("/counter/compensation")
    assert (await manager.ask("/counter/compensation", {**body, "reason": " "})).word == "reason_needed"
    assert (await manager.ask("/counter/compensation", {**body, "offer_id": str(uuid4())})).word == "not_found"
    panel = await manager.ask("/counter/compensation", body, key="once")
    assert panel.html == (await manager.ask("/counter/compensation", body, key="once")).html
    assert "Issued: Free coffee" in panel.text
    (code,) = re.findall(r'name="code" value="(\w+)"', panel.html)
    assert (await till.present(code)).tone == "given"
    events = await shop.desk.store.card_history(shop.business.id, UUID(card["id"]))
    assert [event.reason for event in events if event.kind == "issued"] == ["The first one was cold"]
    today = shop.clock().date()
    issued = [one for one in await shop.desk.store.counted(shop.business.id, since=today, until=today) if one.kind == "issued"]
    assert {one.by: one.n for one in issued} == {"all": 1, "offer": 1}
    line = (await (await shop.sign_in()).get(f"/insight/staff/{shop.staff['Minh'].id}")).text
    assert all(said in line for said in ("The first one was cold", "Hoa", codes.group(code)))


# --- Counters without staff ---


async def test_a_kiosk_shows_first_and_gives_only_what_the_offer_allows(shop: Shop) -> None:
    browser = await shop.enrol(kind="kiosk")
    kiosk, code = Till(browser), await shop.cookie("Hoa")
    refused = await kiosk.present(code, channel="camera")
    assert (refused.tone, refused.word) == ("decide", "staff_needed")
    assert "Please show this code at the counter" in refused.text
    assert "5 of 10 stamps" in refused.text
    assert (await kiosk.present(code, sure=True)).word == "staff_needed"
    await shop.change_offer("cookie", at_kiosk=True)
    looked = await kiosk.present(code, channel="camera")
    assert looked.tone == "decide"
    assert "Redeem now" in looked.text
    given = await kiosk.present(code, sure=True)
    assert given.tone == "given"
    assert "Undo" not in given.text
    card = await shop.join("Bảo")
    assert "Nothing is ready yet." in (await kiosk.present(card["number"])).text


async def test_what_a_kiosk_may_not_give_is_a_note_and_no_button(shop: Shop) -> None:
    kiosk, card = Till(await shop.enrol(kind="kiosk")), await shop.card_with_cookie("Hoa")
    (ready,) = card["ready"]
    panel = await kiosk.present(card["number"])
    assert "Show this code at the counter: our staff give it to you." in panel.text
    assert ready["shown"] in panel.text
    assert 'data-action="reward"' not in panel.html
    await shop.change_offer("cookie", at_kiosk=True)
    panel = await kiosk.present(card["number"])
    assert 'data-action="reward"' in panel.html
    assert "Show this code at the counter" not in panel.text


async def test_a_kiosk_asks_for_no_photo_and_cannot_be_silenced_and_ends_at_done(shop: Shop, till: Till) -> None:
    page = await till.browser.get("/counter")
    assert 'id="photo"' in page.text
    assert 'id="mute"' in page.text
    kiosk, card = Till(await shop.enrol(kind="kiosk")), await shop.card_with_cookie("Hoa")
    page = await kiosk.browser.get("/counter")
    assert 'id="photo"' not in page.text
    assert 'id="mute"' not in page.text
    await shop.change_offer("cookie", at_kiosk=True)
    code = card["ready"][0]["code"]
    for panel in (await kiosk.present(card["number"]), await kiosk.present(code, sure=True), await kiosk.present(code)):
        assert "Done" in panel.text
        assert 'data-action="clear"' in panel.html
    assert "Done" not in (await till.present(card["number"])).text


@pytest.mark.parametrize("kind", ["kiosk", "autopilot"])
async def test_a_counter_without_staff_searches_nobody_and_takes_nothing_back(shop: Shop, till: Till, kind: str) -> None:
    await rule(shop, honour="everyone")
    card = await shop.join("Hoa")
    undo = (await till.present(await shop.cookie())).posts("/counter/reversal/")
    offer = str(shop.offers["coffee"].id)
    browser = await shop.enrol(kind=kind)
    for path, body in (
        ("/counter/find", {"text": "Hoa"}),
        ("/counter/last", {}),
        (undo, {}),
        (f"/counter/earn/{card['id']}", {}),
        (f"/counter/cards/{card['id']}", {}),
        ("/counter/honour", {"code": "K7QM4XRT3", "reason": "me"}),
        ("/counter/compensation", {"card_id": card["id"], "offer_id": offer, "reason": "me"}),
    ):
        panel = await Till(browser).ask(path, body)
        assert (path, panel.status, panel.word) == (path, 403, "not_allowed")


@BOTH
async def test_an_autopilot_redeems_a_coupon_and_stamps_a_card(shop: Shop) -> None:
    browser = await shop.enrol(kind="autopilot")
    pilot, card = Till(browser), await shop.join("Hoa")
    stamped = await pilot.present(card["number"], channel="scanner", key="scan")
    again = await pilot.present(card["number"], channel="scanner", key="scan")
    assert (stamped.tone, stamped.html) == ("card", again.html)
    assert "Added: 1" in stamped.text
    assert 'data-sound="given"' in stamped.html
    assert (await pilot.present(await shop.cookie(), channel="scanner")).tone == "given"
    assert (await pilot.present("hello", channel="scanner")).word == "unknown_code"


# --- Another business ---


async def test_what_belongs_to_another_business_does_not_exist(shop: Shop, till: Till) -> None:
    other = await Shop(shop.client, shop.desk, shop.clock, shop.followers).open("Quán Khác")
    card = await other.card_with_cookie("Secret")
    unknown = await till.present(card["ready"][0]["code"])
    assert unknown.html == (await till.present("R3D-J1V-TWD")).html or unknown.word == "unknown_code"
    for path in (f"/counter/cards/{card['id']}", f"/counter/earn/{card['id']}", f"/counter/reversal/{card['id']}"):
        assert (await till.ask(path)).word == "not_found"
    assert "Nobody found." in (await till.ask("/counter/find", {"text": "Secret"})).text


async def test_no_code_and_no_name_stands_in_an_address(shop: Shop, till: Till) -> None:
    code = await shop.cookie("Hoa")
    panels = [await till.present(code), await till.present(code), await till.ask("/counter/find", {"text": "Hoa"})]
    for panel in panels:
        for address in re.findall(r'(?:href|src|action|data-post)="([^"]*)"', panel.html):
            assert code.replace("-", "") not in address
            assert "Hoa" not in address
            assert "?" not in address
