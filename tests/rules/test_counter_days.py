"""Whole days at a counter, drawn by chance: people earn, redeem twice at once, take back, honour, cancel, and time passes."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from counter_cafe import AN, BINH, CAFE, DAY, HOUR, MINH, MINUTE, NOON, WORDS, a_code, an_id, card, customer, event, offer, outcome, program
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from passes import codes, coupons
from passes.businesses import Person
from passes.cards import Event, earn, ready
from passes.coupons import Coupon, Presented, Redemption, Used
from passes.face import face
from passes.offers import Days, Until, over
from passes.problems import AlreadyRedeemed, CannotEarn, Problem
from passes.words import text

T = TypeVar("T")
HAVANA = ZoneInfo("America/Havana")
PEOPLE = (AN, BINH, MINH)
steps = st.sampled_from([timedelta(seconds=1), MINUTE, 14 * MINUTE, HOUR, 9 * HOUR, DAY, 3 * DAY])


class CounterDays(RuleBasedStateMachine):
    """A café in Havana around the end of summer time, with two customers, kept in a few dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 10, 30, 12, tzinfo=HAVANA).astimezone(NOON.tzinfo)
        self.business = replace(CAFE, zone="America/Havana", honour="everyone", honour_days=2)
        cookie = offer(title=text(en="Cookie"), validity=Days(1), prefix="COOKIE")
        coffee = offer(title=text(en="Coffee"), validity=Until(datetime(2026, 11, 3, tzinfo=HAVANA).date()))
        water = offer(title=text(en="Water"))
        self.offers = {one.id: one for one in (cookie, coffee, water)}
        self.program = program((3, cookie), (7, water), (10, coffee))
        self.customers = {one.id: one for one in (customer("Hoa"), customer("José"))}
        self.cards = {held.id: held for held in (card(who) for who in self.customers.values())}
        self.ledger: dict[UUID, list[int]] = {card_id: [] for card_id in self.cards}
        self.stamped: Counter[UUID] = Counter()
        self.coupons: dict[UUID, Coupon] = {}
        self.records: dict[UUID, Redemption] = {}
        self.history: dict[UUID, list[str]] = {}
        self.events: dict[UUID, list[Event]] = {card_id: [] for card_id in self.cards}

    # What the database does: show a coupon as it is, and change it only if it still is what was seen.

    def shown(self, coupon: Coupon) -> Presented:
        record = self.records[coupon.redemption_id] if coupon.redemption_id else None
        used = Used(redemption=record, location="Bến Thành", staff="An") if record else None
        return Presented(coupon=coupon, offer=self.offers[coupon.offer_id], used=used)

    def commit(self, seen: Coupon, after: Coupon, what: str) -> bool:
        if self.coupons[seen.id] != seen:
            return False
        self.coupons[seen.id] = after
        self.history[seen.id].append(what)
        return True

    def ask(self, what: Callable[..., T], seen: Coupon, who: Person = AN, **more: object) -> T | Problem:
        return outcome(
            what, self.shown(seen), prefix=self.offers[seen.offer_id].prefix, business=self.business, person=who, now=self.now, **more
        )

    def redeem(self, seen: Coupon, who: Person = AN) -> Redemption | Problem:
        return self.ask(coupons.redeem, seen, who, channel="typed", redemption_id=an_id())

    def use(self, seen: Coupon, record: Redemption) -> bool:
        used = self.commit(seen, coupons.redeemed(seen, record), "used")
        if used:
            self.records[record.id] = record
            self.tell("redeemed" if record.kind == "redemption" else "goodwill", seen)
        return used

    def tell(self, kind: str, coupon: Coupon) -> None:
        held = self.cards[coupon.card_id]  # type: ignore[index]
        self.events[held.id].insert(0, event(kind, held, self.now, coupon_id=coupon.id))

    def one(self, data: st.DataObject) -> Coupon:
        return data.draw(st.sampled_from(list(self.coupons.values())), label="coupon")

    # What people do.

    @initialize(count=st.integers(5, 9))
    def a_first_visit(self, count: int) -> None:
        self.stamps(next(iter(self.cards)), count)

    @rule(data=st.data(), count=st.integers(1, 25))
    def stamp(self, data: st.DataObject, count: int) -> None:
        self.stamps(data.draw(st.sampled_from(list(self.cards)), label="card"), count)

    @rule(data=st.data())
    def stamp_far_too_much(self, data: st.DataObject) -> None:
        card_id = data.draw(st.sampled_from(list(self.cards)))
        with pytest.raises(CannotEarn):
            self.stamps(card_id, 10**6)

    def stamps(self, card_id: UUID, count: int) -> None:
        held = self.cards[card_id]
        earned = earn(held, self.program, count=count)
        self.cards[card_id] = replace(held, balance=earned.balance, entries=held.entries + len(earned.lines))
        self.ledger[card_id] += [amount for _, amount, _ in earned.lines]
        self.stamped[card_id] += count
        self.events[card_id].insert(0, event("stamped", held, self.now, amount=count))
        for goal in earned.goals:
            under = self.offers[goal.offer_id]
            issued = coupons.issue(
                under,
                coupon_id=an_id(),
                code=a_code(),
                now=self.now,
                zone=self.business.tz,
                card_id=card_id,
                customer_id=held.customer_id,
            )
            self.coupons[issued.id] = issued
            self.history[issued.id] = []
            self.tell("earned", issued)

    @rule(data=st.data(), who=st.sampled_from(PEOPLE))
    def present(self, data: st.DataObject, who: Person) -> None:
        coupon = self.one(data)
        record = self.redeem(coupon, who)
        if isinstance(record, Problem):
            assert (record.word == "already_redeemed") == (coupon.state == "redeemed")
        else:
            assert self.use(coupon, record)

    @rule(data=st.data(), crowd=st.integers(2, 5))
    def present_at_many_counters_at_once(self, data: st.DataObject, crowd: int) -> None:
        """All of them decide on what they saw; the database lets one of them win; the others ask again."""
        coupon = self.one(data)
        asked = [self.redeem(coupon, PEOPLE[number % len(PEOPLE)]) for number in range(crowd)]
        decided = [record for record in asked if not isinstance(record, Problem)]
        assert len(decided) in {0, crowd}
        won = [record for record in decided if self.use(coupon, record)]
        assert len(won) == (1 if decided else 0)
        for _ in decided[1:]:
            again = self.redeem(self.coupons[coupon.id], BINH)
            assert isinstance(again, AlreadyRedeemed)
            assert again.facts["redemption_id"] == won[0].id

    @precondition(lambda self: self.records)
    @rule(data=st.data(), who=st.sampled_from(PEOPLE), reason=st.sampled_from(["", "wrong one"]))
    def take_back(self, data: st.DataObject, who: Person, reason: str) -> None:
        record = data.draw(st.sampled_from(list(self.records.values())), label="redemption")
        coupon = self.coupons[record.coupon_id]
        taken = outcome(coupons.reverse, coupon, record, person=who, now=self.now, reversal_id=an_id(), reason=reason)
        if isinstance(taken, Problem):
            holds = coupon.state == "redeemed" and coupon.redemption_id == record.id
            assert holds != (taken.word == "nothing_to_reverse")
            return
        assert who.role == "manager" or (who.staff_id == record.staff_id and self.now <= record.at + 15 * MINUTE)
        assert self.commit(coupon, coupons.reversed_(coupon), "taken back")
        self.tell("reversed", coupon)

    @rule(data=st.data(), who=st.sampled_from(PEOPLE), reason=st.sampled_from(["", "it rained"]))
    def honour(self, data: st.DataObject, who: Person, reason: str) -> None:
        coupon = self.one(data)
        record = self.ask(coupons.honour, coupon, who, channel="typed", redemption_id=an_id(), reason=reason)
        if not isinstance(record, Problem):
            assert reason
            assert over(coupon.expires_at, self.now)
            assert self.use(coupon, record)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        coupon = self.one(data)
        if coupon.state != "voided":
            assert self.commit(coupon, coupons.voided(coupon, at=self.now), "voided")

    @rule(data=st.data(), by=st.sampled_from([HOUR, DAY]))
    def put_off(self, data: st.DataObject, by: timedelta) -> None:
        """A campaign's coupon, valid only from later on."""
        coupon = self.one(data)
        if coupon.state == "active" and not self.history[coupon.id]:
            self.coupons[coupon.id] = replace(coupon, valid_from=self.now + by)

    @rule(by=steps)
    def time_passes(self, by: timedelta) -> None:
        self.now += by

    # What is always true.

    @invariant()
    def no_coupon_is_used_twice_without_being_taken_back_between(self) -> None:
        for coupon_id, history in self.history.items():
            coupon = self.coupons[coupon_id]
            turns = [what for what in history if what != "voided"]
            assert turns == (["used", "taken back"] * len(turns))[: len(turns)]
            assert "voided" not in history[:-1]
            if coupon.state == "voided":
                assert history[-1] == "voided"
            else:
                assert coupon.state == ("redeemed" if history[-1:] == ["used"] else "active")

    @invariant()
    def no_stamp_is_lost_and_no_balance_is_negative(self) -> None:
        for card_id, held in self.cards.items():
            assert 0 <= held.balance < self.program.round
            assert held.balance == sum(self.ledger[card_id])
            assert held.entries == len(self.ledger[card_id])
            rounds, rest = divmod(self.stamped[card_id], self.program.round)
            assert held.balance == rest
            issued = sum(coupon.card_id == card_id for coupon in self.coupons.values())
            assert issued == rounds * len(self.program.goals) + sum(goal.at <= rest for goal in self.program.goals)

    @invariant()
    def what_is_ready_can_be_redeemed_and_nothing_else_can(self) -> None:
        waiting = {coupon.id for coupon in ready(self.coupons.values(), self.now)}
        for coupon in self.coupons.values():
            looked, used = self.ask(coupons.look_up, coupon), self.redeem(coupon)
            assert isinstance(looked, Problem) == isinstance(used, Problem) == (coupon.id not in waiting)
            if isinstance(looked, Problem) and isinstance(used, Problem):
                assert (looked.word, looked.facts) == (used.word, used.facts)

    @invariant()
    def the_face_shows_the_reward_that_the_counter_would_give(self) -> None:
        for held in self.cards.values():
            own = [coupon for coupon in self.coupons.values() if coupon.card_id == held.id]
            drawn = face(
                card=held,
                customer=self.customers[held.customer_id],
                program=self.program,
                business=self.business,
                offers=self.offers,
                coupons=own,
                events=self.events[held.id],
                words=WORDS,
                now=self.now,
            )
            waiting = ready(own, self.now)
            read = codes.read(drawn.barcode.message, prefixes=("COOKIE",))
            assert read.value == (waiting[0].code if waiting else held.number)
            assert [one.coupon_id for one in drawn.ready] == [coupon.id for coupon in waiting]
            assert sum(line.announce is not None for line in drawn.lines) == 1
            assert any(line.key == "status" for line in drawn.lines) == bool(waiting)


TestCounterDays = CounterDays.TestCase
TestCounterDays.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
