"""What the document of the API calls things, and what it says of them where no Struct and no docstring does."""

from collections.abc import Mapping
from typing import Any, Final

from app.desk.telling import SENTENCES

Json = dict[str, Any]

ABOUT: Final = """\
Loyalty cards, coupons and redeem codes for tills and other programs of a business.

**Who asks**: `Authorization: Bearer cp_live_…` or `cp_test_…`. A key belongs to one business, stands at one location, and may do what
its scopes say. A test key sees a twin of the business in which nothing counts.

**A request sent twice counts once**: every call that changes something takes an `Idempotency-Key`. Sent again with the same key, the
same request gets the same answer with `Idempotent-Replayed: true`, even if it was a refusal. After a time-out or a 5xx: send it again.

**Lists** are pages: `limit`, and `after` with the `next` of the page before. `fields=id,code` keeps only these fields of what is
read; such an answer is `application/vnd.counterpass.fields+json`.

**Times** are RFC 3339 in the zone of the business, **money** is integer minor units of its currency, and sentences are in the language
of `Accept-Language`. Fields and parameters that are not known are refused.

**What cannot be done** is `application/problem+json` (RFC 9457): `word` is for programs and never changes, `detail` is for staff, `say`
may be read out to the customer, and `type` leads to an explanation."""

HEADERS: Final[Mapping[str, Json]] = {
    "Request-Id": {"description": "Which request this was: so the log calls it, too.", "schema": {"type": "string", "format": "uuid"}},
    "RateLimit-Policy": {"description": "How often this key may ask: `q` requests in `w` seconds.", "schema": {"type": "string"}},
    "RateLimit": {
        "description": "`r` requests are left, and in `t` seconds all of them again (of a 429: the next one).",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds after which to ask again.", "schema": {"type": "integer", "minimum": 0}},
    "ETag": {"description": "What this is now; bring it back as `If-None-Match`.", "schema": {"type": "string"}},
    "Idempotent-Replayed": {
        "description": "`true`: this is the answer that the same request had before.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "WWW-Authenticate": {"description": "How to say who asks.", "schema": {"type": "string"}},
}
SCOPE_WORDS: Final[Mapping[str, str]] = {
    "read": "see customers, cards, coupons and what happened",
    "earn": "join customers, add stamps or points, take a receipt back",
    "redeem": "look up, reserve, redeem and reverse",
    "issue": "give coupons",
    "manage": "correct, void and extend, change and erase customers, webhooks, exports and imports",
}
IN_PATHS: Final[Mapping[str, tuple[str, Json]]] = {
    "which": ("The card's id or its number.", {"minLength": 1, "maxLength": 200}),
    "key": ("The Idempotency-Key that was sent.", {"minLength": 1, "maxLength": 255}),
    "what": ("Which of them.", {}),
}
"""Parameters of paths that are not simply the id of something."""
ACCEPT_LANGUAGE: Final[Json] = {
    "name": "Accept-Language",
    "in": "header",
    "description": "The language of titles and sentences, English if it is none of ours.",
    "schema": {"type": "string"},
    "example": "vi",
}
KEY: Final = r'^("([ !#-\[\]-~]|\\["\\])+"|[!#-+\--~]([ !#-+\--~]*[!#-+\--~])?)$'
"""An Idempotency-Key as ``wire.key_of`` reads it."""
IDEMPOTENCY_KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "A new one for each thing to be done, the same one when it is sent again: a UUID is good. Kept for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": KEY},
    "example": "3f0f5b0e-6d0c-4a51-9b52-9f2d1c8f6a2e",
}
IF_NONE_MATCH: Final[Json] = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of what you have: 304 without a body if it is still so.",
    "schema": {"type": "string"},
}
IF_MATCH: Final[Json] = {
    "name": "If-Match",
    "in": "header",
    "description": "The `ETag` of what you have seen: nothing is changed if it is another one by now.",
    "schema": {"type": "string"},
}
NAMES: Final[Mapping[str, str]] = {
    "GET /me": "who_am_i",
    "POST /cards/search": "find_cards",
    "GET /cards": "list_cards",
    "GET /cards/{which}": "get_card",
    "GET /cards/{which}/story": "get_card_story",
    "GET /cards/{which}/apple": "get_apple_pass",
    "GET /cards/{which}/google": "get_google_link",
    "POST /cards/{which}/corrections": "correct_card",
    "POST /customers/search": "find_customers",
    "GET /customers": "list_customers",
    "GET /customers/{customer_id}": "get_customer",
    "PATCH /customers/{customer_id}": "change_customer",
    "POST /customers/{customer_id}/erasure": "erase_customer",
    "GET /redemptions": "list_redemptions",
    "GET /redemptions/{redemption_id}": "get_redemption",
    "POST /redemptions": "redeem",
    "POST /redemptions/{redemption_id}/reversal": "reverse_redemption",
    "POST /baskets/{basket_id}/reversal": "reverse_basket",
    "GET /refusals": "list_refusals",
    "POST /reservations": "reserve",
    "GET /reservations": "list_reservations",
    "GET /reservations/{reservation_id}": "get_reservation",
    "POST /reservations/{reservation_id}/release": "release_reservation",
    "POST /returns": "return_receipt",
    "GET /coupons": "list_coupons",
    "POST /coupons": "give_coupons",
    "GET /coupons/{coupon_id}": "get_coupon",
    "POST /coupons/{coupon_id}/void": "void_coupon",
    "POST /coupons/{coupon_id}/extend": "extend_coupon",
    "GET /programs": "list_programs",
    "GET /programs/{program_id}": "get_program",
    "GET /offers": "list_offers",
    "GET /offers/{offer_id}": "get_offer",
    "GET /locations": "list_locations",
    "GET /locations/{location_id}": "get_location",
    "GET /events": "list_events",
    "GET /requests/{key}": "get_request",
    "GET /exports/{what}": "export_csv",
    "POST /imports": "import_csv",
    "GET /imports/{import_id}/bad": "import_bad_csv",
    "GET /imports/{import_id}": "get_import",
    "GET /webhooks": "list_webhooks",
    "POST /webhooks": "make_webhook",
    "GET /webhooks/{webhook_id}": "get_webhook",
    "PATCH /webhooks/{webhook_id}": "change_webhook",
    "DELETE /webhooks/{webhook_id}": "remove_webhook",
    "POST /webhooks/{webhook_id}/secret": "rotate_webhook_secret",
    "POST /webhooks/{webhook_id}/test": "test_webhook",
    "GET /webhooks/{webhook_id}/deliveries": "list_deliveries",
    "POST /webhooks/{webhook_id}/deliveries/{delivery_id}/replay": "replay_delivery",
    "POST /till": "speak_as_till",
}
"""The operationId of a call where the function's own name would say too little in somebody's generated client. It never changes."""
SCHEMAS: Final[Mapping[str, str]] = {
    "Asks": "JoinFields",
    "AtLocation": "KeyLocation",
    "BadLine": "ImportFault",
    "CatalogueOffer": "Offer",
    "Correct": "CorrectCard",
    "Data": "WebhookData",
    "Days": "ValidDays",
    "EntryView": "LedgerEntry",
    "EventView": "CardEvent",
    "Extend": "ExtendCoupon",
    "Give": "GiveCoupons",
    "Happened": "CouponEvent",
    "HeldCard": "CustomerCard",
    "Honour": "HonourCoupon",
    "Links": "CardLinks",
    "LoggedEvent": "Event",
    "Me": "Key",
    "Months": "ValidMonths",
    "Nothing": "Empty",
    "OfBusiness": "KeyBusiness",
    "OfferView": "CouponOffer",
    "ProblemDocument": "Problem",
    "Receipt": "Redeemed",
    "RedemptionLine": "RedemptionRecord",
    "RefusalLine": "Refusal",
    "ResultView": "BasketResult",
    "ResultsView": "BasketResults",
    "Return": "ReturnGoods",
    "ReturnView": "Returned",
    "ReturnedView": "ReturnedCard",
    "Reverse": "ReverseRedemption",
    "RollSecret": "RotateWebhookSecret",
    "Story": "CardStory",
    "Told": "WebhookMessage",
    "Unlimited": "ValidForever",
    "Until": "ValidUntil",
    "Void": "VoidCoupon",
    "Window": "OfferHours",
    "WorksAs": "KeyStaff",
}
"""What a schema is called where the Struct's own name, without its "View", says too little in somebody's generated client."""
EVENT_WORDS: Final[Mapping[str, str]] = {**SENTENCES, "webhook.test": "Somebody tries the webhook out; nothing has happened."}
"""What is told to webhooks, in a sentence each."""
SIGNED: Final[Mapping[str, str]] = {
    "webhook-id": "The id of the message; the same when it is sent again.",
    "webhook-timestamp": "Seconds since 1970: when this was sent.",
    "webhook-signature": "`v1,` and the signature in base64; two of them, with a space between, while a secret is rolled.",
}
