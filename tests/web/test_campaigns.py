"""Campaigns and segments as a manager makes them: what is said, to whom, when, and what came of it."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from shop import Shop, open_shop

from app.desk import forgetting, found, merging
from app.desk.automations import Automations
from app.desk.letters import Letters
from app.desk.wallets import draw
from app.errands import Errands
from app.sandbox.mail import MailSandbox
from app.store import Awaited, Results, Unit
from passes.campaigns import Campaign
from passes.cards import Customer


@pytest.fixture
async def mail() -> AsyncIterator[MailSandbox]:
    """A mail server that takes letters from cards.example after signing in."""
    async with MailSandbox(user="card", password="p@ss/word") as mail:
        yield mail


@pytest.fixture
async def shop(sqlite_url: str, mail: MailSandbox) -> AsyncIterator[Shop]:
    """A café that can send e-mail."""
    url = f"smtp://card:p%40ss%2Fword@127.0.0.1:{mail.port}"
    async with open_shop(sqlite_url, smtp_url=url, mail_from="card@cards.example") as shop:
        yield shop


async def customer(shop: Shop, name: str, *, agreed: bool = True, **more: Any) -> dict:
    """Somebody with a card; who agreed to be sent offers, unless it is said otherwise."""
    card = await shop.join(name)
    facts = await shop.desk.store.card_facts(card_id=card["id"])
    assert facts
    consent = shop.clock() if agreed else None
    assert await shop.desk.store.revise([(facts.customer, replace(facts.customer, consent_at=consent, **more))])
    return card


async def who(shop: Shop, card: dict) -> Customer:
    facts = await shop.desk.store.card_facts(card_id=card["id"])
    assert facts
    return facts.customer


async def only(shop: Shop) -> Campaign:
    (one,) = await shop.desk.store.campaigns(shop.business.id)
    return one


async def make(shop: Shop, browser: httpx.AsyncClient, path: str = "/campaigns", **more: str) -> Campaign:
    form = {"name": "Rain", "message.en": "{name}, it rains: tea?", "message.vi": "{name} ơi, mưa rồi!", **more}
    made = await browser.post(path, data=form)
    assert made.status_code == 303, made.text
    found = re.fullmatch(r"/campaigns/([0-9a-f-]{36})", made.headers["location"])
    assert found
    one = await shop.desk.store.campaign(shop.business.id, found[1])
    assert one
    return one


async def work(shop: Shop) -> None:
    """Errands and e-mails, until nothing is due now."""
    while await Errands(shop.desk).step():
        pass
    while await Letters(shop.desk).step():
        pass


async def said(shop: Shop, card: dict, language: str = "en") -> str:
    facts = await shop.desk.store.card_facts(card_id=card["id"])
    assert facts
    return draw(facts, shop.desk.words, shop.clock()).latest.said(language)


async def test_a_campaign_reaches_who_agreed_in_their_language_on_the_card_and_by_email_once(shop: Shop, mail: MailSandbox) -> None:
    hoa = await customer(shop, "Hoa", email="hoa@example.com", language="vi")
    ben = await customer(shop, "Ben", email="grey@grey.example", language="en")
    ghost = await customer(shop, "Ghost", email="nobody@example.com", language="en")
    lan = await customer(shop, "Lan", agreed=False, email="lan@example.com")
    manager = await shop.sign_in("Minh")
    assert "No campaign yet" in (await manager.get("/campaigns")).text
    one = await make(shop, manager, offer_id=str(shop.offers["cookie"].id), email="on")
    page = (await manager.get(f"/campaigns/{one.id}")).text
    assert "It reaches 3 of 4 customers who fit" in page
    assert "1 has not agreed to be sent offers" in page
    for wallet in ("apple", "google"):
        drawn = dict(re.findall(rf'lang="(\w+)" data-wallet="{wallet}">(.*?)</article>', page, re.DOTALL))
        assert list(drawn) == ["vi", "en"]
        assert "Hoa Nguyễn ơi, mưa rồi!" in drawn["vi"]
        assert "Hoa Nguyễn, it rains: tea?" in drawn["en"]
    assert (await manager.post(f"/campaigns/{one.id}/send")).status_code == 303
    assert (await manager.post(f"/campaigns/{one.id}/send")).status_code == 409
    await work(shop)
    assert (await only(shop)).state == "done"
    assert await said(shop, hoa, "vi") == "Hoa ơi, mưa rồi!"
    assert await said(shop, lan) == "Welcome! Show this card at the counter."
    facts = await shop.desk.store.card_facts(card_id=ben["id"])
    assert facts
    assert [coupon.batch_id for coupon in facts.coupons] == [one.id]
    (letter,) = mail.to("hoa@example.com")
    assert letter["Subject"] == "Hoa ơi, mưa rồi!"
    plain = letter.get_body(("plain",)).get_content()
    assert f"https://cards.example/c/{(await shop.desk.store.card_facts(card_id=hoa['id'])).card.key}" in plain
    assert mail.to("lan@example.com") == mail.to("nobody@example.com") == mail.to("grey@grey.example") == []
    results = (await shop.desk.store.results([one.id]))[one.id]
    assert (results.reached, results.coupons, results.mail_sent, results.mail_due, results.mail_failed) == (3, 3, 1, 1, 1)
    shop.clock.forward(minutes=5)
    await work(shop)
    assert len(mail.to("grey@grey.example")) == 1
    await shop.redeem(facts.coupons[0].code)
    fragment = await manager.get(f"/campaigns/{one.id}", headers={"X-Fragment": "1"})
    assert "33" in fragment.text
    assert "<h1" not in fragment.text
    assert ghost
    assert mail.greeted <= 2


async def test_the_link_of_an_email_takes_the_consent_back_with_one_click_and_no_cookie(shop: Shop, mail: MailSandbox) -> None:
    hoa = await customer(shop, "Hoa", email="hoa@example.com")
    manager = await shop.sign_in("Minh")
    one = await make(shop, manager, email="on")
    await manager.post(f"/campaigns/{one.id}/send")
    await work(shop)
    (letter,) = mail.to("hoa@example.com")
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = letter["List-Unsubscribe"].strip("<>").removeprefix("https://cards.example")
    async with httpx.AsyncClient(transport=shop.client._transport, base_url="https://cards.example") as stranger:
        page = (await stranger.get(link, headers={"Accept-Language": "en"})).text
        assert "Send me no more offers" in page
        assert "Empty" not in page
        assert (await who(shop, hoa)).consent_at
        left = await stranger.post(link, content="List-Unsubscribe=One-Click", headers={"Accept-Language": "en"})
        assert left.status_code == 200
        assert "no more offers" in left.text
        assert (await stranger.post("/leave-mail/nobody")).status_code == 404
    assert (await who(shop, hoa)).consent_at is None


async def test_who_was_merged_is_sent_no_more_by_the_link_of_an_old_letter(shop: Shop) -> None:
    hoa, other = await customer(shop, "Hoa"), await customer(shop, "Hoa")
    keep, was = await who(shop, hoa), await who(shop, other)
    await merging.merge(shop.desk, shop.business, shop.staff["Minh"].id, keep.id, was.id)
    assert (await who(shop, hoa)).consent_at
    async with shop.browser() as browser:
        left = await browser.post(f"/leave-mail/{other['id']}", content="List-Unsubscribe=One-Click")
        assert left.status_code == 200
    assert (await who(shop, hoa)).consent_at is None


async def test_a_campaign_waits_for_its_time_and_for_the_quiet_hours_to_end(shop: Shop) -> None:
    card = await customer(shop, "Hoa")
    manager = await shop.sign_in("Minh")
    one = await make(shop, manager)
    refused = await manager.post(f"/campaigns/{one.id}/send", data={"at": "2026-11-20 11:00"})
    assert refused.status_code == 422
    assert "A time that is still to come" in refused.text
    assert (await manager.post(f"/campaigns/{one.id}/send", data={"at": "2026-11-20T22:30"})).status_code == 303
    for hours, state in ((10, "scheduled"), (1, "scheduled"), (8, "scheduled"), (1.1, "done")):  # 22:00, 23:00, 07:00, 08:06
        shop.clock.forward(hours=hours)
        await work(shop)
        assert (await only(shop)).state == state
    assert "it rains" in await said(shop, card)


async def test_nobody_gets_more_messages_in_seven_days_than_the_shop_allows(shop: Shop) -> None:
    await customer(shop, "Hoa")
    manager = await shop.sign_in("Minh")
    reached = []
    for days in (0, 1, 1, 6):
        shop.clock.forward(days=days)
        one = await make(shop, manager)
        await manager.post(f"/campaigns/{one.id}/send")
        await work(shop)
        reached.append((await shop.desk.store.results([one.id])).get(one.id, Results()).reached)
    assert reached == [1, 1, 0, 1]


async def test_what_was_tried_on_a_card_is_said_there_alone_and_counts_nothing(shop: Shop, mail: MailSandbox) -> None:
    hoa, ben = await customer(shop, "Hoa"), await customer(shop, "Ben")
    manager = await shop.sign_in("Minh")
    one = await make(shop, manager, email="on", offer_id=str(shop.offers["cookie"].id))
    tried = await manager.post(f"/campaigns/{one.id}/test", data={"number": hoa["number"]})
    assert f"On its way to the card {hoa['number']}" in tried.text
    assert "The e-mail went to minh@example.com. Nothing was counted" in tried.text
    assert "it rains" in await said(shop, hoa)
    assert "Welcome" in await said(shop, ben)
    facts = await shop.desk.store.card_facts(card_id=hoa["id"])
    assert facts
    page = await shop.client.get(f"/c/{facts.card.key}", headers={"Accept-Language": "vi"})
    assert "Hoa ơi, mưa rồi!" in page.text, "the page's language, not only the customer's"
    assert len(mail.to("minh@example.com")) == 1
    assert await shop.desk.store.results([one.id]) == {}
    none = await manager.post(f"/campaigns/{one.id}/test", data={"number": "K7Q"})
    assert (none.status_code, "There is no card K7Q" in none.text, "Not saved" in none.text) == (422, True, False)


async def test_a_stopped_campaign_reaches_nobody_more_and_a_sent_one_is_not_changed(shop: Shop) -> None:
    card = await customer(shop, "Hoa")
    manager = await shop.sign_in("Minh")
    one = await make(shop, manager)
    await manager.post(f"/campaigns/{one.id}/send")
    assert (await manager.post(f"/campaigns/{one.id}/stop")).status_code == 303
    await work(shop)
    assert (await only(shop)).state == "stopped"
    assert "Welcome" in await said(shop, card)
    started = await make(shop, manager)
    await manager.post(f"/campaigns/{started.id}/send", data={"at": "2026-11-20T18:00"})
    for _ in range(2):  # by the button beside its bar
        assert (await manager.post(f"/errands/{started.id}/stop")).headers["location"] == f"/campaigns/{started.id}"
    halted = await shop.desk.store.campaign(shop.business.id, started.id)
    assert halted
    assert halted.state == "stopped"
    assert f"/campaigns/new?like={started.id}" in (await manager.get(f"/campaigns/{started.id}")).text
    again = (await manager.get(f"/campaigns/new?like={started.id}")).text
    assert 'action="/campaigns"' in again, "another one, which says the same"
    assert "it rains" in again
    assert [one.what for one in await shop.desk.store.audited(shop.business.id, what="campaign.stopped", of_id=started.id)] == [
        "campaign.stopped"
    ]
    two = await make(shop, manager)
    await manager.post(f"/campaigns/{two.id}/send")
    await work(shop)
    await manager.post(f"/campaigns/{two.id}/edit", data={"name": "Sun", "message.en": "Other"})
    after = await shop.desk.store.campaign(shop.business.id, two.id)
    assert after
    assert (after.name, after.message) == ("Sun", two.message)
    draft = await make(shop, manager)
    assert (await manager.post(f"/campaigns/{draft.id}/archive")).headers["location"] == "/campaigns"
    assert str(draft.id) in (await manager.get("/campaigns")).text.partition("Archived (1)")[2]
    assert f"/campaigns/new?like={draft.id}" in (await manager.get(f"/campaigns/{draft.id}")).text


class Meanwhile:
    """A database in which something happens after a campaign's next cards were read, and before they are reached."""

    def __init__(self, shop: Shop, happens: Awaitable[Any]) -> None:
        self._store, self._happening = shop.desk.store, [happens]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, unit: Unit) -> int:
        while self._happening:
            await self._happening.pop()
        return await self._store.commit(unit)


class Falling(Meanwhile):
    """The same, of a process that falls just after it has recorded that they are reached."""

    async def commit(self, unit: Unit) -> int:
        await super().commit(unit)
        raise ConnectionError


async def test_a_campaign_that_is_stopped_while_its_next_cards_are_read_reaches_none_of_them(shop: Shop) -> None:
    hoa, manager = await customer(shop, "Hoa"), await shop.sign_in("Minh")
    one = await make(shop, manager, offer_id=str(shop.offers["cookie"].id))
    await manager.post(f"/campaigns/{one.id}/send")
    stopped = manager.post(f"/campaigns/{one.id}/stop")
    assert await Errands(replace(shop.desk, store=Meanwhile(shop, stopped))).step()
    await work(shop)
    assert (await only(shop)).state == "stopped"
    assert "Stopped" in (await manager.get(f"/errands/{one.id}")).text
    assert await shop.desk.store.results([one.id]) == {}
    assert not (await shop.desk.store.card_facts(card_id=hoa["id"])).coupons


async def test_a_campaign_is_done_though_somebody_fell_before_saying_so(shop: Shop) -> None:
    await customer(shop, "Hoa")
    manager = await shop.sign_in("Minh")
    one = await make(shop, manager)
    await manager.post(f"/campaigns/{one.id}/send")
    await Errands(replace(shop.desk, store=Falling(shop, asyncio.sleep(0)))).step()
    shop.clock.forward(minutes=1)
    await work(shop)
    assert (await only(shop)).state == "done"
    assert (await shop.desk.store.results([one.id]))[one.id].reached == 1


@pytest.mark.parametrize("erased", [True, False])
async def test_who_is_merged_or_forgotten_while_a_campaign_reaches_them_has_nothing_on_a_card_that_is_left(
    shop: Shop, *, erased: bool
) -> None:
    keep, other = await customer(shop, "Hoa"), await customer(shop, "Mai")
    manager = await shop.sign_in("Minh")
    one = await make(shop, manager, offer_id=str(shop.offers["cookie"].id))
    await manager.post(f"/campaigns/{one.id}/send")
    first, second = (await who(shop, keep)).id, (await who(shop, other)).id
    if erased:
        happens = forgetting.forget(shop.desk, shop.business, second, by=None)
    else:
        happens = merging.merge(shop.desk, shop.business, shop.staff["Minh"].id, first, second)
    assert await Errands(replace(shop.desk, store=Meanwhile(shop, happens))).step()
    await work(shop)
    stays, gone = [await shop.desk.store.card_facts(card_id=card["id"]) for card in (keep, other)]
    assert gone.card.left_at is not None
    assert ([coupon.state for coupon in stays.coupons], list(gone.coupons)) == (["active"], [])
    assert (await shop.desk.store.results([one.id]))[one.id].reached == 1


async def test_a_form_keeps_what_was_typed_and_says_what_is_wrong(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    silent = await manager.post("/campaigns", data={"name": "Rain", "language": "vi"})
    assert silent.status_code == 422
    assert "one of the two" in silent.text
    assert 'value="Rain"' in silent.text
    lost = await manager.post("/campaigns", data={"name": "Rain", "message.en": "Tea?", "picked": "123"})
    assert "There is no card 123" in lost.text
    foreign = await manager.post("/campaigns", data={"name": "Rain", "message.en": "Tea?", "program_id": str(shop.business.id)})
    assert foreign.status_code == 404
    far = await manager.post("/campaigns?kind=win_back", data={"name": "Back", "message.en": "Tea?", "days": "0"})
    assert "So many days are not possible" in far.text


async def test_a_segment_is_counted_while_it_is_filled_in_kept_and_used(shop: Shop) -> None:
    hoa = await customer(shop, "Hoa", language="vi")
    await customer(shop, "Ben", agreed=False, language="en")
    manager = await shop.sign_in("Minh")
    count = await manager.post("/segments/count", data={"language": "vi"}, headers={"X-Fragment": "1"})
    assert "It reaches 1 of 1 customer who fits" in count.text
    everybody = await manager.post("/segments/count", data={}, headers={"X-Fragment": "1"})
    assert "1 of 2 customers who fit" in everybody.text
    wrong = await manager.post("/segments/count", data={"joined_within": "-1"}, headers={"X-Fragment": "1"})
    assert "A whole number" in wrong.text
    for language, n in (("vi", 1), ("en", 1)):
        kept = await manager.post("/segments", data={"name": "Speakers", "language": language})
        page = (await manager.get(kept.headers["location"])).text
        assert f"{n} card fits" in page
    (segment,) = await shop.desk.store.segments(shop.business.id)
    assert segment.rules.language == "en"
    form = (await manager.get(f"/campaigns/new?of={segment.id}")).text
    assert '<option value="en" selected>' in form
    one = await make(shop, manager, language="en")
    assert f'action="/segments/{segment.id}/remove"' in (await manager.get(f"/segments?of={segment.id}")).text
    gone = [(await manager.post(f"/segments/{segment.id}/remove")).status_code for _ in range(2)]
    assert gone == [303, 404]
    assert await shop.desk.store.segments(shop.business.id) == []
    assert (await shop.desk.store.campaign(shop.business.id, one.id)).rules.language == "en"
    (line,) = await shop.desk.store.audited(shop.business.id, what="segment.removed")
    assert (line.name, line.became) == ("", "{}")
    audit = (await (await shop.sign_in("Lan")).get("/audit")).text
    assert "deleted the segment …" in audit, "what it was called is not kept: perhaps it was a person's name"
    picked = (await manager.get(f"/campaigns/new?card={hoa['id']}")).text
    assert f">{hoa['number']}</textarea>" in picked


async def test_an_automation_is_set_up_switched_on_and_reaches_each_once(shop: Shop, mail: MailSandbox) -> None:
    card = await customer(shop, "Hoa", birthday="11-25", email="hoa@example.com")
    manager = await shop.sign_in("Minh")
    assert "Set it up" in (await manager.get("/campaigns")).text
    one = await make(shop, manager, "/campaigns?kind=birthday", days="2", email="on", offer_id=str(shop.offers["cookie"].id))
    assert one.state == "paused"
    shop.clock.forward(days=3)
    assert await Automations(shop.desk).step() == 0
    assert (await manager.post(f"/campaigns/{one.id}/send")).status_code == 303
    assert [await Automations(shop.desk).step() for _ in range(2)] == [1, 0]
    assert "it rains" in await said(shop, card)
    await work(shop)
    assert len(mail.to("hoa@example.com")) == 1
    assert "1 reached" in (await manager.get("/campaigns")).text
    assert (await manager.post(f"/campaigns/{one.id}/stop")).status_code == 303
    for status in (303, 409):  # out of sight, with what came of it; and there is room for another one
        assert (await manager.post(f"/campaigns/{one.id}/archive")).status_code == status
    listed, _, archived = (await manager.get("/campaigns")).text.partition("Archived (1)")
    assert (str(one.id) in listed, str(one.id) in archived, "kind=birthday" in listed) == (False, True, True)
    assert (await manager.post(f"/campaigns/{one.id}/send")).status_code == 303
    assert (await manager.post(f"/campaigns/{one.id}/archive")).status_code == 409, "who is on is switched off first"
    assert "Archived (" not in (await manager.get("/campaigns")).text
    assert (await manager.post(f"/campaigns/{one.id}/stop")).status_code == 303
    shop.clock.forward(days=365)
    assert await Automations(shop.desk).step() == 0


class Looking(Meanwhile):
    """The same, of what happens while an automation looks for those whose time has come."""

    async def awaited(self, *args: Any, **more: Any) -> Sequence[Awaited]:
        while self._happening:
            await self._happening.pop()
        return await self._store.awaited(*args, **more)


async def test_an_automation_that_is_paused_while_it_looks_reaches_nobody(shop: Shop) -> None:
    await customer(shop, "Hoa", birthday="11-20")
    manager = await shop.sign_in("Minh")
    one = await make(shop, manager, "/campaigns?kind=birthday", days="0")
    assert (await manager.post(f"/campaigns/{one.id}/send")).status_code == 303
    paused = manager.post(f"/campaigns/{one.id}/stop")
    assert await Automations(replace(shop.desk, store=Looking(shop, paused))).step() == 0
    assert (await only(shop)).state == "paused"


async def test_a_reward_that_waits_is_told_of_without_consent_but_never_by_email_and_not_at_night(shop: Shop, mail: MailSandbox) -> None:
    card = await customer(shop, "Hoa", agreed=False, email="hoa@example.com")
    await shop.stamp(card, 5)
    manager = await shop.sign_in("Minh")
    one = await make(shop, manager, "/campaigns?kind=waiting", days="7", email="on")
    await manager.post(f"/campaigns/{one.id}/send")
    shop.clock.forward(days=7, hours=-11)  # one in the morning of the seventh day
    assert await Automations(shop.desk).step() == 0
    shop.clock.forward(hours=7.5)
    assert await Automations(shop.desk).step() == 1
    await work(shop)
    assert "it rains" in await said(shop, card)
    assert mail.letters == []


async def test_the_programs_birthday_reward_comes_with_the_day_and_the_phone_is_told_in_the_morning(shop: Shop) -> None:
    program = shop.program
    assert await shop.desk.store.revise([(program, replace(program, birthday=shop.offers["cookie"].id))])
    card = await customer(shop, "Hoa", agreed=False, birthday="11-21")
    shop.clock.forward(hours=11, minutes=59)
    assert await Automations(shop.desk).step() == 0
    shop.clock.forward(minutes=1)
    assert shop.clock().astimezone(shop.business.tz).strftime("%d %H:%M") == "21 00:00"
    assert [await Automations(shop.desk).step() for _ in range(2)] == [1, 0]
    facts = await shop.desk.store.card_facts(card_id=card["id"])
    assert facts
    assert [coupon.issued_at for coupon in facts.coupons] == [shop.clock()]
    shop.clock.forward(days=1)
    assert await Automations(shop.desk).step() == 0


async def test_what_breaks_one_shop_s_automations_stops_no_other_s(shop: Shop) -> None:
    new, store = shop.desk.world.new_id, shop.desk.store
    facts = await store.card_facts(card_id=(await customer(shop, "Hoa", agreed=False, birthday="11-20"))["id"])
    there = {"zone": "Asia/Ho_Chi_Minh", "currency": "VND", "languages": ("en",), "location": "Here", "owner": "Mai"}
    other = (await found.found(store, shop.desk.world, name="Next door", **there)).business
    gift = replace(shop.offers["cookie"], id=new(), business_id=other.id)
    program = replace(facts.program, id=new(), business_id=other.id, birthday=gift.id)
    person = replace(facts.customer, id=new(), business_id=other.id)
    twin = {"number": "twin", "serial": "twin", "key": "twin", "token": "twin"}
    card = replace(facts.card, id=new(), business_id=other.id, program_id=program.id, customer_id=person.id, **twin)
    await shop.desk.commit(shop.clock(), rows=(gift, program, person, card))
    assert await store.revise([(shop.program, replace(shop.program, birthday=shop.offers["cookie"].id))])
    await shop.change_business(zone="Nowhere/At_All")
    assert await Automations(shop.desk).step() == 1
    assert len((await store.card_facts(card_id=card.id)).coupons) == 1


async def test_a_paused_offer_is_given_by_no_campaign(shop: Shop) -> None:
    await customer(shop, "Hoa")
    manager = await shop.sign_in("Minh")
    one = await make(shop, manager, offer_id=str(shop.offers["cookie"].id))
    await manager.post(f"/campaigns/{one.id}/send", data={"at": "2026-11-20T18:00"})
    await shop.change_offer("cookie", state="paused")
    again = await make(shop, manager, offer_id=str(shop.offers["cookie"].id))
    assert (await manager.post(f"/campaigns/{again.id}/send")).status_code == 409
    shop.clock.forward(hours=7)
    await work(shop)
    assert (await shop.desk.store.campaign(shop.business.id, one.id)).state == "stopped"
    assert await shop.desk.store.results([one.id]) == {}


async def test_two_cards_of_one_customer_get_one_message(shop: Shop) -> None:
    card = await customer(shop, "Hoa")
    facts = await shop.desk.store.card_facts(card_id=card["id"])
    assert facts
    new = shop.desk.world.new_id
    second = replace(facts.program, id=new())
    twin = replace(facts.card, id=new(), program_id=second.id, number="twin", serial="twin", key="twin", token="twin")
    await shop.desk.commit(shop.clock(), rows=(second, twin))
    manager = await shop.sign_in("Minh")
    one = await make(shop, manager)
    assert "1 of 1 customer who fits" in (await manager.get(f"/campaigns/{one.id}")).text
    await manager.post(f"/campaigns/{one.id}/send")
    await work(shop)
    assert (await shop.desk.store.results([one.id]))[one.id].reached == 1


async def test_a_counter_has_no_campaigns_and_those_of_another_shop_are_like_none(shop: Shop) -> None:
    other = await Shop(shop.client, shop.desk, shop.clock, shop.followers).open("Trà Chiều")
    theirs = await make(other, await other.sign_in("Minh"))
    counter, manager = await shop.at_counter("An"), await shop.sign_in("Lan")
    for path in ("/campaigns", "/campaigns/new", "/segments"):
        assert (await counter.get(path)).headers["location"].startswith("/sign-in")
    for path in (f"/campaigns/{theirs.id}", f"/campaigns/{theirs.id}/edit"):
        assert (await manager.get(path)).status_code == 404
    for path in ("send", "stop", "edit", "test"):
        assert (await manager.post(f"/campaigns/{theirs.id}/{path}", data={"name": "x", "number": "x"})).status_code == 404
