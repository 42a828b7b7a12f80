"""What the desk, the followers and the readers may ask of the database, whichever it is; ``app/db`` is the implementation.

Everybody else imports from here; the modules of this package are its subjects: ``rows`` is what only the house keeps, ``unit`` how
it becomes true, and each other one what may be asked.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from app.store.api import Programmed
from app.store.cards import CardFacts, Cards, GivenState
from app.store.clearing import Clearing
from app.store.configured import Configured
from app.store.customers import Customers, Known, Life, Mark, Merge, PeopleOrder
from app.store.errands import Errands
from app.store.exported import Exported, Record
from app.store.history import MOST_FOUND, Filter, History, Past, Place, Status
from app.store.insight import Activity, Came, Deed, Funnel, Insights, Returned
from app.store.listed import Listed
from app.store.people import People
from app.store.phones import Due, Phones
from app.store.reach import Awaited, Reach, Reaching, Results
from app.store.rows import Revised, Row
from app.store.rows.api import SCOPES, ApiKey, ApiSecret, Caller, Delivery, Endpoint, Kept, Reservation, Return, Sale, Scope
from app.store.rows.business import Audit, Picture
from app.store.rows.customers import Contact, Insert, Opened, Sent
from app.store.rows.errands import Errand, ErrandKind, Portion, Sheet
from app.store.rows.staff import Counter, CounterKind, Counting, Login, Member, Passkey, Staff, Strikes, Ticket
from app.store.rows.wallets import Alarm, GoogleClass
from app.store.tills import Tills
from app.store.transactions import Transactions
from app.store.unit import Change, Count, CountBy, CountKind, DatabaseProblem, Duplicate, Lost, Overloaded, Tally, Unit, Unstorable
from app.store.webhooks import BEHIND, ENOUGH, Facts, Heralded

__all__ = [
    "BEHIND",
    "ENOUGH",
    "MOST_FOUND",
    "SCOPES",
    "Activity",
    "Alarm",
    "ApiKey",
    "ApiSecret",
    "Audit",
    "Awaited",
    "Caller",
    "Came",
    "CardFacts",
    "Change",
    "Contact",
    "Count",
    "CountBy",
    "CountKind",
    "Counter",
    "CounterKind",
    "Counting",
    "DatabaseProblem",
    "Deed",
    "Delivery",
    "Due",
    "Duplicate",
    "Endpoint",
    "Errand",
    "ErrandKind",
    "Facts",
    "Filter",
    "Funnel",
    "GivenState",
    "GoogleClass",
    "Insert",
    "Kept",
    "Known",
    "Life",
    "Login",
    "Lost",
    "Mark",
    "Member",
    "Merge",
    "Opened",
    "Overloaded",
    "Passkey",
    "Past",
    "PeopleOrder",
    "Picture",
    "Place",
    "Portion",
    "Reach",
    "Record",
    "Reservation",
    "Results",
    "Return",
    "Returned",
    "Revised",
    "Row",
    "Sale",
    "Scope",
    "Sent",
    "Sheet",
    "Staff",
    "Status",
    "Store",
    "Strikes",
    "Tally",
    "Ticket",
    "Unit",
    "Unstorable",
]


class Store(
    Cards,
    Clearing,
    Configured,
    Customers,
    Errands,
    Exported,
    Heralded,
    History,
    Insights,
    Listed,
    People,
    Phones,
    Programmed,
    Reaching,
    Tills,
    Transactions,
    Protocol,
):
    """The database. Reads see what is committed; every write goes through ``commit`` or one of the followers' verbs."""

    async def commit(self, unit: Unit) -> int:
        """Make a unit true; its place on the clock of changes. Raises Lost, Duplicate or Overloaded, and then nothing is."""
        ...

    async def forget_kept(self, before: datetime) -> int:
        """Drop idempotency answers older than 24 hours; how many."""
        ...

    async def migrations_missing(self) -> Sequence[str]:
        """Migrations that this code has and the database has not."""
        ...

    async def close(self) -> None:
        """Finish what waits and let go of every connection."""
        ...
