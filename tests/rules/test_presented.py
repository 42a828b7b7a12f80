import datetime as dt
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from counter_cafe import (
    AN,
    BEN_THANH,
    BINH,
    CAFE,
    DAY,
    HOUR,
    LAN,
    MINH,
    MINUTE,
    NOON,
    SAIGON,
    THAO_DIEN,
    WORDS,
    an_id,
    coupon,
    offer,
    outcome,
    person,
    presented,
    redemption,
    used_up,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from passes import coupons
from passes.businesses import Business, Limits, Person
from passes.coupons import Coupon, Presented, Redemption, Used
from passes.offers import Days, Offer, Window, end_of_day
from passes.problems import Expired, HeldTooLong, LimitReached, MayNotHonour, NothingToReverse, Problem, Reserved, TooLateToReverse

SECOND = timedelta(seconds=1)
LATE = Window((0,), dt.time(20), dt.time(22))  # Monday evening: never on a Friday noon


def verdict(
    shown: Presented, *, prefix: str = "", business: Business = CAFE, who: Person = AN, now: datetime = NOON
) -> tuple[str, dict[str, object]]:
    """The word and facts of looking up; and redeeming must say exactly the same."""
    asked = {"prefix": prefix, "business": business, "person": who, "now": now}
    looked, used = (outcome(ask, shown, **asked) for ask in (coupons.look_up, redeem))
    if isinstance(used, Problem):
        assert isinstance(looked, Problem)
        assert (looked.word, looked.facts) == (used.word, used.facts)
        return used.word, used.facts
    assert looked is None
    return "redeemable", {}


def redeem(shown: Presented, **asked: Any) -> Redemption:
    return coupons.redeem(shown, channel="typed", redemption_id=an_id(), **asked)


def honour(shown: Presented, reason: str = "rain all week", *, business: Business = CAFE, who: Person = MINH, now: datetime) -> Redemption:
    return coupons.honour(shown, prefix="", business=business, person=who, channel="typed", now=now, redemption_id=an_id(), reason=reason)


# --- One rule, one order ---


def test_the_first_that_applies_is_the_answer() -> None:
    """A coupon with which everything is wrong, mended one thing at a time."""
    under = offer(prefix="COFFEE", locations=(THAO_DIEN.id,), windows=(LATE,), most=5, most_each=1)
    worst = coupon(under, state="voided", voided_at=NOON - DAY, redemption_id=an_id(), valid_from=NOON + DAY, expires_at=NOON - DAY)
    shown = Presented(coupon=worst, offer=under, places=("Thảo Điền",), redeemed_in_all=5, redeemed_by_customer=1)
    said = []

    def answer(**asked: Any) -> None:
        said.append(verdict(shown, **asked)[0])

    answer(business=replace(CAFE, id=an_id()))
    answer(prefix="TEA")
    answer(prefix="COFFEE")
    record = redemption(worst)
    shown = replace(shown, coupon=replace(worst, state="redeemed", redemption_id=record.id))
    shown = replace(shown, used=Used(redemption=record, location="Bến Thành", staff="An"))
    answer()
    shown = replace(shown, coupon=replace(worst, state="active", redemption_id=None, voided_at=None), used=None)
    shown = replace(shown, coupon=replace(shown.coupon, held_by=an_id(), held_until=NOON + MINUTE))
    answer()
    shown = replace(shown, coupon=replace(shown.coupon, held_until=NOON))
    answer()
    shown = replace(shown, coupon=replace(shown.coupon, valid_from=None))
    answer()
    shown = replace(shown, coupon=replace(shown.coupon, expires_at=None))
    answer()
    shown = replace(shown, offer=replace(under, locations=()))
    answer()
    shown = replace(shown, offer=replace(shown.offer, windows=()))
    answer()
    shown = replace(shown, redeemed_in_all=4)
    answer()
    shown = replace(shown, redeemed_by_customer=0)
    answer()
    assert said == [
        "unknown_code",
        "unknown_code",
        "voided",
        "already_redeemed",
        "reserved",
        "not_yet_valid",
        "expired",
        "wrong_location",
        "outside_hours",
        "limit_reached",
        "limit_reached",
        "redeemable",
    ]


def test_a_code_of_another_shop_looks_exactly_like_one_that_does_not_exist() -> None:
    assert verdict(presented(), business=replace(CAFE, id=an_id())) == ("unknown_code", {})


def test_a_code_without_its_prefix_is_good_and_with_another_offers_prefix_unknown() -> None:
    shown = presented(under=offer(prefix="COFFEE"))
    assert verdict(shown)[0] == verdict(shown, prefix="COFFEE")[0] == "redeemable"
    assert verdict(shown, prefix="TEA") == ("unknown_code", {})


def test_a_used_code_says_when_where_and_by_whom() -> None:
    shown, record = used_up(BINH, NOON - HOUR)
    facts = {"at": NOON - HOUR, "location": "Bến Thành", "staff": "Bình", "redemption_id": record.id}
    assert verdict(shown) == ("already_redeemed", facts)


def test_a_voided_code_says_since_when_also_if_it_had_been_used() -> None:
    shown, record = used_up()
    shown = replace(shown, coupon=coupons.voided(shown.coupon, at=NOON + HOUR))
    assert verdict(shown) == ("voided", {"at": NOON + HOUR})
    assert shown.coupon.redemption_id == record.id


def test_a_code_for_later_says_from_when_and_is_good_from_that_moment() -> None:
    shown = presented(coupon(valid_from=NOON))
    assert verdict(shown, now=NOON - SECOND) == ("not_yet_valid", {"valid_from": NOON})
    assert verdict(shown, now=NOON)[0] == "redeemable"


def test_a_code_is_good_until_its_last_second_is_over() -> None:
    end = end_of_day(NOON.date(), SAIGON)
    shown = presented(coupon(expires_at=end))
    assert verdict(shown, now=end + timedelta(microseconds=999_999))[0] == "redeemable"
    assert verdict(shown, now=end + SECOND) == ("expired", {"expired_at": end, "may_honour": False})
    assert verdict(shown, now=end + SECOND, who=MINH) == ("expired", {"expired_at": end, "may_honour": True})


def test_a_wrong_place_names_the_right_ones() -> None:
    shown = presented(under=offer(locations=(THAO_DIEN.id,)), places=("Thảo Điền",))
    assert verdict(shown) == ("wrong_location", {"locations": ("Thảo Điền",)})
    assert verdict(shown, who=person(place=THAO_DIEN))[0] == "redeemable"
    assert verdict(presented(under=offer(locations=(THAO_DIEN.id, BEN_THANH.id))))[0] == "redeemable"


def test_a_wrong_hour_names_the_right_ones() -> None:
    under = offer(windows=(LATE,))
    assert verdict(presented(under=under)) == ("outside_hours", {"hours": under.hours})
    assert verdict(presented(under=under), now=datetime(2026, 11, 23, 20, tzinfo=SAIGON))[0] == "redeemable"


def test_limits_of_the_offer_and_of_the_customer_are_told_apart() -> None:
    under = offer(most=100, most_each=2)
    assert verdict(presented(under=under, redeemed_in_all=100)) == ("limit_reached", {"of": "offer", "most": 100})
    assert verdict(presented(under=under, redeemed_by_customer=2)) == ("limit_reached", {"of": "customer", "most": 2})
    assert verdict(presented(under=under, redeemed_in_all=99, redeemed_by_customer=1))[0] == "redeemable"
    assert verdict(presented(redeemed_in_all=10**9, redeemed_by_customer=10**9))[0] == "redeemable"


moments = st.sampled_from([NOON - DAY, NOON - SECOND, NOON, NOON + SECOND, NOON + DAY, None])


@st.composite
def anything_presented(draw: st.DrawFn) -> dict[str, Any]:
    under = offer(
        prefix=draw(st.sampled_from(["", "COFFEE"])),
        locations=draw(st.sampled_from([(), (BEN_THANH.id,), (THAO_DIEN.id,)])),
        windows=draw(st.sampled_from([(), (LATE,), (Window((4,)),)])),
        most=draw(st.sampled_from([None, 1])),
        most_each=draw(st.sampled_from([None, 1])),
    )
    state = draw(st.sampled_from(["active", "active", "redeemed", "voided"]))
    one = coupon(under, state=state, valid_from=draw(moments), expires_at=draw(moments), voided_at=NOON if state == "voided" else None)
    used = Used(redemption=redemption(one), location="Bến Thành", staff="An") if state == "redeemed" else None
    shown = Presented(
        coupon=one, offer=under, used=used, redeemed_in_all=draw(st.integers(0, 1)), redeemed_by_customer=draw(st.integers(0, 1))
    )
    business = replace(CAFE, honour=draw(st.sampled_from(["nobody", "managers", "everyone"])), honour_days=draw(st.integers(0, 2)))
    return {
        "shown": shown,
        "prefix": draw(st.sampled_from(["", "COFFEE", "TEA"])),
        "business": draw(st.sampled_from([business, business, replace(business, id=an_id())])),
        "who": draw(st.sampled_from([AN, MINH, LAN, person(place=THAO_DIEN)])),
        "now": NOON,
    }


@given(anything_presented())
def test_looking_up_says_exactly_what_redeeming_would(asked: dict[str, Any]) -> None:
    verdict(**asked)


@given(anything_presented())
def test_only_expiry_can_be_honoured_and_only_where_look_up_says_so(asked: dict[str, Any]) -> None:
    word, facts = verdict(**asked)
    shown, who, now = asked["shown"], asked["who"], asked["now"]
    options = {"prefix": asked["prefix"], "business": asked["business"], "person": who, "now": now}
    given_ = outcome(coupons.honour, shown, channel="typed", redemption_id=an_id(), reason="so kind", **options)
    if not isinstance(given_, Problem):
        assert word == "expired"
        assert facts["may_honour"]
        assert given_.kind == "goodwill"
    elif word == "redeemable":
        assert given_.word == "not_expired"
    elif word == "expired" and facts["may_honour"]:
        assert given_.word in {"wrong_location", "outside_hours", "limit_reached"}
    else:
        assert given_.word == ("may_not_honour" if word == "expired" else word)


def test_a_redemption_records_who_where_when_and_how() -> None:
    shown = presented(coupon(card_id=an_id()))
    record = coupons.redeem(shown, prefix="", business=CAFE, person=BINH, channel="photo", now=NOON, redemption_id=an_id())
    assert record == redemption(shown.coupon, BINH, id=record.id, channel="photo")
    after = coupons.redeemed(shown.coupon, record)
    assert (after.state, after.redemption_id) == ("redeemed", record.id)
    assert coupons.reversed_(after) == shown.coupon


def test_a_new_coupon_is_good_at_once_and_for_as_long_as_its_offer_says() -> None:
    under = offer(validity=Days(7))
    new = coupons.issue(under, coupon_id=an_id(), code="K7QM4XRT3", now=NOON, zone=SAIGON)
    assert verdict(presented(new, under))[0] == "redeemable"
    assert new.expires_at == end_of_day(NOON.date() + 7 * DAY, SAIGON)
    assert new.business_id == under.business_id


# --- Honour anyway ---


def expired(under: Offer | None = None, *, since: timedelta = HOUR) -> tuple[Presented, datetime]:
    """A coupon that ended with a day, and a moment so long after it."""
    end = end_of_day(NOON.date(), SAIGON)
    return presented(coupon(expires_at=end), under), end + SECOND + since


@pytest.mark.parametrize(
    ("honour_", "who", "may"),
    [
        ("nobody", LAN, False),
        ("nobody", AN, False),
        ("managers", AN, False),
        ("managers", MINH, True),
        ("managers", LAN, True),
        ("everyone", AN, True),
    ],
)
def test_the_shop_says_who_may_honour_an_expired_coupon(honour_: Any, who: Person, may: bool) -> None:
    shown, now = expired()
    business = replace(CAFE, honour=honour_)
    assert verdict(shown, business=business, who=who, now=now)[1]["may_honour"] is may
    if may:
        assert honour(shown, business=business, who=who, now=now).kind == "goodwill"
    else:
        with pytest.raises(MayNotHonour):
            honour(shown, business=business, who=who, now=now)


def test_goodwill_ends_with_the_last_of_so_many_days_of_the_calendar() -> None:
    shown, _ = expired()
    last = end_of_day(NOON.date() + 7 * DAY, SAIGON)
    assert honour(shown, now=last + timedelta(milliseconds=999)).kind == "goodwill"
    with pytest.raises(MayNotHonour):
        honour(shown, now=last + SECOND)


def test_goodwill_is_not_cut_short_by_a_change_of_the_clock() -> None:
    berlin = replace(CAFE, zone="Europe/Berlin", honour_days=2)
    shown = presented(coupon(expires_at=end_of_day(dt.date(2026, 10, 24), ZoneInfo("Europe/Berlin"))))
    assert honour(shown, business=berlin, now=datetime(2026, 10, 26, 23, 30, tzinfo=ZoneInfo("Europe/Berlin"))).kind == "goodwill"
    with pytest.raises(MayNotHonour):
        honour(shown, business=berlin, now=datetime(2026, 10, 27, tzinfo=ZoneInfo("Europe/Berlin")))


@pytest.mark.parametrize("reason", ["", "  ", "\n\t", "\u00a0"])
def test_goodwill_needs_a_reason(reason: str) -> None:
    shown, now = expired()
    with pytest.raises(Problem) as refusal:
        honour(shown, reason, now=now)
    assert refusal.value.word == "reason_needed"


def test_goodwill_keeps_its_reason_and_is_not_a_redemption() -> None:
    shown, now = expired()
    record = honour(shown, "  mưa cả tuần ☔ ", now=now)
    assert (record.kind, record.reason) == ("goodwill", "mưa cả tuần ☔")


def test_a_coupon_that_is_good_needs_no_goodwill() -> None:
    with pytest.raises(Problem) as refusal:
        honour(presented(), now=NOON)
    assert refusal.value.word == "not_expired"


def test_goodwill_forgives_neither_the_place_nor_a_used_coupon() -> None:
    shown, now = expired(offer(locations=(THAO_DIEN.id,)))
    with pytest.raises(Problem) as refusal:
        honour(shown, now=now)
    assert refusal.value.word == "wrong_location"
    used, _ = used_up()
    with pytest.raises(Problem) as refusal:
        honour(used, now=NOON)
    assert refusal.value.word == "already_redeemed"


# --- Undo ---


def reverse(shown: Presented | Coupon, record: Redemption, who: Person, now: datetime, reason: str = "") -> str:
    one = shown if isinstance(shown, Coupon) else shown.coupon
    taken = outcome(coupons.reverse, one, record, person=who, now=now, reversal_id=an_id(), reason=reason)
    if isinstance(taken, Problem):
        return taken.word
    assert (taken.redemption_id, taken.coupon_id, taken.staff_id, taken.at) == (record.id, one.id, who.staff_id, now)
    assert taken.reason == reason.strip()
    return "reversed"


ELSEWHERE = an_id()


@pytest.mark.parametrize(
    ("who", "after", "reason", "word"),
    [
        (AN, timedelta(), "", "reversed"),
        (AN, 15 * MINUTE, "", "reversed"),
        (AN, 15 * MINUTE + SECOND, "", "too_late_to_reverse"),
        (AN, 15 * MINUTE + SECOND, "wrong one", "too_late_to_reverse"),
        (BINH, MINUTE, "wrong one", "not_allowed"),
        (person("An", counter=ELSEWHERE), MINUTE, "", "not_allowed"),
        (MINH, MINUTE, "", "reason_needed"),
        (MINH, MINUTE, "wrong one", "reversed"),
        (MINH, 300 * DAY, "  ", "reason_needed"),
        (LAN, 300 * DAY, "wrong one", "reversed"),
    ],
)
def test_the_same_person_on_the_same_counter_for_15_minutes_and_a_manager_later(
    who: Person, after: timedelta, reason: str, word: str
) -> None:
    shown, record = used_up()
    assert reverse(shown, record, who, NOON + after, reason) == word


def test_a_manager_needs_no_reason_for_an_own_mistake_within_15_minutes() -> None:
    shown, record = used_up(MINH)
    assert reverse(shown, record, MINH, NOON + 15 * MINUTE) == "reversed"
    assert reverse(shown, record, MINH, NOON + 16 * MINUTE) == "reason_needed"


def test_what_was_taken_back_redeemed_again_or_voided_cannot_be_taken_back() -> None:
    shown, record = used_up()
    active = coupons.reversed_(shown.coupon)
    assert reverse(active, record, AN, NOON) == "nothing_to_reverse"
    again = redemption(active)
    assert reverse(coupons.redeemed(active, again), record, AN, NOON) == "nothing_to_reverse"
    assert reverse(coupons.redeemed(active, again), again, AN, NOON) == "reversed"
    assert reverse(coupons.voided(shown.coupon, at=NOON), record, AN, NOON) == "nothing_to_reverse"


def test_goodwill_can_be_taken_back_and_the_coupon_is_expired_again() -> None:
    shown, now = expired()
    record = honour(shown, now=now)
    assert reverse(coupons.redeemed(shown.coupon, record), record, MINH, now) == "reversed"
    assert verdict(shown, now=now)[0] == "expired"


# --- What the counter shows of a refusal ---


def test_a_refusal_is_said_in_the_asked_language_with_times_of_the_shop() -> None:
    def moment(at: datetime) -> str:
        return f"{at.astimezone(SAIGON):%H:%M}"

    late = TooLateToReverse(until=NOON)
    assert "12:00" in late.detail(WORDS, "en", moment)
    assert "12:00" in late.detail(WORDS, "vi-VN", moment)
    hours = offer(windows=(LATE,)).hours
    with pytest.raises(Problem) as refusal:
        coupons.look_up(presented(under=offer(windows=(LATE,))), prefix="", business=CAFE, person=AN, now=NOON)
    assert refusal.value.facts["hours"] == hours
    assert "T2 20:00–22:00" in refusal.value.detail(WORDS, "vi", moment)
    assert "Mon 20:00–22:00" in refusal.value.detail(WORDS, "fr", moment)


def test_what_a_limit_is_of_is_said_in_the_language_too() -> None:
    with pytest.raises(Problem) as refusal:
        coupons.look_up(presented(under=offer(most=5), redeemed_in_all=5), prefix="", business=CAFE, person=AN, now=NOON)
    assert refusal.value.facts["of"] == "offer"  # the machine's word stays
    assert refusal.value.detail(WORDS, "vi", str) == "Đã hết 5 lượt cho phép (tính theo ưu đãi)."


def test_names_with_braces_and_percents_are_said_as_they_are() -> None:
    shown, _ = used_up(person("{at} %@ {staff!r}"))
    with pytest.raises(Problem) as refusal:
        coupons.look_up(shown, prefix="", business=CAFE, person=AN, now=NOON)
    assert "by {at} %@ {staff!r}." in refusal.value.detail(WORDS, "en", str)


def test_a_sentence_has_words_for_the_customer_only_where_somebody_should_hear_them() -> None:
    assert NothingToReverse().words_for_the_customer(WORDS, "vi", str) == ""
    assert Expired(expired_at=NOON, may_honour=False).words_for_the_customer(WORDS, "vi", str).startswith("Dạ ")


# --- What an owner sets up ---


def test_a_member_of_staff_has_a_limit_a_day_that_comes_last_and_a_machine_has_none() -> None:
    strict = replace(CAFE, limits=Limits(redemptions=2, goodwill=1))
    worn = presented(under=offer(most=5), redeemed_by_staff=2)
    assert verdict(worn, business=strict) == ("limit_reached", {"of": "staff member", "most": 2})
    assert verdict(replace(worn, redeemed_in_all=5), business=strict)[1]["of"] == "offer"
    assert verdict(replace(worn, redeemed_by_staff=1), business=strict)[0] == "redeemable"
    assert verdict(worn, business=strict, who=replace(AN, machine=True))[0] == "redeemable"
    late = presented(coupon(expires_at=NOON - DAY), redeemed_by_staff=1)
    asked = {"business": strict, "person": MINH, "now": NOON, "prefix": "", "channel": "typed", "redemption_id": an_id(), "reason": "rain"}
    refused = outcome(coupons.honour, late, **asked)
    assert isinstance(refused, LimitReached)
    assert refused.facts["most"] == 1
    assert isinstance(outcome(coupons.honour, replace(late, redeemed_by_staff=0), **asked), Redemption)


def test_a_code_that_nobody_has_been_given_yet_is_unknown() -> None:
    assert verdict(presented(coupon(state="pooled"))) == ("unknown_code", {})


def test_a_customer_alone_redeems_what_may_be_and_nothing_else() -> None:
    alone = replace(AN, machine=True, alone=True)
    assert verdict(presented(under=offer(alone=True)), who=alone)[0] == "redeemable"
    assert verdict(presented(under=offer(at_kiosk=True)), who=alone)[0] == "staff_needed"
    assert verdict(presented(under=offer(alone=True)), who=replace(AN, machine=True, kiosk=True))[0] == "staff_needed"


# --- Held for a basket ---


def test_what_is_held_is_judged_by_the_moment_of_the_hold_and_by_nobody_elses() -> None:
    hold = coupons.Hold(id=an_id(), at=NOON, until=NOON + 10 * MINUTE)
    under = offer(windows=(Window((4,), dt.time(11), dt.time(12, 5)),))  # Fridays, and only until five past noon
    one = coupon(under, held_by=hold.id, held_until=hold.until, expires_at=NOON + MINUTE)
    shown, late = presented(one, under), NOON + 9 * MINUTE

    def redeemed(of: Presented = shown, by: coupons.Hold | None = hold, now: datetime = late) -> str:
        used = outcome(redeem, of, prefix="", business=CAFE, person=AN, now=now, hold=by)
        return used.word if isinstance(used, Problem) else "redeemed"

    assert redeemed() == "redeemed"
    assert redeemed(by=None) == "reserved"
    assert redeemed(by=replace(hold, id=an_id())) == "not_held"
    assert redeemed(now=hold.until) == "not_held"
    assert redeemed(by=None, now=hold.until) == "expired"
    assert redeemed(replace(shown, offer=replace(under, most=5), redeemed_in_all=5)) == "redeemed"  # it was counted when it was held
    assert redeemed(replace(shown, coupon=coupons.voided(one, at=NOON))) == "voided"
    assert isinstance(outcome(honour, shown, now=NOON + 2 * MINUTE), Reserved)


def test_of_any_half_hour_a_till_holds_a_coupon_for_fifteen_minutes_at_the_most() -> None:
    def until(now: int, *held: tuple[int, int], wanted: int = 10) -> int | Problem:
        """From the minutes of an hour to the minute, or the problem."""
        spans = [(NOON + since * MINUTE, NOON + end * MINUTE) for since, end in held]
        ends = outcome(coupons.hold_until, wanted * MINUTE, now=NOON + now * MINUTE, held=spans)
        return ends if isinstance(ends, Problem) else (ends - NOON) // MINUTE

    assert until(0) == 10
    assert until(1, (0, 1)) == 11
    assert until(10, (0, 10)) == until(14, (0, 10), wanted=1) == 15
    assert until(20, (0, 1)) == 30  # let go at once: the customer who comes back finds it held again
    assert until(38, (0, 15)) == 46  # seven of these fifteen are half an hour ago or less
    assert until(45, (0, 15)) == 55
    for held, again in (((0, 15),), 31), (((0, 10), (11, 16)), 31), (((0, 1), (2, 16)), 31), (((0, 1), (1, 2), (2, 16)), 32):
        refused = until(16, *held)
        assert isinstance(refused, HeldTooLong)
        assert refused.facts == {"again_at": NOON + again * MINUTE}
        assert until(again, *held) == again + 1


def test_what_is_redeemed_in_front_counts_for_the_limits_of_what_comes_after() -> None:
    under, customer_id = offer(most=3, most_each=2), an_id()
    first, second, third = (coupon(under, customer_id=customer_id) for _ in range(3))
    nobodys = coupon(under)
    before = [redemption(one) for one in (first, second)]
    shown = coupons.after(presented(third, under), before)
    assert verdict(shown) == ("limit_reached", {"of": "customer", "most": 2})
    assert verdict(coupons.after(presented(nobodys, under), before))[0] == "redeemable"
    assert verdict(coupons.after(presented(nobodys, under, redeemed_in_all=1), before)) == ("limit_reached", {"of": "offer", "most": 3})
    busy = replace(CAFE, limits=replace(CAFE.limits, redemptions=2))
    assert verdict(coupons.after(presented(), before), business=busy) == ("limit_reached", {"of": "staff member", "most": 2})
