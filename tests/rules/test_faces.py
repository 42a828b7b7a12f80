from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from counter_cafe import CAFE, DAY, HOUR, NOON, SAIGON, WORDS, a_code, an_id, card, coupon, customer, event, offer, program
from hypothesis import given
from hypothesis import strategies as st

from passes import codes
from passes.cards import Card, Customer, Event
from passes.coupons import Coupon, issue, voided
from passes.face import HAPPENED, LATEST, Face, Line, face, next_change
from passes.offers import Days, Format, Until, end_of_day, expiry
from passes.words import Text, text

COOKIE = offer(title=text(en="A cookie", vi="Một bánh quy"), validity=Days(7))
COFFEE = offer(prefix="COFFEE")
PROGRAM = program((3, COOKIE), (10, COFFEE), terms=text(en="One card each.", vi="Mỗi người một thẻ."))
HOA = customer("Hoa")


def drawn(
    of: Card | None = None, *coupons: Coupon, events: tuple[Any, ...] = (), now: datetime = NOON, who: Customer = HOA, **given_: Any
) -> Face:
    usual = {"program": PROGRAM, "business": CAFE, "offers": {COOKIE.id: COOKIE, COFFEE.id: COFFEE}, "words": WORDS}
    return face(card=of or card(who), customer=who, coupons=coupons, events=events, now=now, **{**usual, **given_})


def line(of: Face, key: str) -> Line | None:
    return next((one for one in of.lines if one.key == key), None)


def said(of: Face, key: str, language: str = "en") -> object:
    found = line(of, key)
    assert found is not None, key
    return found.value.said(language) if isinstance(found.value, Text) else found.value


def on(of: Card, under: Any = COOKIE, **given_: Any) -> Coupon:
    return coupon(under, card_id=of.id, **{"expires_at": NOON + 7 * DAY, **given_})


# --- The barcode ---


def test_with_no_reward_ready_the_barcode_is_the_cards_own_number() -> None:
    held = card(HOA, balance=4)
    shown = drawn(held)
    assert (shown.barcode.message, shown.barcode.text, shown.barcode.format) == (held.number, codes.group(held.number), "qr")
    assert codes.read(shown.barcode.message) == codes.Number(held.number)


def test_with_rewards_ready_it_is_the_code_of_the_one_that_expires_first() -> None:
    held = card(HOA)
    soon, late = on(held, expires_at=NOON + DAY), on(held)
    shown = drawn(held, late, soon, on(held, expires_at=NOON - DAY))
    assert (shown.barcode.message, shown.barcode.text) == (soon.code, codes.group(soon.code))
    assert [one.coupon_id for one in shown.ready] == [soon.id, late.id]


@pytest.mark.parametrize("format_", ["qr", "code128", "pdf417", "aztec"])
def test_the_offer_says_which_kind_of_barcode_and_which_prefix(format_: Format) -> None:
    held, under = card(HOA), offer(prefix="TEA", format=format_)
    ready = on(held, under)
    shown = drawn(held, ready, offers={COOKIE.id: COOKIE, COFFEE.id: COFFEE, under.id: under})
    assert (shown.barcode.format, shown.barcode.message, shown.barcode.text) == (
        format_,
        f"TEA{ready.code}",
        f"TEA-{codes.group(ready.code)}",
    )
    assert codes.read(shown.barcode.message, prefixes=("TEA",)) == codes.read(shown.barcode.text, prefixes=("TEA",))


def test_a_code_of_the_till_is_on_the_card_as_the_till_knows_it() -> None:
    held = card(HOA)
    shown = drawn(held, on(held, COFFEE, code="TILL0001"))
    assert (shown.barcode.message, shown.barcode.text) == ("TILL0001", "TILL0001")


# --- The front ---


def test_progress_counts_towards_the_next_goal() -> None:
    assert [said(drawn(card(HOA, balance=balance)), "progress") for balance in (0, 2, 3, 9)] == ["0/3", "2/3", "3/10", "9/10"]


def test_ready_is_said_when_a_reward_is_ready_and_only_then() -> None:
    held = card(HOA, balance=3)
    without, with_ = drawn(held), drawn(held, on(held))
    assert line(without, "status") is None
    assert said(without, "next") == "Free coffee"
    assert said(without, "holder") == "Hoa"
    assert said(with_, "status") == "READY"
    assert said(with_, "status", "vi") == "SẴN SÀNG"
    assert said(with_, "reward", "vi") == "Một bánh quy"
    assert line(with_, "next") is None
    assert [one.key for one in with_.lines if one.place == "header"] == ["progress", "status"]


def test_the_end_is_the_last_second_of_the_day_where_the_shop_is() -> None:
    held = card(HOA)
    ready = issue(COOKIE, coupon_id=an_id(), code=a_code(), now=NOON, zone=SAIGON, card_id=held.id)
    until = line(drawn(held, ready), "until")
    assert until is not None
    assert until.value == datetime(2026, 11, 27, 23, 59, 59, tzinfo=SAIGON)
    assert isinstance(until.value, datetime)
    assert until.value.tzinfo is CAFE.tz
    assert until.clock is False


def test_the_time_of_day_is_shown_where_it_is_not_the_end_of_the_day() -> None:
    held = card(HOA)
    end = expiry(Until(date(2026, 11, 27), clock_time(18)), issued_at=NOON, zone=SAIGON)
    shown = drawn(held, on(held, expires_at=end))
    for key in ("until", "ready.1.until"):
        until = line(shown, key)
        assert until is not None
        assert until.clock is True


def test_a_reward_without_end_shows_none() -> None:
    held = card(HOA)
    assert line(drawn(held, on(held, expires_at=None)), "until") is None


# --- The back ---


def test_the_back_has_every_ready_reward_with_its_code_and_end() -> None:
    held = card(HOA)
    soon, never = on(held, expires_at=NOON + DAY), on(held, COFFEE, expires_at=None)
    shown = drawn(held, never, soon)
    first, second = line(shown, "ready.1"), line(shown, "ready.2")
    assert first is not None
    assert second is not None
    assert (first.label, first.value) == (COOKIE.title, codes.group(soon.code))
    assert (second.label, second.value) == (COFFEE.title, codes.group(never.code, "COFFEE"))
    assert line(shown, "ready.1.until") is not None
    assert line(shown, "ready.2.until") is None
    assert line(shown, "ready.3") is None


def test_the_back_has_member_number_terms_contact_and_the_last_five_events() -> None:
    held = card(HOA)
    past = tuple(event("stamped", held, NOON - number * HOUR, amount=number + 1) for number in range(8))
    shown = drawn(held, events=past)
    assert said(shown, "member") == "Hoa"
    assert said(shown, "number") == codes.group(held.number)
    assert said(shown, "terms", "vi") == "Mỗi người một thẻ."
    assert said(shown, "contact") == CAFE.contact
    newest, fifth = line(shown, "event.1"), line(shown, "event.5")
    assert newest is not None
    assert fifth is not None
    assert newest.label == WORDS.text("Added {n}", n=1)
    assert (newest.value, newest.clock) == (NOON, True), "written by each wallet in its language"
    assert fifth.value == NOON - 4 * HOUR
    assert line(shown, "event.6") is None
    assert all(one.place == "back" for one in shown.lines if one.key.startswith(("event", "ready", "latest", "terms")))


def test_every_line_of_a_face_has_its_own_key() -> None:
    held = card(HOA)
    past = tuple(event(kind, held) for kind in HAPPENED)
    shown = drawn(held, *(on(held) for _ in range(20)), events=past)
    assert len({one.key for one in shown.lines}) == len(shown.lines)


# --- The one line that announces ---


def test_exactly_one_line_announces_and_it_is_the_latest() -> None:
    held = card(HOA)
    ready = on(held)
    for shown in (drawn(held), drawn(held, ready), drawn(held, ready, events=(event("earned", held, coupon_id=ready.id),))):
        announcing = [one for one in shown.lines if one.announce is not None]
        assert [one.key for one in announcing] == ["latest"]
        assert announcing[0].value == shown.latest
        assert announcing[0].announce is not None
        assert set(dict(announcing[0].announce.by).values()) == {"%@"}


def latest(held: Card, *coupons: Coupon, events: tuple[Any, ...], language: str = "en") -> str:
    return drawn(held, *coupons, events=events).latest.said(language)


def test_the_latest_thing_is_said_in_one_sentence() -> None:
    held = card(HOA, balance=4)
    ready, forever = on(held, expires_at=datetime(2026, 11, 27, 16, 59, 59, tzinfo=UTC)), on(held, expires_at=None)
    story = {
        "joined": "Welcome! Show this card at the counter.",
        "stamped": "Added: 4/10",
        "earned": "Ready until 27 Nov 2026: A cookie. Show this card at the counter.",
        "issued": "Ready until 27 Nov 2026: A cookie. Show this card at the counter.",
        "redeemed": "Used: A cookie. Enjoy!",
        "reversed": "Back on your card: A cookie.",
        "goodwill": "Used: A cookie. Enjoy!",
    }
    for kind, sentence in story.items():
        assert latest(held, ready, events=(event(kind, held, coupon_id=ready.id),)) == sentence
    assert latest(held, ready, events=(event("earned", held, coupon_id=ready.id),), language="vi") == (
        "Bạn có phần thưởng: Một bánh quy, dùng đến hết 27/11/2026. Đưa thẻ này ở quầy nhé."
    )
    assert latest(held, forever, events=(event("earned", held, coupon_id=forever.id),)) == "Ready: A cookie. Show this card at the counter."
    assert latest(held, events=()) == story["joined"]


def test_a_saved_card_says_again_what_it_said_before() -> None:
    held = card(HOA, balance=4)
    past = (
        event("saved", held, NOON + HOUR),
        event("message", held),
        event("stamped", held, NOON - HOUR),
        event("joined", held, NOON - DAY),
    )
    shown = drawn(held, events=past)
    assert shown.latest.said("en") == "Added: 4/10"
    assert shown.happened == past[2]


def test_the_reward_is_told_rather_than_the_stamp_that_earned_it() -> None:
    held = card(HOA, balance=3)
    ready = on(held)
    stamp, reward = event("stamped", held, amount=1), event("earned", held, coupon_id=ready.id)
    for at_once in ((stamp, reward), (reward, stamp)):
        assert drawn(held, ready, events=at_once).happened == reward


def test_what_the_card_says_stays_true_after_the_reward_has_ended() -> None:
    """No sentence changes at midnight, so no phone rings at midnight; and none says that an ended reward is there."""
    held = card(HOA, balance=3)
    ready = on(held)
    past = (event("earned", held, coupon_id=ready.id),)
    before, after = drawn(held, ready, events=past), drawn(held, ready, events=past, now=NOON + 30 * DAY)
    assert before.latest == after.latest
    assert (len(before.ready), len(after.ready)) == (1, 0)


def test_every_kind_of_event_has_words_for_the_back_of_the_card() -> None:
    kinds = set(get_args(get_type_hints(Event)["kind"])) - {"refused", "finished"}  # those two are never a card's
    assert kinds == set(HAPPENED)
    held = card(HOA)
    for kind in kinds:
        assert said(drawn(held, events=(event(kind, held),)), "event.1")
    assert set(LATEST) - {"ready", "ready until"} <= kinds


# --- Whose card it is ---


def test_a_card_has_its_own_customers_data_and_nobody_elses() -> None:
    minh = customer("Trần Minh", email="minh@example.com", phone="0909 000 111")
    hers, his = card(HOA), card(minh)
    shown = msgspec.json.encode(drawn(hers, on(hers), events=(event("joined", hers),))).decode()
    other = msgspec.json.encode(drawn(his, on(his), who=minh)).decode()
    assert HOA.name in shown
    for secret in (minh.name, minh.email, minh.phone, his.number, his.serial, his.token, his.key):
        assert secret not in shown
    for private in (minh.email, minh.phone):
        assert private not in other  # the wallet needs a name and a number, nothing else


def test_a_card_that_was_left_is_voided_and_no_other() -> None:
    assert drawn(card(HOA, left_at=NOON)).voided
    assert not drawn(card(HOA)).voided


@given(st.text(min_size=1, max_size=200))
def test_any_name_is_shown_as_it_is(name: str) -> None:
    who = customer(name)
    shown = drawn(card(who), who=who)
    assert said(shown, "holder") == said(shown, "member") == shown.customer == name


@given(st.text(max_size=50))
def test_an_offers_title_is_said_as_it_is_also_with_braces(title: str) -> None:
    odd = offer(title=text(en=title))
    held = card(HOA)
    ready = on(held, odd)
    shown = drawn(
        held, ready, events=(event("redeemed", held, coupon_id=ready.id),), offers={COOKIE.id: COOKIE, COFFEE.id: COFFEE, odd.id: odd}
    )
    assert shown.latest.said("en") == f"Used: {title}. Enjoy!"
    assert said(shown, "reward", "vi") == title  # a shop that speaks only English is quoted in English


def test_a_face_speaks_all_languages_at_once_since_a_phone_changes_its_own() -> None:
    held = card(HOA)
    for one in drawn(held, on(held), events=(event("joined", held),)).lines:
        for words in (one.label, one.value, one.announce):
            if isinstance(words, Text):
                assert {"en", "vi"} <= set(words.languages)


# --- Time alone ---


def test_a_face_changes_when_its_first_rewards_last_second_is_over() -> None:
    held = card(HOA)
    end = end_of_day(NOON.date(), SAIGON)
    ready, later = on(held, expires_at=end), on(held)
    shown = drawn(held, later, ready)
    change = next_change(shown, NOON)
    assert change == end + timedelta(seconds=1)
    assert next_change(shown, end + timedelta(milliseconds=500)) == change
    assert len(drawn(held, ready, now=change - timedelta(microseconds=1)).ready) == 1
    assert drawn(held, ready, now=change).ready == ()


def test_a_face_changes_when_a_coupon_for_later_becomes_ready() -> None:
    held = card(HOA)
    tomorrow = on(held, valid_from=NOON + DAY)
    shown = drawn(held, tomorrow, voided(on(held, valid_from=NOON + HOUR), at=NOON))
    assert shown.ready == ()
    assert next_change(shown, NOON) == NOON + DAY
    assert len(drawn(held, tomorrow, now=NOON + DAY).ready) == 1


def test_a_face_without_ends_never_changes_by_itself() -> None:
    held = card(HOA)
    assert next_change(drawn(held, on(held, expires_at=None)), NOON) is None


@given(st.lists(st.tuples(st.integers(-3, 9), st.integers(-3, 9)).map(sorted), max_size=5), st.integers(-2, 8))
def test_between_two_changes_a_face_stays_the_same(times: list[list[int]], day: int) -> None:
    held, now = card(HOA), NOON + day * DAY
    held_coupons = [on(held, valid_from=NOON + starts * DAY, expires_at=NOON + ends * DAY) for starts, ends in times]
    change = next_change(drawn(held, *held_coupons, now=now), now)
    just_before = (change or now + 99 * DAY) - timedelta(microseconds=1)
    assert drawn(held, *held_coupons, now=now).lines == drawn(held, *held_coupons, now=just_before).lines
    if change is not None:
        assert drawn(held, *held_coupons, now=change).ready != drawn(held, *held_coupons, now=now).ready
