"""A business sets up its programs by itself, and a change says whom it touches before it does."""

from shop import Shop

from app.web.forms import seen


async def test_look(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    for path in ("/programs", f"/programs/{shop.program.id}", "/offers", "/offers/new", f"/offers/{shop.offers['coffee'].id}"):
        page = await owner.get(path)
        assert page.status_code == 200, page.text[-500:]
    for word in ("retail", "salon", "carwash"):
        made = await owner.post("/programs", data={"example": word})
        page = await owner.get(made.headers["location"])
        assert page.status_code == 200, page.text[-500:]
    assert seen(shop.program)
