"""A new design reaches the phones: Apple's fetch the pass, and Google has the class before the cards."""

import io

from PIL import Image
from street import Street, shown

from app.desk import designs, pictures
from app.errands import Errands
from passes.designs import Design, Fact
from passes.words import text


async def test_a_new_design_reaches_both_wallets_and_the_class_goes_first(street: Street) -> None:
    shop = street.shop
    card = await shop.join("Hoa")
    phone, saved = await street.carry(card), await street.save(card)
    out = io.BytesIO()
    Image.new("RGB", (600, 300), "#ff7711").save(out, "PNG")
    picture = await pictures.bring(shop.desk, shop.business.id, out.getvalue())
    facts = (Fact(key="progress", spot="primary", label=text(en="Beans", vi="Hạt")),)
    design = Design(folder="photo", background="#0b3d2e", strip=picture.digest, facts=facts)
    before = len(street.google.requests)
    errand = await designs.save(shop.desk, shop.staff["Lan"].id, shop.program, design)
    assert errand
    assert errand.total == 1
    while await Errands(shop.desk).step():
        pass
    await street.settle()
    await phone.until(lambda: shown(phone).background == (11, 61, 46))
    assert [field.key for field in shown(phone).primary] == ["progress"]
    strip = Image.open(io.BytesIO(shown(phone).images["strip"])).convert("RGB")
    red, green, blue = strip.getpixel((strip.width // 2, strip.height // 4))  # type: ignore[misc]
    assert red > 200 > green > blue  # theirs, as it is

    card_class = street.google.classes[street.google.objects[saved]["classId"]]
    assert card_class["hexBackgroundColor"] == "#0b3d2e"
    asked = [(one.method, one.path.rpartition("/")[0].rpartition("/")[2]) for one in street.google.requests[before:]]
    assert [one for one in asked if one[0] == "PATCH"] == [("PATCH", "loyaltyClass"), ("PATCH", "loyaltyObject")]
    assert street.google.objects[saved]["loyaltyPoints"]["label"] == "Hạt"
    hero = street.google.objects[saved]["heroImage"]["sourceUri"]["uri"]
    drawn = await shop.client.get(hero)
    assert Image.open(io.BytesIO(drawn.content)).size == (1032, 336)
