"""What happened, in the words in which whoever listens from outside is told it: the log's kinds and the types that they are."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from passes.cards import EventKind
from passes.words import N_

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

SENTENCES: Final[Mapping[str, str]] = {
    "customer.joined": N_("A customer joined."),
    "customer.merged": N_("Two customers were made one."),
    "card.saved": N_("A card was saved to a phone."),
    "card.removed": N_("A card was removed from a phone."),
    "card.earned": N_("Stamps or points were added."),
    "card.corrected": N_("Stamps or points were corrected."),
    "card.left": N_("A customer left the program."),
    "reward.ready": N_("A reward was earned."),
    "coupon.issued": N_("A coupon was given."),
    "coupon.redeemed": N_("A coupon was redeemed."),
    "coupon.reversed": N_("A redemption was taken back."),
    "coupon.voided": N_("A coupon was cancelled."),
    "coupon.extended": N_("A coupon was extended."),
    "coupon.expiring": N_("A coupon ends soon."),
    "coupon.expired": N_("A coupon has ended."),
    "goodwill.given": N_("An expired coupon was honoured."),
    "refusal.recorded": N_("A code was refused."),
    "message.sent": N_("A message was sent to a card."),
    "campaign.finished": N_("A campaign has reached everybody."),
}
"""Each type in a sentence."""
