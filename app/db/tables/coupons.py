"""Coupons, and what became of each code that was presented."""

from piccolo.columns import UUID, Text, Timestamptz
from piccolo.table import Table


class Coupon(Table, tablename="coupon"):
    """One right to one offer."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    offer_id = UUID(default=None)
    card_id = UUID(default=None, null=True)
    customer_id = UUID(default=None, null=True)
    code = Text(default=None)
    state = Text(default=None)
    issued_at = Timestamptz(default=None)
    valid_from = Timestamptz(default=None, null=True)
    expires_at = Timestamptz(default=None, null=True)
    redemption_id = UUID(default=None, null=True)
    voided_at = Timestamptz(default=None, null=True)
    batch_id = UUID(default=None, null=True)
    held_by = UUID(default=None, null=True)
    held_until = Timestamptz(default=None, null=True)


class Redemption(Table, tablename="redemption"):
    """The record that a coupon was used."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    coupon_id = UUID(default=None)
    card_id = UUID(default=None, null=True)
    kind = Text(default=None)
    at = Timestamptz(default=None)
    location_id = UUID(default=None)
    staff_id = UUID(default=None)
    counter_id = UUID(default=None)
    channel = Text(default=None)
    reason = Text(default=None)
    offer_id = UUID(default=None, null=True)
    customer_id = UUID(default=None, null=True)
    basket_id = UUID(default=None, null=True)


class Reversal(Table, tablename="reversal"):
    """The record that takes a redemption back."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    redemption_id = UUID(default=None)
    coupon_id = UUID(default=None)
    at = Timestamptz(default=None)
    location_id = UUID(default=None)
    staff_id = UUID(default=None)
    counter_id = UUID(default=None)
    reason = Text(default=None)
    redeemed_at = Timestamptz(default=None, null=True)


class Refusal(Table, tablename="refusal"):
    """The record that a code was presented and not redeemed. ``sought`` is what was presented if it is no coupon's, as codes are kept."""

    id = UUID(primary_key=True, default=None)
    business_id = UUID(default=None)
    presented = Text(default=None)
    coupon_id = UUID(default=None, null=True)
    word = Text(default=None)
    at = Timestamptz(default=None)
    location_id = UUID(default=None)
    staff_id = UUID(default=None)
    counter_id = UUID(default=None)
    channel = Text(default=None)
    offer_id = UUID(default=None, null=True)
    customer_id = UUID(default=None, null=True)
    sought = Text(default="")
