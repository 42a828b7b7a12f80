"""Whatever people write, on whatever page it lands, is only ever text."""

import re
from typing import Any
from uuid import uuid4

from litestar.routes import HTTPRoute
from msgspec.structs import replace
from shop import Shop
from test_campaigns import work

from passes.words import text

HOSTILE = """"'><img src=x onerror=alert(1)>{{7*7}}${x}"""
ALIVE = re.compile(r"""<img src=x|=[^"'\s>]*'><img|49\$""")
PAGES = 30
"""On so many at least it stands."""
FORMULA = re.compile(r'(^|,)"?[=+@]', re.MULTILINE)


def routes(app: Any) -> list[HTTPRoute]:
    while not hasattr(app, "routes"):
        app = app.app if hasattr(app, "app") else app._app
    return [one for one in app.routes if isinstance(one, HTTPRoute) and "GET" in one.methods]


async def test_what_people_write_is_text_on_every_page_and_no_formula_in_any_table(shop: Shop) -> None:
    said = text(en=HOSTILE, vi=HOSTILE)
    await shop.change_business(name=HOSTILE, contact=HOSTILE)
    for which in shop.offers:
        await shop.change_offer(which, title=said, terms=said, alone=True)
    assert await shop.desk.store.revise([(shop.program, replace(shop.program, name=said, terms=said))])
    places = [(one, replace(one, name=HOSTILE, address=HOSTILE)) for one in shop.locations.values()]
    assert await shop.desk.store.revise(places)
    card, _ = await shop.join(HOSTILE, email="a'b`{|}@example.com"), await shop.join("=1+1")
    facts = await shop.desk.store.card_facts(card_id=card["id"])
    assert facts
    told = replace(facts.customer, note=HOSTILE, consent_at=shop.clock())
    assert await shop.desk.store.revise([(facts.customer, told)])
    owner = await shop.sign_in("Lan")
    message = {"name": HOSTILE, "message.en": HOSTILE, "message.vi": HOSTILE, "offer_id": str(shop.offers["cookie"].id)}
    campaign = (await owner.post("/campaigns", data=message)).headers["location"]
    assert (await owner.post(f"{campaign}/send")).status_code == 303
    assert (await owner.post("/segments", data={"name": HOSTILE})).status_code == 303
    codes = {"offer_id": str(shop.offers["cookie"].id), "codes": f"{HOSTILE}\n=cmd|x\n"}
    brought = (await owner.post("/coupons/import", data=codes)).headers["location"]
    await work(shop)
    await shop.redeem((await shop.stamp(card, 10))["earned"][0]["code"])
    await shop.redeem(HOSTILE)
    facts = await shop.desk.store.card_facts(card_id=card["id"])
    assert facts
    ids = {
        "program_id": shop.program.id,
        "offer_id": shop.offers["cookie"].id,
        "customer_id": facts.customer.id,
        "campaign_id": campaign.rpartition("/")[2],
        "location_id": next(iter(shop.locations.values())).id,
        "coupon_id": facts.coupons[0].id,
        "given_id": facts.coupons[0].id,
        "import_id": brought.rpartition("/")[2],
        "card_id": facts.card.id,
        "key": facts.card.key,
    }
    shown = 0
    for route in routes(shop.client._transport.app):
        if "live" in route.path or route.path.startswith(("/static", "/api", "/apple", "/art")):
            continue
        path = re.sub(r"\{(\w+):\w+\}", lambda one: str(ids.get(one[1], uuid4())), route.path)
        answer = await owner.get(path)
        kind = answer.headers.get("content-type", "")
        assert answer.status_code < 500, path
        assert not ("html" in kind and ALIVE.search(answer.text)), path
        assert not ("csv" in kind and FORMULA.search(answer.text)), path
        shown += "html" in kind and "&lt;img src=x" in answer.text
    for path in ("/customers/export.csv", "/redemptions/export.csv"):
        answer = await owner.post(path)
        assert (answer.status_code, FORMULA.search(answer.text)) == (200, None)
    assert shown > PAGES
