"""The SQL of the store: one text for both databases, and where they must differ, the difference is a named pair."""
# ruff: noqa: S608 (what is put into these texts are names of our own columns and fragments of this file; every value is a parameter)

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final, TypeVar

import msgspec

from app.db.shapes import (
    BUSINESS,
    CAMPAIGN,
    CARD,
    COUNTER,
    COUPON,
    CUSTOMER,
    DAY_COUNT,
    ERRAND,
    EVENT,
    INSERT,
    INSTALLATION,
    KEPT,
    LOCATION,
    LOGIN,
    OFFER,
    PORTION,
    PROGRAM,
    REDEMPTION,
    STAFF,
    Shape,
)
from app.db.tables import CLOCK

T = TypeVar("T")


class Ask(msgspec.Struct, frozen=True):
    """One statement with its values; or, with ``rows``, one for each of many rows of values (see Dialect.given).

    ``silent`` says that it gives no rows back.
    """

    text: str
    values: Sequence[Any] = ()
    rows: Sequence[Sequence[Any]] | None = None
    silent: bool = False


Talk = Generator[Ask, Sequence[Sequence[Any]], T]
"""A conversation with a database: it asks, is told rows, and comes to something. Whose database, it does not know."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """What the two databases say differently."""

    listed: Callable[[int], str]
    """After a column: it is one of the list that is the parameter of this number."""
    each: Callable[[int], str]
    """A table ``each`` with the column ``value``: the ids in the list that is the parameter of this number."""
    given: Callable[[Mapping[str, str]], str]
    """A table ``x`` of many rows at once (PostgreSQL: arrays), or of one row at a time (SQLite: a statement costs no trip)."""
    lock: str
    """At the end of a SELECT: these rows stay as they are until we are done. SQLite has one writer at a time anyhow."""
    free: str
    """The same, passing over rows that somebody else holds."""
    from_: str
    """Not before a text, byte by byte."""
    below: str
    """Before a text, byte by byte."""
    bytewise: str
    """After a text to sort by: byte by byte."""
    customers: str
    """Where customers are looked for by a pattern: ``u`` is the customer."""
    sought: str
    """The text there that is compared with the pattern."""
    alone: str
    """Until we are done, nobody uses a coupon of this offer or takes that back. SQLite has one writer at a time anyhow."""
    later: Callable[[str, str], str]
    """A moment so much later than another: ``later("t.at", "30 days")``."""
    lateral: bool
    """Whether a query in FROM may look at the rows beside it."""
    text: Callable[[str], str]
    """A statement as its driver wants it."""


def _arrays(types: Mapping[str, str]) -> str:
    arrays = ", ".join(f"${number}::{type_}[]" for number, type_ in enumerate(types.values(), 1))
    return f"unnest({arrays}) AS x({', '.join(types)})"


def _one_row(types: Mapping[str, str]) -> str:
    return f"(SELECT {', '.join(f'${number} AS {name}' for number, name in enumerate(types, 1))}) AS x"


_CAST: Final = re.compile(r"::\w+(\[\])?")
_NUMBER: Final = re.compile(r"\$(\d+)")

POSTGRESQL: Final = Dialect(
    listed=lambda number: f"= ANY(${number})",
    each=lambda number: f"unnest(${number}::uuid[]) AS each(value)",
    given=_arrays,
    lock="FOR UPDATE",
    free="FOR UPDATE SKIP LOCKED",
    from_="~>=~",
    below="~<~",
    bytewise='COLLATE "C"',
    customers="customer AS u",
    sought="u.sought",
    alone="SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
    later=lambda moment, by: f"{moment} + interval '{by}'",
    lateral=True,
    text=lambda text: text,
)
SQLITE: Final = Dialect(
    listed=lambda number: f"IN (SELECT value FROM json_each(${number}))",
    each=lambda number: f"json_each(${number}) AS each",
    given=_one_row,
    lock="",
    free="",
    from_=">=",
    below="<",
    bytewise="COLLATE BINARY",
    customers="customer_sought AS f JOIN customer AS u ON u.id = f.id",
    sought="f.sought",
    alone="SELECT ?1",
    later=lambda moment, by: f"strftime('%Y-%m-%d %H:%M:%S', {moment}, '+{by}') || '+00:00'",
    lateral=False,
    text=lambda text: _NUMBER.sub(r"?\1", _CAST.sub("", text)),
)


TALLIED: Final = """
    ON CONFLICT (business_id, key) DO UPDATE SET n = tally.n + excluded.n, most = excluded.most
    WHERE excluded.most IS NULL OR tally.n + excluded.n <= excluded.most
    RETURNING 1"""
"""A count that would pass its limit is not counted, and gives no row back: the limit stands beside the count to be compared."""


_WANTED: Final = {"business_id": "s.business_id", "staff_id": "s.id", "email": "g.email <> '' AND g.email"}
ALL_WANTED: Final = tuple(wanted for n in (1, 2, 3) for wanted in combinations(_WANTED, n))
"""By which columns members are looked for. That an address is not empty is said apart: the index holds only such."""


COUNTED: Final = "ON CONFLICT (business_id, by, day, kind, which) DO UPDATE SET n = day_count.n + excluded.n"
"""One more (or one less) on a day that knows this count already."""


class Statements:
    """Every statement that is not a plain query, in one dialect."""

    def __init__(self, say: Dialect) -> None:
        """Texts are made once."""
        self._say = say
        self._inserts: dict[str, str] = {}

        # --- The hot path: x.n is the number of the question in its group ---
        self.caller = self._made(f"""
            SELECT x.n, t.id, {LOCATION.select("l")}, {STAFF.select("s")}, {BUSINESS.select("b")},
            t.name, t.scopes, t.per_minute, t.used_at, z.until
            FROM {say.given({"n": "bigint", "secret_hash": "bytea"})}
            JOIN api_secret AS z ON z.secret_hash = x.secret_hash
            JOIN api_key AS t ON t.id = z.key_id AND t.revoked_at IS NULL
            JOIN staff AS s ON s.id = t.staff_id AND s.suspended_at IS NULL
            JOIN location AS l ON l.id = t.location_id
            JOIN business AS b ON b.id = t.business_id""")
        self.counting = self._made(f"""
            SELECT x.n, {LOCATION.select("l")}, {BUSINESS.select("b")}, {COUNTER.select("c")}
            FROM {say.given({"n": "bigint", "secret_hash": "bytea"})}
            JOIN counter AS c ON c.secret_hash = x.secret_hash AND c.revoked_at IS NULL
            JOIN location AS l ON l.id = c.location_id
            JOIN business AS b ON b.id = c.business_id""")
        self.kept = self._made(f"""
            SELECT x.n, {KEPT.select("k")} FROM {say.given({"n": "bigint", "caller_id": "uuid", "key": "text"})}
            JOIN kept AS k ON k.caller_id = x.caller_id AND k.key = x.key""")
        self.answered = self._made("SELECT 1 FROM kept WHERE caller_id = $1 AND key = $2")
        self.presented = self._presented("code", "text")
        self.coupon = self._presented("id", "uuid")
        self.used = self._made(f"""
            SELECT {REDEMPTION.select("r")}, s.name, l.name FROM redemption AS r
            LEFT JOIN staff AS s ON s.id = r.staff_id LEFT JOIN location AS l ON l.id = r.location_id WHERE r.id {say.listed(1)}""")
        self.places = self._made(f"SELECT id, name FROM location WHERE id {say.listed(1)}")

        self.at_desk = self._made(f"""
            SELECT {EVENT.select("e")} FROM event AS e
            WHERE e.coupon_id = $1 AND e.business_id = $2 AND e.kind IN ('voided', 'extended') ORDER BY e.seq""")

        # --- What a unit comes to, one statement each; PostgreSQL writes a group in one (app/db/postgres.py) ---
        self.tally = self._made(f"INSERT INTO tally (business_id, key, n, most) VALUES ($1, $2, $3, $4) {TALLIED}")
        # A card that changes again does so in a later second (app.db.unit.later says why), here by arithmetic on SQLite's texts.
        self.touch = self._made("""
            UPDATE card SET version = $2, changed_at = max($3, strftime('%Y-%m-%d %H:%M:%S', changed_at, '+1 second') || '+00:00')
            WHERE id = $1""")
        self.make_due = self._made("""
            UPDATE installation SET due_at = $2
            WHERE card_id = $1 AND gone_at IS NULL AND (due_at IS NULL OR due_at > $2)""")

        # --- Small writes ---
        self.tick = self._made(f"UPDATE clock SET tick = tick + $1 WHERE id = {CLOCK} RETURNING tick")
        self.keep_google_class = self._made("""
            INSERT INTO google_class (program_id, business_id, digest, at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (program_id) DO UPDATE SET digest = excluded.digest, at = excluded.at""")
        self.raise_alarm = self._made("""
            INSERT INTO alarm (wallet, credential, why, since, probe_at) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (wallet, credential) DO UPDATE SET why = excluded.why, probe_at = excluded.probe_at""")
        self.clear_alarm = self._made("DELETE FROM alarm WHERE wallet = $1 AND credential = $2")
        self.forget = self._made("DELETE FROM kept WHERE id IN (SELECT id FROM kept WHERE at < $1 LIMIT $2) RETURNING 1")

        self._make_cards()
        self._make_people()
        self._make_keys()
        self._make_numbers()
        self._make_errands()
        self._make_program()

        # --- Installations ---
        mine = "address = $1 AND credential = $2 AND wallet = 'apple' AND gone_at IS NULL"
        self.lagging = self._made("""
            SELECT count(*) FROM installation AS i JOIN card AS c ON c.id = i.card_id
            WHERE i.due_at IS NOT NULL AND i.gone_at IS NULL AND c.version > i.told AND ($1::text IS NULL OR i.wallet = $1)""")
        self.pass_types = self._made("""
            SELECT business_id, credential, count(*) FROM installation WHERE wallet = 'apple' AND gone_at IS NULL
            GROUP BY business_id, credential ORDER BY business_id, credential""")
        # All of a device, not just what is newer than its tag: whether the device is known shows in the same answer.
        self.device = self._made(f"SELECT c.serial, c.version FROM installation JOIN card AS c ON c.id = card_id WHERE {mine}")
        self.asked = self._made(f"""
            WITH mine AS MATERIALIZED (SELECT id FROM installation WHERE {mine} ORDER BY card_id, id {say.lock})
            UPDATE installation SET asked_at = $3 WHERE id IN (SELECT id FROM mine)""")
        self.fetched = self._made(f"""
            WITH last AS MATERIALIZED (
                SELECT id FROM installation WHERE card_id = $1 AND wallet = 'apple' AND gone_at IS NULL
                AND asked_at IS NOT NULL AND (fetched_at IS NULL OR fetched_at < asked_at)
                ORDER BY asked_at DESC, id LIMIT 1 {say.lock})
            UPDATE installation SET fetched = $2, fetched_at = $3 WHERE id IN (SELECT id FROM last)""")
        # A card that somebody registers for is held: a change of it at the same moment comes before or after, never past it.
        self.hold_card = self._made(f"SELECT version, changed_at FROM card WHERE id = $1 {say.lock}")
        self.hold_installation = self._made(
            f"SELECT id, gone_at FROM installation WHERE card_id = $1 AND wallet = $2 AND address = $3 {say.lock}"
        )
        self.revive = self._made("""
            UPDATE installation SET credential = $2, push_token = $3, registered_at = $4, told = $5, told_at = $6, saved_at = $7,
            due_at = $8, tries = 0, lease_until = NULL, gone_at = NULL WHERE id = $1""")
        # Freeing the lease makes what a worker hears about the old push token (that it is gone) come too late to be believed.
        # What was pushed to a token that the phone gave up may be lost: what it has not fetched, it is told under its new token.
        # Whoever renews a Google object has written its face, and an older one may have landed last: then it is due again, but
        # not while the worker that had the lease may still be writing.
        self.renew = self._made("""
            UPDATE installation SET credential = $2, push_token = $3, lease_until = NULL,
            told = CASE WHEN wallet = 'google' AND told > $5 THEN $5
                WHEN push_token <> $3 AND $4::timestamptz IS NOT NULL AND fetched < told THEN fetched ELSE told END,
            due_at = CASE WHEN wallet = 'google' AND (told > $5 OR lease_until IS NOT NULL) THEN coalesce(lease_until, $6)
                WHEN push_token <> $3 AND $4::timestamptz IS NOT NULL THEN $4 ELSE due_at END WHERE id = $1""")
        self.leave = self._made("""
            UPDATE installation SET gone_at = $4, due_at = NULL, lease_until = NULL
            WHERE card_id = $1 AND wallet = $2 AND address = $3 AND gone_at IS NULL AND ($5::text IS NULL OR push_token = $5)
            RETURNING 1""")
        self.heard = self._made("INSERT INTO nonce (nonce, at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1")
        self.saved = self._made("UPDATE installation SET saved_at = $2 WHERE id = $1 RETURNING 1")

        # A claimed row is due again when its lease ends, so a crash delays it and a touch in the meantime shows: see settle.
        def claim(of: str) -> str:
            return self._made(f"""
            WITH due AS MATERIALIZED (
                SELECT id FROM installation WHERE due_at IS NOT NULL AND due_at <= $1 AND gone_at IS NULL
                AND (lease_until IS NULL OR lease_until <= $1) AND NOT (credential {say.listed(4)}){of}
                ORDER BY due_at LIMIT $3 {say.free})
            UPDATE installation SET lease_until = $2, due_at = $2 WHERE id IN (SELECT id FROM due)
            RETURNING {INSTALLATION.select("installation")}""")

        self.claim, self.claim_of = claim(""), claim(" AND wallet = $5")
        # How the cards of claimed rows stand, asked when the rows are held: a change that came before shows here, and one that
        # comes after shows in the row. Asked in the same statement, a change in between would show in neither.
        self.standing = self._made(f"""
            SELECT d.id, d.version, min(CASE WHEN c.valid_from > $2 THEN c.valid_from ELSE c.expires_at END) FROM card AS d
            LEFT JOIN coupon AS c ON c.card_id = d.id AND c.state = 'active' AND (c.valid_from > $2 OR c.expires_at > $3)
            WHERE d.id {say.listed(1)} GROUP BY d.id""")
        self.hold = self._made(f"SELECT 1 FROM installation WHERE id {say.listed(1)} ORDER BY card_id, id {say.lock}")
        settled = {
            "id": "uuid",
            "lease_until": "timestamptz",
            "told": "bigint",
            "told_at": "timestamptz",
            "tries": "bigint",
            "notified_at": "text",
            "due_at": "timestamptz",
            "gone_at": "timestamptz",
        }
        self.settle = self._made(f"""
            UPDATE installation AS i SET told = x.told, told_at = x.told_at, tries = x.tries, notified_at = x.notified_at,
                gone_at = x.gone_at, lease_until = NULL,
                due_at = CASE
                    WHEN x.gone_at IS NOT NULL THEN NULL
                    WHEN c.version <= x.told THEN x.due_at
                    WHEN x.due_at IS NULL THEN c.changed_at
                    WHEN i.lease_until IS NOT NULL AND i.due_at < i.lease_until AND i.due_at < x.due_at THEN i.due_at
                    ELSE x.due_at END
            FROM {say.given(settled)} JOIN card AS c ON true
            WHERE i.id = x.id AND c.id = i.card_id AND (x.lease_until IS NULL OR i.lease_until = x.lease_until)""")

    def _make_cards(self) -> None:
        """A card and everything on it."""
        say = self._say
        known = f"{CARD.select('c')}, {CUSTOMER.select('u')}, {PROGRAM.select('p')}, {BUSINESS.select('b')} FROM"
        holder = """
            JOIN customer AS u ON u.id = c.customer_id
            JOIN program AS p ON p.id = c.program_id
            JOIN business AS b ON b.id = c.business_id"""
        self.cards = self._made(f"SELECT c.id, {known} card AS c {holder} WHERE c.id {say.listed(1)}")

        def card_by(of: Mapping[str, str]) -> str:
            on = " AND ".join(f"c.{name} = x.{name}" for name in of)
            return self._made(f"SELECT x.n, {known} {say.given({'n': 'bigint', **of})} JOIN card AS c ON {on} {holder}")

        self.card_by = {
            "id": card_by({"id": "uuid"}),
            "serial": card_by({"serial": "text"}),
            "key": card_by({"key": "text"}),
            "number": card_by({"number": "text", "business_id": "uuid"}),
        }

        # Phones come and go (an installation can register hundreds of times), and the end of a reward stands beside it; a card tells
        # what happened to its owner.
        def told(alias: str) -> str:
            return f"{alias}.kind NOT IN ('saved', 'removed', 'expiring', 'expired')"

        # The newest ten by the place of the tenth: both databases walk the index, however long the story is.
        self.newest_events = self._made(f"""
            SELECT {EVENT.select("e")} FROM {say.each(1)} JOIN event AS e ON e.card_id = each.value AND {told("e")} AND e.seq >= coalesce(
                (SELECT t.seq FROM event AS t WHERE t.card_id = each.value AND {told("t")} ORDER BY t.seq DESC LIMIT 1 OFFSET $2), 0)
            ORDER BY e.seq DESC""")

        # Coupons with their offers, and after them (without a coupon) the offers of a program's goals.
        def on_cards(which: str) -> str:
            none = ", ".join(f"NULL::{type_}" for _, type_ in zip(COUPON.names, COUPON.types, strict=False))
            return self._made(f"""
                SELECT o.body, {COUPON.select("c")} FROM coupon AS c JOIN offer AS o ON o.id = c.offer_id WHERE {which}
                UNION ALL SELECT o.body, {none} FROM offer AS o WHERE o.id {say.listed(2)}""")

        active = f"k.card_id {say.listed(1)} AND k.state = 'active'"
        self.active_on_cards = on_cards(active.replace("k.", "c."))
        self.card_coupons = on_cards(f"""
            c.id IN (SELECT k.id FROM coupon AS k WHERE {active}
            UNION SELECT k.id FROM coupon AS k WHERE k.id {say.listed(3)} AND k.card_id IS NOT NULL)""")
        self.offers = self._made(f"SELECT o.id, {OFFER.select('o')} FROM offer AS o WHERE o.id {say.listed(1)}")

    def _make_keys(self) -> None:
        """Keys of programs, and the log's end."""
        self.change_key = self._made("""
            UPDATE api_key SET revoked_at = $3::timestamptz WHERE id = $1 AND business_id = $2 AND revoked_at IS NULL RETURNING 1""")
        self.old_secrets = self._made("UPDATE api_secret SET until = $2 WHERE key_id = $1 AND (until IS NULL OR until > $2)")
        self.key_used = self._made("UPDATE api_key SET used_at = $2 WHERE id = $1")
        self.log_end = self._made("SELECT max(seq) FROM event WHERE business_id = $1")

    def _make_people(self) -> None:
        """Who is there: people, passkeys, counters, links and guesses."""
        self.members = {
            wanted: self._made(f"""
            SELECT {LOGIN.select("g")}, {STAFF.select("s")}, {BUSINESS.select("b")} FROM staff AS s
            JOIN login AS g ON g.id = s.id JOIN business AS b ON b.id = s.business_id
            WHERE {" AND ".join(f"{_WANTED[name]} = ${number}" for number, name in enumerate(wanted, 1))} ORDER BY s.created""")
            for wanted in ALL_WANTED
        }
        self.replace_login = self._made("""
            UPDATE login SET email = $3, password = $4, pin = $5, version = $6, locked_at = $7
            WHERE id = $1 AND business_id = $2 AND version = $8 RETURNING 1""")
        self.replace_staff = self._made("UPDATE staff SET name = $3, suspended_at = $4, body = $5 WHERE id = $1 AND business_id = $2")
        self.passkey_used = self._made("""
            UPDATE passkey SET sign_count = $3, used_at = $4 WHERE id = $1 AND sign_count = $2 RETURNING 1""")
        self.remove_passkey = self._made("DELETE FROM passkey WHERE id = $1 AND business_id = $2 AND staff_id = $3 RETURNING 1")
        self.counter_used = self._made("UPDATE counter SET used_at = $2 WHERE id = $1")
        self.change_counter = self._made("""
            UPDATE counter SET name = coalesce($3::text, name), revoked_at = $4::timestamptz
            WHERE id = $1 AND business_id = $2 AND revoked_at IS NULL RETURNING 1""")
        self.use_ticket = self._made("UPDATE ticket SET used_at = $2 WHERE id = $1 AND used_at IS NULL RETURNING 1")
        self.strike = self._made("""
            INSERT INTO strike (key, n, last) VALUES ($1, 1, $2) ON CONFLICT (key) DO UPDATE SET
                n = CASE WHEN strike.last < $3 THEN 1 ELSE strike.n + 1 END,
                last = CASE WHEN strike.last < excluded.last THEN excluded.last ELSE strike.last END
            RETURNING n, last""")
        self.forgive = self._made("DELETE FROM strike WHERE key = $1")
        self.forget_strikes = self._made("DELETE FROM strike WHERE last < $1")

    def _make_numbers(self) -> None:
        """What the days count, and what is active now."""
        names = ", ".join(DAY_COUNT.columns)
        self.count = self._made(f"INSERT INTO day_count ({names}) VALUES ($1, $2, $3, $4, $5, $6) {COUNTED}")
        self.counted = self._made(f"""
            SELECT kind, by, which, day, n FROM day_count
            WHERE business_id = $1 AND by {self._say.listed(4)} AND day >= $2 AND day <= $3 AND n <> 0 ORDER BY day, kind, by, which""")
        active = "SELECT count(*) FROM coupon WHERE business_id = $1 AND state = 'active' AND expires_at"
        self.active_coupons = self._made(f"SELECT ({active} IS NULL) + ({active} > $2), ({active} >= $3 AND expires_at <= $2)")

    def _make_errands(self) -> None:
        """Long work, each with its newest portion."""
        known = f"""
            SELECT {ERRAND.select("e")}, {PORTION.select("p")} FROM errand AS e LEFT JOIN portion AS p ON p.errand_id = e.id
            AND p.number = (SELECT max(n.number) FROM portion AS n WHERE n.errand_id = e.id)"""
        self.errand = self._made(f"{known} WHERE e.id = $1 AND ($2::uuid IS NULL OR e.business_id = $2)")
        self.errands = self._made(
            f"{known} WHERE e.business_id = $1 AND ($2::text IS NULL OR e.kind = $2) ORDER BY e.made_at DESC, e.id DESC LIMIT $3"
        )
        due = """SELECT id FROM errand WHERE ended_at IS NULL AND stopped_at IS NULL AND due_at <= $1
            AND (lease_until IS NULL OR lease_until <= $1) ORDER BY due_at LIMIT 1"""
        self.due_errand = self._made(due)
        self.take_errand = self._made(f"""
            WITH due AS MATERIALIZED ({due} {self._say.free})
            UPDATE errand SET lease_until = $2 WHERE id IN (SELECT id FROM due) RETURNING id""")
        self.put_errand = self._made("""
            UPDATE errand SET lease_until = NULL, due_at = coalesce($2::timestamptz, due_at), ended_at = coalesce(ended_at, $3::timestamptz)
            WHERE id = $1""")
        self.stop_errand = self._made("""
            UPDATE errand SET stopped_at = $3 WHERE id = $1 AND business_id = $2 AND ended_at IS NULL AND stopped_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM portion AS p WHERE p.errand_id = $1 AND p.last) RETURNING 1""")
        # It takes the next portion's place, so that what somebody is about to do is a Duplicate: nothing comes after a stop.
        self.stop_portion = self._made(f"""
            INSERT INTO portion ({", ".join(PORTION.columns)})
            SELECT e.id, e.business_id, e.id, coalesce(p.number + 1, 0), coalesce(p.after, ''), coalesce(p.done, 0), coalesce(p.failed, 0),
                true, $2::timestamptz FROM errand AS e LEFT JOIN portion AS p ON p.errand_id = e.id
            AND p.number = (SELECT max(n.number) FROM portion AS n WHERE n.errand_id = e.id) WHERE e.id = $1""")
        # What was brought goes when nobody works with it any more; whoever still has an errand that was stopped lays it down soon.
        self.clear_errand = self._made("""
            DELETE FROM sheet WHERE errand_id = $1 AND EXISTS (SELECT 1 FROM errand AS e WHERE e.id = $1
                AND (e.ended_at IS NOT NULL OR e.stopped_at IS NOT NULL) AND (e.lease_until IS NULL OR e.lease_until <= $2))""")

    def _make_program(self) -> None:
        """What a business sets up, brings and sends."""
        self.messages = self._made(f"SELECT c.id, {CAMPAIGN.select('c')} FROM campaign AS c WHERE c.id {self._say.listed(1)}")
        self.remove_segment = self._made("DELETE FROM segment WHERE id = $1 AND business_id = $2 RETURNING 1")
        self.opened = self._made(f"""
            SELECT {INSERT.select("i")}, o.id FROM insert_ AS i LEFT JOIN opened AS o ON o.id = i.id WHERE i.secret_hash = $1""")
        self.pools = self._made("""
            SELECT o.id, (SELECT count(*) FROM coupon AS c WHERE c.offer_id = o.id AND c.state = 'pooled') FROM offer AS o
            WHERE o.business_id = $1""")
        self.known_codes = self._made(f"SELECT code FROM coupon WHERE business_id = $1 AND code {self._say.listed(2)}")
        # What an offer's limits count, counted anew: $1 business, $2 the key, $3 the offer. Who was merged is whom they were merged into.
        # (A coupon is also held by the redemption that an import brings later, and is counted then.)
        who = "coalesce(u.merged_into, t.customer_id)"
        held = """
            FROM (SELECT r.customer_id FROM redemption AS r
                WHERE r.offer_id = $3 AND NOT EXISTS (SELECT 1 FROM reversal AS v WHERE v.redemption_id = r.id)
                UNION ALL SELECT c.customer_id FROM coupon AS c JOIN reservation AS w ON w.id = c.held_by
                WHERE c.offer_id = $3 AND c.held_by IS NOT NULL) AS t
            LEFT JOIN customer AS u ON u.id = t.customer_id"""
        self.recount = (
            self._made(f"DELETE FROM tally WHERE business_id = $1 AND key {self._say.from_} $2 AND key {self._say.below} ($2 || ';')"),
            self._made(f"INSERT INTO tally (business_id, key, n) SELECT $1, $2::text, count(*) {held}"),
            self._made(f"""
                INSERT INTO tally (business_id, key, n) SELECT $1, $2::text || ':' || {who}, count(*) {held}
                WHERE t.customer_id IS NOT NULL GROUP BY {who}"""),
        )
        self.lapsed = self._made(f"""
            SELECT {COUPON.select("c")} FROM coupon AS c JOIN reservation AS w ON w.id = c.held_by
            WHERE c.offer_id = $1 AND c.held_by IS NOT NULL AND (c.held_until <= $2 OR c.state <> 'active') LIMIT $3""")
        self.tallied = self._made("SELECT n FROM tally WHERE business_id = $1 AND key = $2")

    def held(self, shape: Shape[Any]) -> str:
        """A statement that gives a row by its id, which then stays as it is until we are done."""
        return self._made(f"SELECT {shape.select('t')} FROM {shape.name} AS t WHERE t.id = $1 {self._say.lock}")

    def rewritten(self, shape: Shape[Any]) -> str:
        """A statement that writes a row anew, all of it but its place on the clock."""
        kept = shape.columns[:-1] if shape.ordered else shape.columns
        sets = ", ".join(f"{name} = ${number}" for number, name in enumerate(kept[1:], 2))
        return self._made(f"UPDATE {shape.name} SET {sets} WHERE id = $1")

    def insert(self, shape: Shape[Any]) -> str:
        """A statement that inserts one row of a shape."""
        if shape.name not in self._inserts:
            values = ", ".join(f"${number}" for number in range(1, len(shape.columns) + 1))
            self._inserts[shape.name] = self._made(f"INSERT INTO {shape.name} ({', '.join(shape.columns)}) VALUES ({values})")
        return self._inserts[shape.name]

    def _made(self, text: str) -> str:
        return self._say.text(text)

    def _presented(self, by: str, type_: str) -> str:
        return self._made(f"""
            SELECT x.n, {COUPON.select("c")}, {OFFER.select("o")}, u.name, a.n, b.n
            FROM {self._say.given({"n": "bigint", "business_id": "uuid", "sought": type_})}
            JOIN coupon AS c ON c.business_id = x.business_id AND c.{by} = x.sought
            JOIN offer AS o ON o.id = c.offer_id
            LEFT JOIN customer AS u ON u.id = c.customer_id
            LEFT JOIN tally AS a ON o.limited AND a.business_id = c.business_id AND a.key = 'offer:' || c.offer_id
            LEFT JOIN tally AS b ON o.limited AND b.business_id = c.business_id
                AND b.key = 'offer:' || c.offer_id || ':' || c.customer_id""")
