"""Campaigns on their way: exactly once to each card whatever dies in between, in the phones, in the post, and at the right moment."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from shop import Clock, Shop, open_shop
from street import Street, shown

from app.desk import campaigning, join
from app.desk.automations import Automations
from app.desk.letters import MOST_TRIES, Letters
from app.errands import Errands
from app.post import Letter, Post, Undelivered
from app.sandbox.mail import MailSandbox
from app.store import Member, Portion, Results
from passes.campaigns import Campaign, Expiring, Rules
from passes.cards import Card
from passes.words import text


async def manager(shop: Shop) -> Member:
    (found,) = await shop.desk.store.members(staff_id=shop.staff["Minh"].id)
    return found


async def agreed(shop: Shop, card: dict, **more: Any) -> None:
    facts = await shop.desk.store.card_facts(card_id=card["id"])
    assert facts
    assert await shop.desk.store.revise([(facts.customer, replace(facts.customer, consent_at=shop.clock(), **more))])


async def sent(shop: Shop, **more: Any) -> Campaign:
    """A campaign that was let go."""
    said = {"message": text(en="{name}, it rains", vi="{name} ơi, mưa rồi"), **more}
    new = shop.desk.world.new_id()
    made = Campaign(id=new, business_id=shop.business.id, name="Rain", made_at=shop.clock(), made_by=shop.staff["Minh"].id, **said)
    actor = await manager(shop)
    await campaigning.make(shop.desk, actor, made)
    return await campaigning.send(shop.desk, actor, made, at=None) if made.trigger is None else made


async def crowd(shop: Shop, many: int) -> list[Card]:
    """So many customers who agreed, each with a card."""
    facts = await shop.desk.store.card_facts(card_id=(await shop.join("Hoa"))["id"])
    assert facts
    new = shop.desk.world.new_id
    people = [replace(facts.customer, id=new(), name=f"Hoa {n}", consent_at=shop.clock()) for n in range(many)]
    cards = [replace(facts.card, id=new(), customer_id=one.id, number=one.name, serial=one.name, key=one.name) for one in people]
    await shop.desk.commit(shop.clock(), rows=(*people, *cards))
    return cards


async def portions(shop: Shop, one: Campaign) -> Portion | None:
    found = await shop.desk.store.errand(shop.business.id, one.id)
    assert found
    return found[1]


async def test_a_campaign_reaches_each_card_once_though_several_send_it_and_one_is_killed(database_url: str) -> None:
    async with open_shop(database_url) as shop:
        cards = await crowd(shop, 230)
        one = await sent(shop, offer_id=shop.offers["cookie"].id)
        assert await Errands(shop.desk).step()
        first = await portions(shop, one)
        assert first
        assert (first.done, first.last) == (99, False)  # Hoa herself has not agreed
        killed = asyncio.create_task(Errands(shop.desk).step())
        await asyncio.sleep(0)
        killed.cancel()
        await asyncio.gather(killed, return_exceptions=True)
        shop.clock.forward(minutes=1)  # its lease ends
        found = await shop.desk.store.errand(shop.business.id, one.id)
        assert found
        both = await asyncio.gather(*(campaigning.story(shop.desk, *found) for _ in range(2)), return_exceptions=True)
        assert any(isinstance(outcome, Portion) for outcome in both)
        while await Errands(shop.desk).step():
            pass
        last = await portions(shop, one)
        assert last
        assert (last.done, last.last) == (230, True)
        results = (await shop.desk.store.results([one.id]))[one.id]
        assert (results.reached, results.coupons) == (230, 230)
        for card in (cards[0], cards[150], cards[-1]):
            kinds = [event.kind for event in await shop.desk.store.card_history(shop.business.id, card.id)]
            assert kinds == ["message", "issued"]
        found_again = await shop.desk.store.campaign(shop.business.id, one.id)
        assert found_again
        assert found_again.state == "done"


async def test_phones_say_the_message_and_the_campaign_knows_who_has_seen_it(street: Street) -> None:
    shop = street.shop
    hoa, ben = await shop.join("Hoa"), await shop.join("Ben", language="en")
    await agreed(shop, hoa)
    await agreed(shop, ben)
    phone, saved = await street.carry(hoa), await street.save(ben)
    await street.settle(minutes=5)
    one = await sent(shop)
    while await Errands(shop.desk).step():
        pass
    results = await shop.desk.store.results([one.id])
    assert results[one.id] == Results(reached=2)
    await street.settle()
    await phone.until(lambda: "Hoa" in shown(phone).fields["latest"].value)
    await street.settle()
    assert (await shop.desk.store.results([one.id]))[one.id].shown == 2
    assert "it rains" in str(street.google.objects[saved])


@pytest.fixture
async def mail() -> AsyncIterator[MailSandbox]:
    async with MailSandbox() as mail:
        yield mail


def post(shop: Shop, mail: MailSandbox, sender: str = "card@cards.example", url: str = "") -> Post:
    return Post(url or mail.url, sender, shop.desk.world)


async def test_letters_wait_while_the_server_is_away_and_are_given_up_after_a_day(sqlite_url: str, mail: MailSandbox) -> None:
    async with open_shop(sqlite_url, smtp_url=mail.url, mail_from="card@cards.example") as shop:
        await agreed(shop, await shop.join("Hoa"), email="hoa@example.com")
        one = await sent(shop, email=True)
        mail.closed = True
        while await Errands(shop.desk).step():
            pass
        letters = Letters(shop.desk)
        assert await letters.step() == 1
        assert await letters.step() == 0
        shop.clock.forward(minutes=4)
        mail.closed = False
        assert await letters.step() == 1
        (letter,) = mail.to("hoa@example.com")
        assert letter["Subject"] == "Hoa ơi, mưa rồi"
        assert (await shop.desk.store.results([one.id]))[one.id].mail_sent == 1
        mail.closed = True
        second = await sent(shop, email=True)
        while await Errands(shop.desk).step():
            pass
        tries = 0
        for _ in range(3 * MOST_TRIES):
            tries += await letters.step()
            shop.clock.forward(hours=8)
        assert (await shop.desk.store.results([second.id]))[second.id].mail_failed == 1
        assert tries >= MOST_TRIES  # a look in the quiet hours puts it off without trying


async def test_who_joins_while_the_mail_server_is_away_gets_their_link_later(sqlite_url: str, mail: MailSandbox) -> None:
    async with open_shop(sqlite_url, smtp_url=mail.url, mail_from="card@cards.example") as shop:
        hoa = join.Newcomer(name="Hoa", email="hoa@example.com", consent=True)
        facts, _ = await join.come(shop.desk, shop.program, shop.business, hoa, nonce="n" * 24, address="192.0.2.1")
        mail.closed = True
        letters = Letters(shop.desk)
        assert await letters.step() == 1
        mail.closed = False
        shop.clock.forward(minutes=4)
        assert await letters.step() == 1
        assert await letters.step() == 0
        (letter,) = mail.to("hoa@example.com")
        assert f"/c/{facts.card.key}?letter=" in letter.get_content()
        told = await shop.desk.store.lately([facts.customer.id], since=shop.clock() - timedelta(days=7))
        assert told.get(facts.customer.id, (0, False))[0] == 0, "a link that was asked for is no offer"


async def test_what_mail_servers_refuse_is_told_apart(sqlite_url: str, mail: MailSandbox) -> None:
    letter = Letter(to="hoa@example.com", subject="Rain", text="It rains")
    async with open_shop(sqlite_url) as shop:
        good = post(shop, mail)
        await good.knock()
        await good(letter)
        for to, lasting in (("nobody@example.com", True), ("lan@grey.example", False)):
            with pytest.raises(Undelivered) as refused:
                await good(replace(letter, to=to))
            assert refused.value.lasting == lasting
            assert to not in refused.value.why
        await good(replace(letter, to="lan@grey.example"))  # who comes again is let in
        stranger = post(shop, mail, "card@elsewhere.example")
        for act in (stranger.knock(), stranger(letter)):
            with pytest.raises(Undelivered, match=r"the sender is refused \(553\)"):
                await act
        nowhere = post(shop, mail, url="smtp://127.0.0.1:9")
        with pytest.raises(Undelivered, match="cannot be reached"):
            await nowhere(letter)
        for one in (good, stranger, nowhere):
            await one.close()
    assert [to for to, _ in mail.letters] == ["hoa@example.com", "lan@grey.example"]


async def test_a_mail_server_that_swallows_everything_holds_nobody_up(sqlite_url: str) -> None:
    waiting: list[asyncio.StreamWriter] = []
    hole = await asyncio.start_server(lambda _, writer: waiting.append(writer), "127.0.0.1", 0)
    letter = Letter(to="hoa@example.com", subject="Rain", text="It rains")
    async with open_shop(sqlite_url) as shop:
        url = f"smtp://127.0.0.1:{hole.sockets[0].getsockname()[1]}"
        swallowed = Post(url, "card@cards.example", shop.desk.world, at_first=0.2)
        async with asyncio.timeout(60):
            told = await asyncio.gather(*(swallowed(letter) for _ in range(5)), return_exceptions=True)
        assert all(isinstance(one, Undelivered) and not one.lasting for one in told)
        with pytest.raises(Undelivered, match="has just not answered"):
            await swallowed(letter)
        assert len(waiting) == 1
        shop.clock.forward(minutes=1)
        with pytest.raises(Undelivered, match="cannot be reached"):
            await swallowed(letter)
        await swallowed.close()
    for writer in waiting:
        writer.close()
    hole.close()


async def test_no_header_is_smuggled_into_a_letter(sqlite_url: str, mail: MailSandbox) -> None:
    async with open_shop(sqlite_url) as shop:
        good = post(shop, mail)
        evil = "Rain\r\nBcc: everybody@example.com\r\n\r\nBuy"
        await good(Letter(to="hoa@example.com", subject=evil, text=evil + "\r\n.\r\nQUIT", html="<p>…</p>"))
        for to in ("hoa@example.com\r\nBcc: lan@example.com", "Hoa <hoa@example.com>", "hoa@example.com, lan@example.com", "hoa"):
            with pytest.raises(Undelivered) as refused:
                await good(Letter(to=to, subject="Rain", text="Rain"))
            assert refused.value.lasting
        await good.close()
    ((to, letter),) = mail.letters
    assert (to, letter["Subject"], letter["Bcc"]) == ("hoa@example.com", "Rain Bcc: everybody@example.com Buy", None)


@pytest.mark.parametrize(
    ("zone", "birthday", "begins"),
    [
        ("America/New_York", "03-08", "2026-03-08T05:00:00"),  # the day on which its clock goes forward
        ("America/New_York", "11-01", "2026-11-01T04:00:00"),  # and back
        ("America/Santiago", "09-06", "2026-09-06T04:00:00"),  # there is no midnight
        ("Pacific/Auckland", "09-27", "2026-09-26T12:00:00"),
        ("Europe/Berlin", "02-29", "2027-02-27T23:00:00"),
    ],
)
async def test_a_birthday_begins_with_the_day_of_the_shop_wherever_it_is(sqlite_url: str, zone: str, birthday: str, begins: str) -> None:
    moment = datetime.fromisoformat(begins).replace(tzinfo=UTC)
    async with open_shop(sqlite_url, clock=Clock(moment - timedelta(days=2))) as shop:
        business = next(iter(await shop.desk.store.businesses()))
        shop.business = replace(business, zone=zone)
        program = replace(shop.program, birthday=shop.offers["cookie"].id)
        assert await shop.desk.store.revise([(business, shop.business), (shop.program, program)])
        card = await shop.join("Hoa")
        facts = await shop.desk.store.card_facts(card_id=card["id"])
        assert facts
        assert await shop.desk.store.revise([(facts.customer, replace(facts.customer, birthday=birthday))])
        shop.clock.now = moment - timedelta(seconds=1)
        assert await Automations(shop.desk).step() == 0
        shop.clock.now = moment
        assert sum(await asyncio.gather(*(Automations(shop.desk).step() for _ in range(3)))) == 1
        assert (await shop.redeem((await shop.get(f"cards/{card['id']}")).json()["ready"][0]["code"])).status_code == 201


async def test_who_is_told_that_a_reward_ends_is_told_once_and_of_each_reward(sqlite_url: str) -> None:
    async with open_shop(sqlite_url) as shop:
        card = await shop.join("Hoa")
        await shop.stamp(card, 5)
        facts = await shop.desk.store.card_facts(card_id=card["id"])
        assert facts
        (coupon,) = facts.coupons
        assert coupon.expires_at
        await sent(shop, trigger=Expiring(before=3), state="running", rules=Rules(program_id=shop.program.id))
        reached = []
        shop.clock.now = coupon.expires_at - timedelta(days=4, hours=10)
        for _ in range(6):
            reached.append(await Automations(shop.desk).step())
            shop.clock.forward(days=1)
        assert reached == [0, 1, 0, 0, 0, 0]
