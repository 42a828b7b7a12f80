"""A customer joins: by a till that is trusted, and by themselves on the program's page."""

import asyncio
import itertools
import re
from uuid import UUID

import httpx
from databases import BOTH
from msgspec.structs import replace
from shop import Shop

from app.desk import join as joining
from app.desk import merging
from app.desk.join import Newcomer
from app.desk.letters import Letters
from app.desk.signing_in import key
from app.post import Letter
from app.store import CardFacts
from passes import contacts
from passes.contacts import value_of
from passes.programs import Asks


async def change(shop: Shop, **changes: object) -> None:
    """The program has other rules."""
    became = replace(shop.program, **changes)
    assert await shop.desk.store.revise([(shop.program, became)])
    shop.program = became


async def fill_in(browser: httpx.AsyncClient, path: str, name: str = "Hoa", **more: str) -> httpx.Response:
    """Somebody opens the page, fills it in and sends it."""
    page = await browser.get(path)
    assert page.status_code == 200, page.text
    nonce = re.search(r'name="nonce" value="([^"]+)"', page.text)
    assert nonce
    return await browser.post(path, data={"nonce": nonce[1], "name": name, **more})


def key_in(answer: httpx.Response) -> str:
    """The key of the card that the answer leads to."""
    assert answer.status_code == 303, answer.text
    found = re.match(r"/c/([^?/]+)", answer.headers["location"])
    assert found, answer.headers["location"]
    return found[1]


async def owner(shop: Shop, email: str) -> UUID | None:
    """Whose an address is."""
    found = await shop.desk.store.contact(shop.business.id, f"mailto:{email}")
    return found.customer_id if found else None


async def prove(shop: Shop, email: str) -> None:
    """It is proven whose an address is."""
    found = await shop.desk.store.contact(shop.business.id, f"mailto:{email}")
    assert found
    assert await shop.desk.store.revise([(found, replace(found, proven=True))])


async def facts_of(shop: Shop, key: str) -> CardFacts:
    """A card by its key."""
    facts = await shop.desk.store.card_facts(key=key)
    assert facts
    return facts


async def open_letter(shop: Shop, browser: httpx.AsyncClient, key: str) -> httpx.Response:
    """The link is opened of the letter that came when a card was made."""
    (letter,) = await joining.letters(shop.desk, await facts_of(shop, key))
    link = re.search(r"/c/\S+", letter.text)
    assert link
    return await browser.get(link[0])


@BOTH
async def test_who_is_known_gets_the_card_that_they_have(shop: Shop) -> None:
    hoa = {"program_id": str(shop.program.id), "name": "Hoa", "email": "Hoa@Example.com"}
    first = await shop.post("join", hoa)
    again = await shop.post("join", {**hoa, "name": "Hoa N.", "email": "hoa@example.com ", "phone": "0903 123 678"})
    by_phone = await shop.post("join", {"program_id": hoa["program_id"], "name": "H", "phone": "+84 903 123678"})
    assert [one.status_code for one in (first, again, by_phone)] == [201, 200, 200]
    assert first.json() == again.json() == by_phone.json()
    refused = await shop.post("join", {**hoa, "email": "hoa at example"})
    assert (refused.status_code, refused.json()["word"]) == (400, "invalid_request")


@BOTH
async def test_joining_gives_a_card_and_the_welcome_and_the_same_browser_keeps_it(shop: Shop) -> None:
    await change(shop, welcome=shop.offers["cookie"].id, asks=Asks(email="optional", birthday="optional"))
    here = shop.locations["Thảo Điền"]
    path = f"/join/{shop.program.id}/at/{here.id}"
    async with shop.browser() as browser:
        page = await browser.get(path)
        assert "Free cookie" in page.text
        assert 'name="phone"' not in page.text
        wrong = await fill_in(browser, path, "Hoa", email="hoa", day="30", month="02")
        assert wrong.status_code == 422
        assert "This is no e-mail address" in wrong.text
        assert "There is no such day" in wrong.text
        assert 'value="Hoa"' in wrong.text
        key = key_in(await fill_in(browser, path, "Hoa", email="hoa@example.com", day="29", month="02"))
        facts = await shop.desk.store.card_facts(key=key)
        assert facts is not None
        assert [coupon.offer_id for coupon in facts.coupons] == [shop.offers["cookie"].id]
        customer = facts.customer
        assert (customer.name, customer.birthday, customer.location_id, customer.consent_at) == ("Hoa", "02-29", here.id, None)
        assert [event.kind for event in facts.events] == ["issued", "joined"]
        again = await browser.get(path)
        assert again.headers["location"] == f"/c/{key}"
        another = await fill_in(browser, f"/join/{shop.program.id}?another=true", "Minh", another="on")
        assert key_in(another) != key


@BOTH
async def test_one_form_sent_twice_is_one_card_and_a_filled_in_trap_is_none(shop: Shop) -> None:
    path = f"/join/{shop.program.id}"
    said = {"nonce": "a" * 24, "name": "Hoa"}
    answers = []
    for _ in range(2):
        async with shop.browser() as browser:
            await browser.get(path)
            answers.append(key_in(await browser.post(path, data=said)))
    assert answers[0] == answers[1]
    async with shop.browser() as browser:
        robot = await fill_in(browser, path, "Buy now", website="https://example.com")
        assert (robot.status_code, robot.headers["location"]) == (303, path)
        assert "set-cookie" not in robot.headers or "card-" not in robot.headers["set-cookie"]


@BOTH
async def test_a_stranger_learns_nothing_and_the_link_of_the_old_card_makes_one_of_two(shop: Shop) -> None:
    await change(shop, asks=Asks(email="required"), welcome=shop.offers["cookie"].id)
    path = f"/join/{shop.program.id}"
    async with shop.browser() as first, shop.browser() as second:
        old = key_in(await fill_in(first, path, "Hoa", email="hoa@example.com"))
        await open_letter(shop, first, old)
        unknown = await fill_in(second, path, "Mai", email="mai@example.com")
        second.cookies.clear()
        known = await fill_in(second, path, "Hoa", email="HOA@example.com")
        assert {name for name, _ in unknown.headers.items()} == {name for name, _ in known.headers.items()}
        fresh = key_in(known)
        assert fresh != old
        facts, original = [await shop.desk.store.card_facts(key=key) for key in (fresh, old)]
        assert facts is not None
        assert original is not None
        assert facts.customer.maybe_id == original.customer.id
        assert await owner(shop, "hoa@example.com") == original.customer.id

        assert (await second.get(f"/c/{old}")).status_code == 200
        folded = await shop.desk.store.card_facts(key=fresh)
        assert folded is not None
        assert folded.card.left_at is not None
        assert folded.customer.merged_into == original.customer.id
        assert (await second.get(f"/c/{fresh}")).headers["location"] == f"/c/{old}"
        assert (await second.get(path)).headers["location"] == f"/c/{old}"
        kept = await shop.desk.store.card_facts(key=old)
        assert kept is not None
        assert [coupon.state for coupon in kept.coupons if coupon.state == "active"] == ["active"]


async def test_the_link_of_the_old_card_never_leaves_two_cards_of_one_program(shop: Shop) -> None:
    await change(shop, asks=Asks(email="required"))
    lunch = replace(shop.program, id=shop.desk.world.new_id())
    await shop.desk.commit(shop.clock(), rows=(lunch,))
    keys = []
    async with shop.browser() as first, shop.browser() as second:
        for browser in (first, second):
            paths = [f"/join/{program.id}" for program in (shop.program, lunch)]
            keys += [key_in(await fill_in(browser, path, "Hoa", email="hoa@example.com")) for path in paths]
            if browser is first:
                await open_letter(shop, first, keys[0])
        assert (await second.get(f"/c/{keys[0]}")).status_code == 200
    for key_ in keys:
        held = await shop.desk.store.cards_of(shop.business.id, (await facts_of(shop, key_)).customer.id)
        assert sorted(one.program_id for one in held if one.left_at is None) == sorted([shop.program.id, lunch.id])


@BOTH
async def test_an_address_is_whose_mail_it_is_and_not_who_was_first_to_type_it(shop: Shop) -> None:
    await change(shop, asks=Asks(email="required"))
    path = f"/join/{shop.program.id}"
    async with shop.browser() as stranger, shop.browser() as hoa:
        theirs = key_in(await fill_in(stranger, path, "Hoa", email="hoa@example.com"))
        hers = key_in(await fill_in(hoa, path, "Hoa", email="hoa@example.com"))
        assert (await hoa.get(f"/c/{theirs}")).status_code == 200
        assert (await facts_of(shop, hers)).customer.merged_into is None, "a link that anybody may have sent proves nothing"
        await open_letter(shop, hoa, hers)
        assert await owner(shop, "hoa@example.com") == (await facts_of(shop, hers)).customer.id
        (letter,) = await joining.letters(shop.desk, await facts_of(shop, theirs))
        assert hers in letter.text, "what a stranger joins with from now on leads to her card, in a letter to her"
        assert (await stranger.get(f"/c/{theirs}")).status_code == 200, "who only mistyped an address keeps their card"


@BOTH
async def test_a_letter_for_another_card_that_is_opened_by_who_has_one_shows_their_own(shop: Shop) -> None:
    await change(shop, asks=Asks(email="required"))
    path = f"/join/{shop.program.id}"
    async with shop.browser() as stranger, shop.browser() as hoa:
        hers = key_in(await fill_in(hoa, path, "Hoa", email="hoa@example.com"))
        theirs = key_in(await fill_in(stranger, path, "Hoa", email="hoa@example.com"))
        shown = await open_letter(shop, hoa, theirs)
        assert shown.headers["location"] == f"/c/{hers}"
        assert await owner(shop, "hoa@example.com") == (await facts_of(shop, hers)).customer.id


@BOTH
async def test_whom_a_manager_takes_for_one_have_no_link_to_each_other_s_cards(shop: Shop) -> None:
    await change(shop, asks=Asks(email="required"))
    path = f"/join/{shop.program.id}"
    lunch = replace(shop.program, id=shop.desk.world.new_id(), asks=Asks())
    await shop.desk.commit(shop.clock(), rows=(lunch,))
    async with shop.browser() as hoa, shop.browser() as stranger:
        hers = key_in(await fill_in(hoa, path, "Hoa", email="hoa@example.com"))
        theirs = key_in(await fill_in(stranger, path, "Hoa", email="hoa@example.com"))
        along = key_in(await fill_in(stranger, f"/join/{lunch.id}", "Hoa"))
        one, other = await facts_of(shop, hers), await facts_of(shop, theirs)
        manager = await shop.sign_in("Minh")
        pages = [await manager.get(f"/customers/{page}") for page in ("duplicates", f"{one.customer.id}/merge/{other.customer.id}")]
        assert all("Address not proven" in page.text for page in pages)
        await merging.merge(shop.desk, shop.business, shop.staff["Minh"].id, one.customer.id, other.customer.id)
        ended = await stranger.get(f"/c/{theirs}")
        assert (ended.status_code, "ask at the counter" in ended.text, hers in ended.text) == (410, True, False)
        assert [(await stranger.post(f"/c/{key}/forget")).status_code for key in (theirs, along)] == [410, 404]
        for program in (shop.program, lunch):
            again = await stranger.get(f"/join/{program.id}")
            assert again.status_code == 200, "a browser of the other's is a stranger's"
        fresh = await facts_of(shop, key_in(await fill_in(stranger, path, "Hoa", email="hoa@example.com")))
        assert fresh.customer.id != one.customer.id
        assert (await hoa.get(f"/c/{hers}")).status_code == 200


@BOTH
async def test_a_paused_program_says_so_and_too_many_from_one_place_wait(shop: Shop) -> None:
    path = f"/join/{shop.program.id}"
    async with shop.browser() as browser:
        await browser.get(path)
        csrf = {"nonce": "b" * 24, "name": "Hoa", "another": "on"}
        answers = [await browser.post(path, data={**csrf, "nonce": f"{number:024}"}) for number in range(62)]
        assert [one.status_code for one in answers[:60]] == [303] * 60
        assert answers[-1].status_code == 429
        assert answers[-1].headers["retry-after"] == "30"
        assert 'value="Hoa"' in answers[-1].text
        await change(shop, state="paused")
        shop.clock.forward(hours=1)
        browser.cookies.delete(f"card-{shop.program.id.hex}")
        assert "No new cards at the moment" in (await browser.get(path)).text
        assert (await browser.post(path, data=csrf)).status_code == 409
    refused = await shop.post("join", {"program_id": str(shop.program.id), "name": "Hoa"})
    assert (refused.status_code, refused.json()["word"]) == (409, "paused")


async def test_a_cookie_that_holds_no_key_is_no_card(shop: Shop) -> None:
    for held in ("%00", "%E2%98%83", "a" * 65):
        async with shop.browser() as browser:
            cookie = {"Cookie": f"card-{shop.program.id.hex}={held}"}
            assert (await browser.get(f"/join/{shop.program.id}", headers=cookie)).status_code == 200


def test_two_ways_to_write_a_number_are_one_number() -> None:
    written = (
        "0901 234 567",
        "+84 901-234-567",
        "0084901234567",
        "(090) 1234567",
        "\uff10\uff19\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17",
    )
    assert {value_of(phone=one, country="84") for one in written} == {"tel:+84901234567"}
    assert value_of(phone="06 1234 5678", country="39") == "tel:+390612345678"
    assert [value_of(phone=one, country="84") for one in ("", "abc", "12", "1" * 16)] == [""] * 4
    assert value_of(email=" Lan@X.vn") == "mailto:lan@x.vn"
    assert [value_of(email=one) for one in ("lan@x", "a b@c.d", "a@b..c", "a@b.c\r\nBcc: d@e.f")] == [""] * 4
    assert contacts.CALLING["VND"] == "84"


@BOTH
async def test_the_link_of_a_card_is_written_to_whose_address_it_is(shop: Shop) -> None:
    await change(shop, asks=Asks(email="optional"))
    newcomer = Newcomer(name="Hoa", email="Hoa@example.com", language="vi")
    made = []
    for number, name in enumerate(("Hoa", "Somebody", "Somebody", "Somebody")):
        if number == 1:
            await prove(shop, "hoa@example.com")
        facts, _ = await joining.come(
            shop.desk, shop.program, shop.business, replace(newcomer, name=name), nonce=f"{number:024}", address="192.0.2.1"
        )
        made.append((facts, await joining.letters(shop.desk, facts)))
    (first, (welcome,)), (_, (again,)), (_, (once_more,)), (_, nothing) = made
    assert (welcome.to, f"/c/{first.card.key}" in welcome.text, "Xin chào" in welcome.text) == ("Hoa@example.com", True, True)
    assert (again.to, f"/c/{first.card.key}\n" in again.text) == ("Hoa@example.com", True), "of the card that they have"
    assert not any(name in letter.text for letter in (welcome, again) for name in ("Hoa", "Somebody")), "names may be anything"
    assert (once_more.to, nothing) == (again.to, ()), "three letters a day"


async def test_a_flood_refuses_nobody_and_fills_no_mailboxes(shop: Shop) -> None:
    sent: list[Letter] = []

    async def post(letter: Letter) -> None:
        sent.append(letter)

    desk, turn = replace(shop.desk, post=post), itertools.count()

    async def written_to(email: str) -> list[str]:
        """Somebody joins with this address, and is let in: to whom letters go then."""
        sent.clear()
        newcomer, number = Newcomer(name="Hoa", email=email), next(turn)
        _, new = await joining.come(desk, shop.program, shop.business, newcomer, nonce=f"{number:024}", address=f"192.0.2.{number}")
        assert new
        while await Letters(desk).step():
            pass
        return [letter.to for letter in sent]

    async def struck(name: str, times: int) -> None:
        """So much has happened already."""
        now = shop.clock()
        strikes = (shop.desk.store.strike(key(*name.split("|")), at=now, fresh=now - joining.SLOT) for _ in range(times))
        await asyncio.gather(*strikes)

    slot = int(shop.clock().timestamp() // joining.SLOT.total_seconds()) % 6
    await struck(f"join|{shop.program.id}:{slot}", joining.IN_ALL - 1)
    assert await written_to("one@example.com") == ["one@example.com"]
    assert await written_to("two@example.com") == [], "this was one too many in ten minutes"
    shop.clock.forward(minutes=10)
    assert await written_to("three@example.com") == ["three@example.com"]
    # And slowly, over a day: to addresses of which nobody knows whose they are, so many letters and no more.
    await struck(f"letters|{shop.program.id}:{shop.clock().date()}", joining.A_DAY - 3)
    assert await written_to("four@example.com") == ["four@example.com"]
    assert await written_to("five@example.com") == []
    await prove(shop, "one@example.com")
    assert await written_to("one@example.com") == ["one@example.com"], "whose it is, is known"
    shop.clock.forward(days=1)
    assert await written_to("six@example.com") == ["six@example.com"]
