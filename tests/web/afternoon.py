"""One afternoon of a till: every call of the API at least once, in the order in which a shop would make them."""

import io
from typing import Any
from uuid import UUID

import segno
from contract import Till
from shop import Shop

WITHOUT = {"google_link": "Google's credentials: tests/wallets", "apple_pass": "Apple's certificate: tests/wallets"}
"""Calls that need what no shop here has; they are asked, and refuse."""


def photo(code: str) -> bytes:
    file = io.BytesIO()
    segno.make(code).save(file, kind="png", scale=8, border=4)
    return file.getvalue()


async def afternoon(shop: Shop) -> Till:
    """A till that has said everything once. A new call of the API is said here, then `make examples`."""
    till = Till(shop)
    ask = till.ask
    joined = await ask("join", {"program_id": str(shop.program.id), "name": "Nguyễn Thị Hoa", "phone": "0901 234 567", "language": "vi"})
    card = joined["card"]
    earned = await ask("earn", {"count": 10}, which=card["number"])
    cookie, coffee = (one["code"] for one in earned["earned"])
    await ask("card", which=card["number"])
    await ask("look_up", {"code": cookie})
    used = await ask("redeem", {"code": cookie})
    await ask("redeem", {"code": cookie})
    await ask("take_back", {"reason": "wrong item"}, redemption_id=used["redemption"]["id"])
    await ask("redeem_photo", content=photo(coffee), kind="image/png")
    await ask("coupon", coupon_id=used["coupon"]["id"])
    await ask("card_story", which=card["number"])
    await expired(shop, UUID(used["coupon"]["id"]))
    await ask("honour", {"code": cookie, "reason": "one day late, it rained"})
    for name in WITHOUT:
        await ask(name, which=card["number"])
    return till


async def expired(shop: Shop, coupon_id: UUID) -> Any:
    """The day after the coupon ended."""
    shop.clock.forward(days=shop.offers["cookie"].validity.days + 1)  # type: ignore[union-attr]
