"""Every row that there is; those that only the house knows are kept in this package, by subject."""

from app.store.rows.api import ApiKey, ApiSecret, Delivery, Endpoint, Kept, Reservation, Return, Sale
from app.store.rows.business import Audit, Picture
from app.store.rows.customers import Contact, Insert, Opened, Sent
from app.store.rows.errands import Errand, Portion, Sheet
from app.store.rows.staff import Counter, Login, Passkey, Staff, Ticket
from passes.businesses import Business, Location
from passes.campaigns import Campaign, Segment
from passes.cards import Card, Customer, Entry, Event
from passes.coupons import Coupon, Redemption, Refusal, Reversal
from passes.offers import Offer
from passes.programs import Program
from passes.wallets.base import Installation

Row = (
    Business
    | Location
    | Staff
    | ApiKey
    | ApiSecret
    | Sale
    | Return
    | Reservation
    | Endpoint
    | Delivery
    | Program
    | Offer
    | Customer
    | Card
    | Coupon
    | Redemption
    | Reversal
    | Refusal
    | Entry
    | Event
    | Kept
    | Installation
    | Login
    | Passkey
    | Counter
    | Ticket
    | Contact
    | Picture
    | Errand
    | Portion
    | Sheet
    | Sent
    | Insert
    | Opened
    | Audit
    | Campaign
    | Segment
)

Revised = Business | Location | Program | Offer | Customer | Contact | Campaign | Segment
"""What is written anew as a whole (Store.revise); everything else only grows, or changes by a Change."""
