"""Whom a message reaches: cards by rules, cards whose time has come, what came of a campaign, and its e-mails."""
# ruff: noqa: S608 (what is put into these texts are names of our own columns and fragments of this file; every value is a parameter)

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from app.db import sought, tables
from app.db.conversing import Conversing, just
from app.db.history import Query
from app.db.shapes import CAMPAIGN, CARD, CUSTOMER, SENT, as_id, checked
from app.db.statements import Talk
from app.store import Awaited, Reach, Results, Sent
from passes.campaigns import Birthday, Campaign, Expiring, Rules, Waiting, WinBack, born_on, first_moment
from passes.cards import Card, Customer
from passes.offers import SECOND, end_of_day

MISSED: Final = 3
"""Days for which an automation makes up: what nobody was told for longer than that is over, also when it is switched on."""
FRESH: Final = timedelta(days=1)
"""A reward is not said to be about to expire on the day on which it was given."""
APART: Final = timedelta(hours=20)
"""The least time between two messages of one automation to one person."""
_TOLD: Final = "s.occasion <> 'joined'"
"""What counts for the weekly limit: not the link of a card, which whoever has joined has asked for."""
_PHONE: Final = "i.card_id = c.id AND i.gone_at IS NULL"


class Reaching(Conversing):
    """See app.store.Store."""

    async def segment(
        self, business_id: UUID, rules: Rules, *, now: datetime, zone: ZoneInfo, after: UUID | None = None, limit: int = 100
    ) -> Sequence[tuple[Card, Customer]]:
        """See app.store.Store."""
        query = Query(self._dialect)
        conditions = [*_meant(query, business_id, rules, now, zone, walked=not rules.cards)]
        if after is not None:
            conditions.append(f"c.id > {query.given(after)}")
        text = f"{_chosen(conditions)} ORDER BY c.id LIMIT {query.given(limit)}"
        found = await self._read(just(query.ask(text)), heavy=True)
        return [(CARD.read(row), CUSTOMER.read(row[len(CARD.names) :])) for row in found]

    async def card_ids(self, program_id: UUID, *, after: UUID | None = None, limit: int = 100) -> Sequence[UUID]:
        """See app.store.Store."""
        query = Query(self._dialect)
        text = f"SELECT c.id FROM card AS c WHERE c.program_id = {query.given(program_id)} AND c.left_at IS NULL"
        if after is not None:
            text += f" AND c.id > {query.given(after)}"
        return [as_id(row[0]) for row in await self._read(just(query.ask(f"{text} ORDER BY c.id LIMIT {query.given(limit)}")), heavy=True)]

    async def segment_size(self, business_id: UUID, rules: Rules, *, now: datetime, zone: ZoneInfo) -> int:
        """See app.store.Store."""
        query = Query(self._dialect)
        asks_customers = rules.birthday_month or rules.location_id or rules.language or rules.text.strip()
        conditions = " AND ".join(_meant(query, business_id, rules, now, zone, customers=bool(asks_customers)))
        text = f"SELECT count(*) {_FROM if asks_customers else 'FROM card AS c'} WHERE {conditions}"
        return int((await self._read(just(query.ask(text)), heavy=True))[0][0])

    async def reach(self, business_id: UUID, rules: Rules, *, now: datetime, zone: ZoneInfo, weekly: int) -> Reach:
        """See app.store.Store."""
        query = Query(self._dialect)
        week = query.given(checked(now - timedelta(days=7)))
        most = query.given(weekly)
        conditions = " AND ".join(_meant(query, business_id, rules, now, zone))
        text = f"""
            WITH meant AS MATERIALIZED (
                SELECT u.id, count(*) AS cards, CASE WHEN max(u.consent_at) IS NULL THEN 'not agreed'
                WHEN (SELECT count(*) FROM sent AS s WHERE s.customer_id = u.id AND s.at > {week} AND {_TOLD}) >= {most} THEN 'enough'
                ELSE '' END AS why, max(CASE WHEN u.consent_at IS NOT NULL
                AND EXISTS (SELECT 1 FROM installation AS i WHERE {_PHONE}) THEN 1 ELSE 0 END) AS held,
                max(u.email) AS email {_FROM} WHERE {conditions} GROUP BY u.id)
            SELECT coalesce(sum(cards), 0)::bigint, count(*), count(CASE WHEN why = 'not agreed' THEN 1 END),
            count(CASE WHEN why = 'enough' THEN 1 END), count(CASE WHEN why = '' THEN 1 END),
            count(CASE WHEN why = '' AND held = 1 THEN 1 END), count(CASE WHEN why = '' AND email <> '' THEN 1 END) FROM meant"""
        return Reach(*(await self._read(just(query.ask(text)), heavy=True))[0])

    async def lately(
        self, customer_ids: Sequence[UUID], *, since: datetime, campaign_id: UUID | None = None
    ) -> Mapping[UUID, tuple[int, bool]]:
        """See app.store.Store."""
        query = Query(self._dialect)
        moment, campaign = query.given(checked(since)), query.given(campaign_id)
        text = f"""
            SELECT customer_id, count(CASE WHEN s.at > {moment} AND {_TOLD} THEN 1 END),
            count(CASE WHEN campaign_id = {campaign}::uuid THEN 1 END)
            FROM sent AS s WHERE customer_id {query.listed(customer_ids)} GROUP BY customer_id"""
        return {as_id(row[0]): (row[1], row[2] > 0) for row in await self._read(just(query.ask(text)))}

    async def awaited(
        self, campaign: Campaign, *, now: datetime, zone: ZoneInfo, weekly: int | None = None, limit: int = 100
    ) -> Sequence[Awaited]:
        """See app.store.Store."""
        return await self._read(self._awaited(campaign, now, zone, weekly, limit), heavy=True)

    def _awaited(self, campaign: Campaign, now: datetime, zone: ZoneInfo, weekly: int | None, limit: int) -> Talk[Sequence[Awaited]]:
        today = now.astimezone(zone).date()
        match campaign.trigger:
            case Birthday(before):
                found: list[Awaited] = []
                for late in range(MISSED):
                    day = today + timedelta(days=before - late)
                    query = self._for(campaign, now, zone, weekly, walked=True)
                    occasion, birthdays = f"birthday:{day.year}", ", ".join(query.given(one) for one in born_on(day))
                    query.conditions += [
                        f"u.business_id = {query.given(campaign.business_id)} AND u.birthday IN ({birthdays}) AND u.birthday <> ''",
                        query.never(campaign.id, query.given(occasion)),
                    ]
                    found += [Awaited(*one, occasion) for one, _ in (yield from query.found(limit))]
                return found[:limit]
            case WinBack(after):
                query = self._for(campaign, now, zone, weekly)
                last = "coalesce(c.visited_at, c.joined_at)"
                mine = f"s.campaign_id = {query.given(campaign.id)} AND s.card_id = c.id"
                query.conditions += query.within(last, today - timedelta(days=after), zone)
                query.conditions.append(f"NOT EXISTS (SELECT 1 FROM sent AS s WHERE {mine} AND s.at >= {last})")
                return [
                    Awaited(card, customer, f"win_back:{(card.visited_at or card.joined_at).astimezone(zone).date()}")
                    for (card, customer), _ in (yield from query.found(limit))
                ]
            case Waiting(after):
                query = self._for(campaign, now, zone, weekly, coupons="waiting")
                query.conditions += query.within("coalesce(k.valid_from, k.issued_at)", today - timedelta(days=after), zone)
                return [Awaited(*one, f"waiting:{coupon}", coupon) for one, coupon in (yield from query.found(limit)) if coupon]
            case Expiring(before):
                query = self._for(campaign, now, zone, weekly, coupons="expiring")
                last_day = end_of_day(today + timedelta(days=before), zone)
                query.conditions += [f"k.expires_at <= {query.given(last_day)}", f"k.issued_at <= {query.given(checked(now - FRESH))}"]
                return [Awaited(*one, f"expiring:{coupon}", coupon) for one, coupon in (yield from query.found(limit)) if coupon]
            case None:
                raise ValueError("a campaign without a trigger waits for nothing")

    def _for(
        self, campaign: Campaign, now: datetime, zone: ZoneInfo, weekly: int | None, *, coupons: str = "", walked: bool = False
    ) -> "_Waited":
        """Those for whom this automation may be: who agreed, and has not had enough this week; ``weekly`` None asks neither."""
        query = _Waited(self._dialect)
        query.conditions = [*_meant(query, campaign.business_id, campaign.rules, now, zone, walked=walked)]
        if isinstance(campaign.trigger, Birthday | WinBack) and weekly is not None:
            query.conditions.append("u.consent_at IS NOT NULL")
        if weekly is not None:
            week, most = query.given(checked(now - timedelta(days=7))), query.given(weekly)
            query.conditions.append(f"(SELECT count(*) FROM sent AS s WHERE s.customer_id = u.id AND s.at > {week} AND {_TOLD}) < {most}")
            mine, since = query.given(campaign.id), query.given(checked(now - APART))
            query.conditions.append(
                f"NOT EXISTS (SELECT 1 FROM sent AS s WHERE s.customer_id = u.id AND s.campaign_id = {mine} AND s.at > {since})"
            )
        if coupons:
            query.coupons = True
            query.conditions += [
                "k.state = 'active'",
                _ready(query, now),
                query.never(campaign.id, f"'{coupons}:' || k.id"),
                f"k.business_id = {query.given(campaign.business_id)}",
            ]
        return query

    async def results(self, campaign_ids: Sequence[UUID]) -> Mapping[UUID, Results]:
        """See app.store.Store."""
        query = Query(self._dialect)
        text = f"""
            SELECT s.campaign_id, count(*), count(CASE WHEN EXISTS (
                SELECT 1 FROM event AS e JOIN installation AS i ON i.card_id = e.card_id AND i.told >= e.seq
                WHERE e.card_id = s.card_id AND e.campaign_id = s.campaign_id AND e.at = s.at
                AND (i.wallet <> 'apple' OR i.fetched >= e.seq)) THEN 1 END),
            count(CASE WHEN s.mail = 'due' THEN 1 END), count(CASE WHEN s.mail = 'sent' THEN 1 END),
            count(CASE WHEN s.mail = 'failed' THEN 1 END), count(s.coupon_id), count(CASE WHEN k.state = 'redeemed' THEN 1 END)
            FROM sent AS s LEFT JOIN coupon AS k ON k.id = s.coupon_id AND k.batch_id = s.campaign_id
            WHERE s.campaign_id {query.listed(campaign_ids)} GROUP BY s.campaign_id"""
        return {as_id(row[0]): Results(*row[1:]) for row in await self._read(just(query.ask(text)), heavy=True)}

    async def campaign(self, business_id: UUID, campaign_id: UUID) -> Campaign | None:
        """See app.store.Store."""
        table = tables.Campaign
        return await self._one(CAMPAIGN, table.select().where((table.id == campaign_id) & (table.business_id == business_id)))

    async def take_mail(self, *, now: datetime, lease_until: datetime, limit: int) -> Sequence[Sent]:
        """See app.store.Store."""
        query = Query(self._dialect)
        until, due = query.given(checked(lease_until)), query.given(checked(now))
        text = f"""
            WITH due AS MATERIALIZED (
                SELECT id FROM sent WHERE mail = 'due' AND mail_at <= {due}
                ORDER BY mail_at LIMIT {query.given(limit)} {self._dialect.free})
            UPDATE sent SET mail_at = {until} WHERE id IN (SELECT id FROM due) RETURNING {SENT.select("sent")}"""
        return [SENT.read(row) for row in await self._write(just(query.ask(text)))]

    async def put_mail(self, done: Sequence[Sent]) -> None:
        """See app.store.Store."""
        if done:
            await self._write(self._put_mail(done))

    def _put_mail(self, done: Sequence[Sent]) -> Talk[None]:
        for one in done:
            query = Query(self._dialect)
            text = (
                f"UPDATE sent SET mail = {query.given(one.mail)}, mail_tries = {query.given(one.mail_tries)},"
                f" mail_at = {query.given(checked(one.mail_at))} WHERE id = {query.given(one.id)} AND mail = 'due'"
            )
            yield query.ask(text)


_FROM: Final = "FROM card AS c JOIN customer AS u ON u.id = c.customer_id"


class _Waited(Query):
    """Cards whose time has come, while the question for them is put together; with ``coupons``, ``k`` is the coupon in question."""

    conditions: list[str]
    coupons = False

    def never(self, campaign_id: UUID, occasion: str) -> str:
        """This campaign has not reached the card on this occasion."""
        mine = self.given(campaign_id)
        return f"NOT EXISTS (SELECT 1 FROM sent AS s WHERE s.campaign_id = {mine} AND s.card_id = c.id AND s.occasion = {occasion})"

    def within(self, moment: str, day: date, zone: ZoneInfo) -> list[str]:
        """A moment was on this day, or on one of those before it that are made up for."""
        first, last = first_moment(day - timedelta(days=MISSED - 1), zone), end_of_day(day, zone) + SECOND
        return [f"{moment} >= {self.given(first)}", f"{moment} < {self.given(last)}"]

    def found(self, limit: int) -> Talk[list[tuple[tuple[Card, Customer], UUID | None]]]:
        """The cards, and of which coupon it is the time."""
        more, source = (", k.id", f"{_FROM} JOIN coupon AS k ON k.card_id = c.id") if self.coupons else (", NULL", _FROM)
        rows = yield self.ask(
            f"SELECT {CARD.select('c')}, {CUSTOMER.select('u')}{more} {source} WHERE {' AND '.join(self.conditions)}"
            f" ORDER BY c.id LIMIT {self.given(limit)}"
        )
        return [((CARD.read(row), CUSTOMER.read(row[len(CARD.names) :])), as_id(row[-1]) if row[-1] else None) for row in rows]


def _chosen(conditions: Sequence[str]) -> str:
    return f"SELECT {CARD.select('c')}, {CUSTOMER.select('u')} {_FROM} WHERE {' AND '.join(conditions)}"


def _ready(query: Query, now: datetime) -> str:
    moment, last = query.given(checked(now)), query.given(checked(now - SECOND))
    return f"(k.valid_from IS NULL OR k.valid_from <= {moment}) AND (k.expires_at IS NULL OR k.expires_at > {last})"


def _meant(
    query: Query, business_id: UUID, rules: Rules, now: datetime, zone: ZoneInfo, *, walked: bool = False, customers: bool = True
) -> Iterator[str]:
    """What is asked of a card ``c`` and its customer ``u``. Days are those of the business's zone, today is 0 days ago.

    ``walked`` says it so that no database begins with all cards of the business: there is a better way in. Without ``customers``
    nothing is asked of ``u``: who was erased or merged has left all cards.
    """
    mine = query.given(business_id)
    yield f"NOT (c.business_id <> {mine})" if walked else f"c.business_id = {mine}"
    yield "c.left_at IS NULL"
    if customers:
        yield "u.erased_at IS NULL AND u.merged_into IS NULL"
    today = now.astimezone(zone).date()
    for name, (condition, later) in _DAYS.items():
        days = getattr(rules, name)
        if days is not None:
            yield f"{condition} {query.given(first_moment(today - timedelta(days=days - later), zone))}"
    for name, condition in _VALUES.items():
        value = getattr(rules, name)
        if value not in (None, ""):
            yield f"{condition} {query.given(checked(value))}"
    if rules.cards:
        yield f"c.id {query.listed(rules.cards)}"
    if rules.birthday_month is not None:
        yield f"u.birthday LIKE {query.given(f'{rules.birthday_month:02}-%')}"
    if rules.waiting is not None:
        coupon = f"SELECT 1 FROM coupon AS k WHERE k.card_id = c.id AND k.state = 'active' AND {_ready(query, now)}"
        yield f"{'' if rules.waiting else 'NOT '}EXISTS ({coupon})"
    if rules.text.strip():
        yield _named(query, rules.text)


_DAYS: Final[Mapping[str, tuple[str, int]]] = {
    "joined_within": ("c.joined_at >=", 0),
    "joined_before": ("c.joined_at <", 0),
    "visited_within": ("c.visited_at >=", 0),
    "not_visited_for": ("coalesce(c.visited_at, c.joined_at) <", 1),
}
"""Rules of days: what is compared with the beginning of the day so many days ago, or of the day after it."""
_VALUES: Final[Mapping[str, str]] = {
    "program_id": "c.program_id =",
    "balance_from": "c.balance >=",
    "balance_to": "c.balance <=",
    "location_id": "coalesce(c.location_id, u.location_id) =",
    "language": "u.language =",
}


def _named(query: Query, text: str) -> str:
    """Part of the name, the phone's digits or the e-mail address."""
    name, digits = sought.part(text), sought.digits(text).lstrip("0")
    address = checked(text.strip().lower()).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    alternatives = [f"lower(u.email) LIKE {query.given(f'%{address}%')} ESCAPE '\\'"]
    if name:
        alternatives.append(f"u.sought LIKE {query.given(f'%{name}%' + chr(10) + '%')}")
    if len(digits) >= sought.SHORTEST and not any(char.isalpha() for char in text):
        alternatives.append(f"u.sought LIKE {query.given('%' + chr(10) + f'%{digits}%')}")
    return f"({' OR '.join(alternatives)})"
