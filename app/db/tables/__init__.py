"""The tables, as Piccolo knows them: they define the schema, the migrations and the plain reading queries.

Every table carries ``business_id``, except the clock, the alarms, the nonces and the strikes, which belong to the installation.
What is configured (business, location, staff, program, offer) is one JSON ``body`` of its Struct beside the few columns
that are searched, so that a field can be added with a default and without a migration. What is written at the counter
has a column for each field of its Struct, in the order of the fields, and then what only the database knows.

There are no foreign keys: on PostgreSQL each one takes a share lock on the row it names, so that every redemption of a
business would lock the same few rows of its offers, staff and locations; the units name only rows that were just read, and nothing
that is named is ever deleted. Texts have no length here: SQLite would not enforce it (the Structs and the web do).
"""

from typing import Final

from piccolo.table import Table

from app.db.tables.api import ApiKey, ApiSecret, Delivery, Endpoint, Kept, Reservation, Return, Sale
from app.db.tables.business import Audit, Business, Campaign, Location, Offer, Picture, Program, Segment
from app.db.tables.counts import CLOCK, Clock, DayCount, Tally
from app.db.tables.coupons import Coupon, Redemption, Refusal, Reversal
from app.db.tables.customers import Card, Contact, Customer, Entry, Event, Insert, Opened, Sent
from app.db.tables.errands import Errand, Portion, Sheet
from app.db.tables.staff import Counter, Login, Passkey, Staff, Strike, Ticket
from app.db.tables.wallets import Alarm, GoogleClass, Installation, Nonce

__all__ = [
    "CLOCK",
    "TABLES",
    "Alarm",
    "ApiKey",
    "ApiSecret",
    "Audit",
    "Business",
    "Campaign",
    "Card",
    "Clock",
    "Contact",
    "Counter",
    "Coupon",
    "Customer",
    "DayCount",
    "Delivery",
    "Endpoint",
    "Entry",
    "Errand",
    "Event",
    "GoogleClass",
    "Insert",
    "Installation",
    "Kept",
    "Location",
    "Login",
    "Nonce",
    "Offer",
    "Opened",
    "Passkey",
    "Picture",
    "Portion",
    "Program",
    "Redemption",
    "Refusal",
    "Reservation",
    "Return",
    "Reversal",
    "Sale",
    "Segment",
    "Sent",
    "Sheet",
    "Staff",
    "Strike",
    "Tally",
    "Ticket",
]

TABLES: Final[tuple[type[Table], ...]] = (
    Business,
    Location,
    Staff,
    Login,
    Passkey,
    Counter,
    Ticket,
    Strike,
    Program,
    Offer,
    ApiKey,
    ApiSecret,
    Sale,
    Return,
    Reservation,
    Endpoint,
    Delivery,
    Customer,
    Card,
    Coupon,
    Redemption,
    Reversal,
    Refusal,
    Entry,
    Event,
    Kept,
    Installation,
    Tally,
    DayCount,
    Contact,
    Picture,
    Errand,
    Portion,
    Sheet,
    Sent,
    Insert,
    Opened,
    Audit,
    Campaign,
    Segment,
    GoogleClass,
    Alarm,
    Nonce,
    Clock,
)
