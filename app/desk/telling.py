"""What happened, in the words in which whoever listens from outside is told it: the log's kinds and the types that they are."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from passes.cards import EventKind

EventType = Literal[
    "customer.joined",
    "customer.merged",
    "card.saved",
    "card.removed",
    "card.earned",
    "card.corrected",
    "card.left",
    "reward.ready",
    "coupon.issued",
    "coupon.redeemed",
    "coupon.reversed",
    "coupon.voided",
    "coupon.extended",
    "coupon.expiring",
    "coupon.expired",
    "goodwill.given",
    "refusal.recorded",
    "message.sent",
    "campaign.finished",
]

EVENT_TYPES: Final[Mapping[EventKind, EventType]] = {
    "joined": "customer.joined",
    "saved": "card.saved",
    "stamped": "card.earned",
    "earned": "reward.ready",
    "issued": "coupon.issued",
    "redeemed": "coupon.redeemed",
    "reversed": "coupon.reversed",
    "goodwill": "goodwill.given",
    "message": "message.sent",
    "removed": "card.removed",
    "corrected": "card.corrected",
    "voided": "coupon.voided",
    "extended": "coupon.extended",
    "merged": "customer.merged",
    "left": "card.left",
    "refused": "refusal.recorded",
    "expiring": "coupon.expiring",
    "expired": "coupon.expired",
    "finished": "campaign.finished",
}
"""The one table: each kind of event in the log, and its type in the API, in exports and in webhooks."""

TYPES: Final[tuple[EventType, ...]] = get_args(EventType)
EVENT_KINDS: Final[Mapping[str, EventKind]] = {told: kind for kind, told in EVENT_TYPES.items()}
"""The same read the other way."""
