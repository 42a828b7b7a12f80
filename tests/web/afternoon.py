"""One afternoon of a till: every call of the API at least once, in the order in which a shop would make them."""

import io
import json
from typing import Any
from uuid import UUID

import segno
from contract import Till
from shop import Shop

from app.desk import webhooks

WITHOUT = {"get_google_link": "Google's credentials: tests/wallets", "get_apple_pass": "Apple's certificate: tests/wallets"}
"""Calls that need what no shop here has; they are asked, and refuse."""


def photo(code: str) -> bytes:
    file = io.BytesIO()
    segno.make(code).save(file, kind="png", scale=8, border=4)
    return file.getvalue()


async def afternoon(shop: Shop) -> Till:
    """A till that has said everything once. A new call of the API is said here, then `make examples`."""
    till = Till(shop)
    card, cookie = await somebody_joins(till)
    await the_code_is_used(till, card, cookie)
    await a_basket(till)
    await what_there_is(till, card)
    await the_manager_puts_things_right(till, card)
    await everything_out_and_in_again(till)
    await the_next_month(till)
    await somebody_listens(till)
    for name in WITHOUT:
        await till.ask(name, which=card["number"])
    await what_is_refused(till, card["number"])
    return till


async def earned(till: Till, count: int, **sale: Any) -> tuple[dict[str, Any], list[str]]:
    """A new card with so many stamps, and the codes that it earned."""
    joined = await till.ask("join", {"program_id": str(till.shop.program.id), "name": "An Nhiên"})
    added = await till.ask("earn", {"count": count, **sale}, which=joined["card"]["number"])
    return added["card"], [one["code"] for one in added["earned"]]


async def somebody_joins(till: Till) -> tuple[dict[str, Any], str]:
    ask, program = till.ask, str(till.shop.program.id)
    await ask("who_am_i")
    person = {"name": "Nguyễn Thị Hoa", "phone": "0901 234 567", "email": "hoa@example.com", "language": "vi", "consent": True}
    joined = await ask("join", {"program_id": program, **person})
    added = await ask("earn", {"count": 5, "receipt": "R-2041"}, which=joined["card"]["number"])
    await ask("find_cards", {"phone": "0901234567"})
    await ask("find_customers", {"name": "Hoa"})
    await ask("get_card", which=joined["card"]["number"])
    return added["card"], added["earned"][0]["code"]


async def the_code_is_used(till: Till, card: dict[str, Any], cookie: str) -> None:
    ask = till.ask
    await ask("look_up", {"code": cookie})
    used = await ask("redeem", {"code": cookie, "receipt": "R-2042", "amount": 45000, "currency": "VND"}, once="sale-2042")
    await ask("get_request", key="sale-2042")
    await ask("redeem", {"code": cookie})
    await ask("reverse_redemption", {"reason": "wrong item"}, redemption_id=used["redemption"]["id"])
    _, codes = await earned(till, 5)
    await ask("redeem_photo", content=photo(codes[0]), kind="image/png")
    await ask("get_coupon", coupon_id=used["coupon"]["id"])
    await ask("get_card_story", which=card["number"])
    await ask("get_redemption", redemption_id=used["redemption"]["id"])


async def a_basket(till: Till) -> None:
    ask = till.ask
    codes = [code for _ in range(2) for code in (await earned(till, 5))[1]]
    held = await ask("reserve", {"codes": codes, "minutes": 10, "receipt": "R-2043"})
    await ask("get_reservation", reservation_id=held["id"])
    await ask("list_reservations")
    await ask("release_reservation", {}, reservation_id=held["id"])
    basket = await ask("redeem", {"codes": codes, "mode": "all", "receipt": "R-2043"})
    await ask("reverse_basket", {"reason": "the guest has changed their mind"}, basket_id=basket["basket_id"])
    await ask("redeem", {"codes": [codes[0], "K7Q-M4X-RT9"], "mode": "each"})
    await earned(till, 2, receipt="R-2044")
    await ask("return_receipt", {"receipt": "R-2044"})
    _, (code,) = await earned(till, 5)
    await a_till_of_five_actions(till, code)


async def a_till_of_five_actions(till: Till, code: str) -> None:
    async def say(action: str, transaction: int, **more: Any) -> Any:
        return await till.ask("speak_as_till", {"action": action, "transaction_id": f"T-{transaction}", **more})

    (card,) = (await say("search", 1, code=code))["cards"]
    await say("inquire", 2, card=card["number"], codes=[code], count=1)
    await say("redeem", 3, codes=[code])
    await say("accrue", 4, card=card["number"], count=1, receipt="R-2045")
    await say("reverse", 5, reverses="T-3")


async def what_there_is(till: Till, card: dict[str, Any]) -> None:
    ask, shop = till.ask, till.shop
    for name in ("list_programs", "list_offers", "list_locations", "list_redemptions", "list_refusals", "list_events"):
        await ask(name, limit=2)
    await ask("list_cards", limit=2)
    await ask("list_customers", limit=2)
    await ask("list_coupons", limit=2, state="active")
    await ask("get_program", program_id=shop.program.id)
    await ask("get_offer", offer_id=shop.offers["cookie"].id)
    await ask("get_location", location_id=shop.locations["Thảo Điền"].id)


async def the_manager_puts_things_right(till: Till, card: dict[str, Any]) -> None:
    ask, shop = till.ask, till.shop
    await ask("correct_card", {"count": 2, "reason": "forgotten yesterday"}, which=card["number"])
    given = await ask("give_coupons", {"offer_id": str(shop.offers["coffee"].id), "card_id": card["id"], "reason": "cold coffee"})
    coupon = given["coupons"][0]["id"]
    await ask("extend_coupon", {"until": "2027-06-30", "reason": "on a journey"}, coupon_id=coupon)
    await ask("void_coupon", {"reason": "given twice"}, coupon_id=coupon)
    (customer,) = (await ask("find_customers", {"phone": "0901 234 567"}))["data"]
    await ask("get_customer", customer_id=customer["id"])
    await ask("change_customer", {"name": "Nguyễn Thị Ngọc Hoa", "birthday": "04-30"}, customer_id=customer["id"])
    (newest, *_) = (await ask("list_customers", limit=1))["data"]
    await ask("erase_customer", {}, customer_id=newest["id"])


async def everything_out_and_in_again(till: Till) -> None:
    file = await till.ask("export_csv", what="customers")
    brought = await till.ask("import_csv", what="customers", content=file.encode(), kind="text/csv")
    await till.ask("get_import", import_id=brought["id"])
    await till.ask("import_bad_csv", import_id=brought["id"])


async def somebody_listens(till: Till) -> None:
    """An address hears of the whole afternoon."""
    ask, shop = till.ask, till.shop
    made = await ask("make_webhook", {"url": "https://pos.example.com/loyalty", "types": [], "description": "The till's own server"})
    webhook_id = made["webhook"]["id"]
    await ask("list_webhooks")
    await ask("get_webhook", webhook_id=webhook_id)
    await ask("change_webhook", {"types": ["coupon.redeemed", "reward.ready"]}, webhook_id=webhook_id)
    await ask("rotate_webhook_secret", {"overlap": "24h"}, webhook_id=webhook_id)
    sent = await ask("test_webhook", {}, webhook_id=webhook_id)
    await ask("list_deliveries", webhook_id=webhook_id)
    endpoint = await webhooks.endpoint(shop.desk, shop.business.id, UUID(webhook_id))
    (test,) = await shop.desk.store.deliveries(endpoint.id, state="", after=None, limit=1)
    told = await shop.desk.store.happened(shop.business.id, limit=1000)
    facts = await shop.desk.store.about([event for _, event in told])
    for delivery in (test, *(webhooks.message(shop.desk.world, endpoint, place, event, facts[event.id]) for place, event in told)):
        body, hook = json.loads(delivery.body), till.contract.hooks[delivery.type]
        assert list(till.contract.faults(hook["requestBody"]["content"]["application/json"]["schema"], body)) == [], delivery.type
        till.examples.setdefault(delivery.type, {"body": body})
    await ask("replay_delivery", {}, webhook_id=webhook_id, delivery_id=sent["id"])
    await ask("remove_webhook", webhook_id=webhook_id)


async def what_is_refused(till: Till, number: str) -> None:
    """What a till is told most often when something cannot be done."""
    ask, shop = till.ask, till.shop
    _, (code, *_) = await earned(till, 5)
    await shop.hand_out("Screen", scopes=["read"])
    await ask("redeem", {"code": code}, secret="cp_live_nobody")
    await ask("redeem", {"code": code}, secret=shop.secrets["Screen"])
    await ask("redeem", {"code": "K7Q-M4X-RT9"})
    await ask("redeem", {"code": "K7QM4XRT3"})
    await ask("redeem", {"code": number})
    await ask("redeem", {"code": code, "amount": 450, "currency": "USD"})
    await ask("redeem", {"codes": [code, "K7QM4XRT3"], "mode": "all"})
    await ask("redeem", {"reservation_id": str(UUID(int=0))})
    held = await ask("reserve", {"codes": [code]})
    await ask("redeem", {"code": code}, secret=shop.secrets["Minh"])
    await ask("release_reservation", {}, reservation_id=held["id"])
    await ask("release_reservation", {}, reservation_id=held["id"])
    used = await ask("redeem", {"code": code}, once="sale-2050")
    await ask("redeem", {"code": "K7QM4XRT3"}, once="sale-2050")
    await ask("redeem", {"code": code, "mode": "each"})
    await ask("reverse_redemption", {}, redemption_id=used["redemption"]["id"])
    await ask("reverse_redemption", {}, redemption_id=used["redemption"]["id"])
    await ask("return_receipt", {"receipt": "R-1"})
    await ask("earn", {"count": 101}, which=number)


async def the_next_month(till: Till) -> None:
    shop = till.shop
    _, (code,) = await earned(till, 5)
    shop.clock.forward(days=shop.offers["cookie"].validity.days + 1)  # type: ignore[union-attr]
    await till.ask("redeem", {"code": code})
    await till.ask("honour", {"code": code, "reason": "one day late, it rained"})
