"""How cards look: chosen, drawn beforehand as each wallet draws them, brought to every card, and taken from shop to shop as a file."""

import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from PIL import Image
from shop import Shop, open_shop

from app.desk import designs
from app.errands import Errands
from passes.designs import Design
from passes.wallets.google import POINTS_LABEL_SHOWN


def photo(size: tuple[int, int] = (800, 400), kind: str = "JPEG", colour: str = "#aa5533", **more: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **more)
    return out.getvalue()


async def bring(browser: httpx.AsyncClient, picture: bytes, kind: str = "image/jpeg") -> httpx.Response:
    return await browser.post("/pictures", content=picture, headers={"Content-Type": kind, "X-Fragment": "1"})


def digest(answer: httpx.Response) -> str:
    found = re.search(r'data-digest="([0-9a-f]{64})"', answer.text)
    assert found, answer.text
    return found[1]


def filled(page: str, form: str = "design", **changes: str) -> dict[str, str]:
    """What the form of a page would send, with these changes."""
    body = page[page.index(f'id="{form}"') :]
    sent: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", body[: body.index("</form>")]) + re.findall(r'<input[^>]*form="' + form + '"[^>]*>', page):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        chosen = "checked" in tag or ('type="radio"' not in tag and 'type="checkbox"' not in tag)
        if name and chosen:
            sent.setdefault(unescape(name[1]), unescape(value[1]) if value else "")
    for name, options in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', body, re.DOTALL):
        picked = re.search(r'<option value="([^"]*)" selected', options)
        sent[name] = picked[1] if picked else ""
    return {**sent, **changes}


@pytest.fixture
async def shop(sqlite_url: str, certs: Path) -> AsyncIterator[Shop]:
    """A café whose cards go to Apple's phones."""
    async with open_shop(sqlite_url, certs=str(certs)) as shop:
        yield shop


async def test_a_picture_is_kept_upright_small_and_without_what_the_camera_wrote(shop: Shop) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    exif[0x010F] = "A camera with a name"
    browser = await shop.sign_in("Minh")
    answer = await bring(browser, photo((3000, 1000), exif=exif.tobytes()))
    assert answer.status_code == 201
    async with shop.browser() as stranger:
        shown = await stranger.get(f"/pictures/{digest(answer)}.png")
    assert "immutable" in shown.headers["cache-control"]
    assert shown.headers["content-type"] == "image/jpeg"
    kept = Image.open(io.BytesIO(shown.content))
    assert kept.size == (533, 1600)
    assert not kept.getexif()
    assert digest(await bring(browser, photo((3000, 1000), exif=exif.tobytes()))) == digest(answer)


async def test_what_is_no_picture_or_a_bomb_is_refused_with_a_sentence(shop: Shop) -> None:
    browser = await shop.sign_in("Minh")
    bomb = photo((9000, 9000), "PNG")
    for content, why in ((b"GIF89a", "not a JPEG"), (bomb, "50 megapixels"), (photo()[:200], "damaged"), (photo((20, 20)), "32 pixels")):
        answer = await bring(browser, content)
        assert (answer.status_code, answer.headers["x-problem"]) == (422, "unusable_picture")
        assert why in answer.text
    assert (await browser.get(f"/pictures/{'0' * 64}.png")).status_code == 404
    cashier = shop.browser()
    assert (await bring(cashier, photo())).status_code in (401, 403)


async def test_a_design_is_drawn_before_it_is_saved_and_then_reaches_the_cards(shop: Shop) -> None:
    card = await shop.join("Hoa")
    before = await shop.desk.store.card_by_serial(
        (await shop.desk.store.card_facts(business_id=shop.business.id, number=card["number"])).card.serial
    )
    browser = await shop.sign_in("Lan")
    path = f"/programs/{shop.program.id}/design"
    page = (await browser.get(path)).text
    picture = digest(await bring(browser, photo()))
    form = filled(page, folder="photo", strip=picture, colours="own", background="#0b3d2e", state="ready", seen="en", do="preview")
    drawn = await browser.post(path, data=form)
    assert drawn.status_code == 200
    assert "Show this code" in drawn.text
    assert (await shop.desk.store.program(shop.business.id, shop.program.id)).design.folder == ""
    fragment = await browser.post(path, data={**form, "do": "save"}, headers={"X-Fragment": "1"})
    assert "<html" not in fragment.text
    assert "data:image/png;base64," in fragment.text

    saved = await browser.post(path, data={**form, "do": "save"})
    assert (saved.status_code, saved.headers["location"]) == (303, f"{path}?done=true")
    program = await shop.desk.store.program(shop.business.id, shop.program.id)
    assert (program.design.folder, program.design.background, program.design.strip) == ("photo", "#0b3d2e", picture)
    assert "The change goes to the cards" in (await browser.get(f"{path}?done=true")).text
    while await Errands(shop.desk).step():
        pass
    after = await shop.desk.store.card_by_serial(before.serial)
    assert after.version > before.version
    assert "Finished" in (await browser.get(f"{path}?done=true")).text
    (line,) = await shop.desk.store.audited(shop.business.id, what="program.changed")
    assert line.staff_id == shop.staff["Lan"].id


async def test_the_pass_is_what_the_preview_says(shop: Shop) -> None:
    browser = await shop.sign_in("Lan")
    path = f"/programs/{shop.program.id}/design"
    for folder in ("classic", "photo", "minimal", "paper"):
        page = (await browser.get(path)).text
        number = re.search(r'name="facts\.(\d+)\.key" value="contact"', page)
        form = filled(page, folder=folder, colours="own", background="#123456", state="half", seen="vi")
        form |= {f"facts.{number[1]}.label.vi": "Gọi chúng tôi"}
        drawn = (await browser.post(path, data=form, headers={"X-Fragment": "1"})).text
        assert (await browser.post(path, data={**form, "do": "save"})).status_code == 303
        card = await shop.join(f"Hoa {folder}", language="vi")
        await shop.stamp(card, 5)
        facts = await shop.desk.store.card_facts(business_id=shop.business.id, number=card["number"])
        with zipfile.ZipFile(io.BytesIO((await shop.client.get(f"/c/{facts.card.key}/card.pkpass")).content)) as file:
            content = json.loads(file.read("pass.json"))
            said = dict(re.findall(r'"(.*?)" = "(.*?)";', file.read("vi.lproj/pass.strings").decode("utf-16")))
            names = file.namelist()
        assert content["backgroundColor"] == "rgb(18, 52, 86)"
        assert ("primaryFields" in content["storeCard"]) == (folder == "minimal")
        assert ("strip@2x.png" in names) == (folder != "minimal")
        apple = drawn[drawn.index('data-wallet="apple"') : drawn.index('data-wallet="google"')]
        assert "Gọi chúng tôi" in apple
        # A reward is ready on the card and not in the preview: what both have is the same, in the same order.
        shown = [unescape(one) for one in re.findall(r"<dt>(.*?)</dt>", apple)]
        ready = (await browser.post(path, data={**form, "state": "ready"}, headers={"X-Fragment": "1"})).text
        shown = [unescape(one) for one in re.findall(r"<dt>(.*?)</dt>", ready[: ready.index('data-wallet="google"')])]
        passed = [
            said.get(field["label"], field["label"])
            for kind in ("header", "primary", "secondary", "auxiliary", "back")
            for field in content["storeCard"].get(f"{kind}Fields", [])
            if not field["key"].startswith("event.")
        ]
        assert [one for one in shown if one in passed] == [one for one in passed if one in shown]
        assert set(passed) - set(shown) == set()


async def test_facts_that_have_no_room_are_refused_beside_the_field_and_what_was_typed_is_kept(shop: Shop) -> None:
    browser = await shop.sign_in("Minh")
    path = f"/programs/{shop.program.id}/design"
    page = (await browser.get(path)).text
    rows = {key: number for number, key in re.findall(r'name="facts\.(\d+)\.key" value="(\w+)"', page)}
    crowded = {f"facts.{rows[key]}.spot": "header" for key in ("member", "number", "contact")}
    answer = await browser.post(path, data=filled(page, **crowded))
    assert answer.status_code == 422
    assert "At the top right there is room for 3 only" in answer.text
    assert f'id="facts.{rows["number"]}.spot-error"' in answer.text or f'id="facts.{rows["contact"]}.spot-error"' in answer.text
    hidden = await browser.post(path, data=filled(page, **{f"facts.{rows['terms']}.spot": "hidden"}))
    assert hidden.status_code == 422
    assert (await shop.desk.store.program(shop.business.id, shop.program.id)).design.facts == ()


async def test_colours_that_cannot_be_read_are_shifted_and_it_is_said(shop: Shop) -> None:
    browser = await shop.sign_in("Lan")
    card = await shop.join("Hoa")
    page = (await browser.get("/settings/brand")).text
    form = filled(page, "brand", background="#ffffff", foreground="#ffffee", label="#eeeeee", do="preview")
    drawn = await browser.post("/settings/brand", data=form)
    assert "could not be read on this card" in drawn.text
    assert (await browser.post("/settings/brand", data={**form, "do": "save"})).status_code == 303
    business = (await shop.desk.store.businesses())[0]
    assert business.brand.background == "#ffffff"
    assert business.brand.foreground != "#ffffee"
    ((errand, _),) = await shop.desk.store.errands(business.id, kind="redraw")
    before = await shop.desk.store.card_facts(business_id=business.id, number=card["number"])
    while await Errands(shop.desk).step():
        pass
    after = await shop.desk.store.card_facts(business_id=business.id, number=card["number"])
    assert errand.total == 1
    assert after.card.version > before.card.version
    manager = await shop.sign_in("Minh")
    assert (await manager.get("/settings/brand")).status_code == 403


async def test_a_design_goes_out_as_a_file_and_comes_in_elsewhere_to_be_looked_at_first(shop: Shop) -> None:
    browser = await shop.sign_in("Lan")
    path = f"/programs/{shop.program.id}/design"
    picture = digest(await bring(browser, photo()))
    form = filled((await browser.get(path)).text, folder="paper", strip=picture, colours="own", background="#402060")
    assert (await browser.post(path, data=form)).status_code == 303
    packed = (await browser.get(f"{path}.zip")).content
    assert zipfile.ZipFile(io.BytesIO(packed)).namelist()[0] == "design.json"
    assert (
        await browser.post(path, data=filled((await browser.get(path)).text, folder="classic", colours="brand", strip=""))
    ).status_code == 303

    async def take(body: bytes) -> httpx.Response:
        return await browser.post(f"{path}.zip", content=body, headers={"Content-Type": "application/zip", "X-Fragment": "1"})

    taken = await take(packed)
    assert taken.status_code == 200
    assert "not saved yet" in taken.text
    again = filled(taken.text)
    assert (again["folder"], again["background"]) == ("paper", "#402060")
    assert (await shop.desk.store.program(shop.business.id, shop.program.id)).design.folder == "classic"
    assert (await browser.post(path, data=again)).status_code == 303
    assert (await shop.desk.store.program(shop.business.id, shop.program.id)).design.folder == "paper"
    for wrong in (b"PK", packed[:300], _zip({}), _zip({"design.json": b'{"design": {"folder": "nowhere"}}'}), _zip({"design.json": b"[]"})):
        assert (await take(wrong)).headers["x-problem"] == "bad_design"
    directory = bytearray(_zip({"design.json": b"{}"}))
    directory[-6:-2] = (1 << 24).to_bytes(4, "little")  # it says that it begins before the file does
    assert (await take(bytes(directory))).headers["x-problem"] == "bad_design"


async def test_labels_are_as_short_as_google_shows_them_in_every_language(shop: Shop) -> None:
    offers = await designs.offers_of(shop.desk, shop.program)
    for state in designs.STATES:
        for unit in ("stamps", "points"):
            face = designs.example(shop.desk, shop.business, replace(shop.program, unit=unit), offers, state)
            labels = [one for line in face.lines if line.key in ("progress", "status", "next") for _, one in line.label.by]
            assert [one for one in labels if len(one) > POINTS_LABEL_SHOWN] == []


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return out.getvalue()


async def test_an_older_redesign_is_stopped_by_a_newer_one(shop: Shop) -> None:
    await shop.join("Hoa")
    changed = replace(shop.program, design=Design(background="#102030"))
    first = await designs.save(shop.desk, shop.staff["Lan"].id, shop.program, changed.design)
    second = await designs.save(shop.desk, shop.staff["Lan"].id, changed, shop.program.design)
    assert first
    assert second
    (newer, _), (older, _) = await shop.desk.store.errands(shop.business.id, kind="redraw")
    assert (newer.id, older.id) == (second.id, first.id)
    assert older.stopped_at is not None
