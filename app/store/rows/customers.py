"""What customers are known by, and what they were handed and sent."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Whose an e-mail address or a phone number is within a business: one customer's, who was first to give it.

    ``value`` is ``mailto:`` and the address in lower case, or ``tel:`` and the digits. A second row of the same value is a Duplicate.
    ``proven``: staff or a till wrote it down, or whose it is has opened the link of a letter to it, which has the ``id`` in it: nobody
    else knows that. Until then it may be anybody's who typed it.
    """

    id: UUID
    business_id: UUID
    value: str
    customer_id: UUID
    proven: bool = False


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign (or a program's birthday reward) has reached a card on an occasion: once, a second such row is a Duplicate.

    ``mail`` says how the e-mail of it stands, if there is one: due, sent or failed (``mail_tries`` times).
    """

    id: UUID
    business_id: UUID
    campaign_id: UUID
    card_id: UUID
    customer_id: UUID
    occasion: str
    at: datetime
    coupon_id: UUID | None = None
    mail: Literal["", "due", "sent", "failed"] = ""
    mail_tries: int = 0
    mail_at: datetime | None = None
    """When the e-mail is due, or was sent."""


class Insert(msgspec.Struct, frozen=True, kw_only=True):
    """A one-time QR on a receipt or in a delivery: who opens it gets ``gives`` stamps or points. Only its secret's SHA-256 is kept."""

    id: UUID
    business_id: UUID
    program_id: UUID
    batch_id: UUID
    secret_hash: bytes
    gives: int
    made_at: datetime
    expires_at: datetime | None = None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An insert was used: its id is the insert's, so that a second time is a Duplicate."""

    id: UUID
    business_id: UUID
    card_id: UUID
    at: datetime
