"""Who changed what, when, from what to what: in sentences, found again, and for good."""

import csv
import io
import re
from pathlib import Path

import httpx
import msgspec
import pytest
from databases import BOTH
from msgspec.structs import replace
from shop import Shop

from app.desk.audit import revise
from app.desk.telling import TYPES
from app.desk.webhooks import TEST
from app.web import audit
from passes.businesses import Brand, Location
from passes.campaigns import Campaign, Rules
from passes.designs import Design
from passes.offers import Days, Offer
from passes.programs import Program
from passes.words import text


def said(page: httpx.Response) -> list[str]:
    return re.findall(r'<th scope="row">([^<]*)</th>', page.text)


async def test_every_change_is_a_line_that_a_person_reads(shop: Shop) -> None:
    owner, manager = await shop.sign_in("Lan"), await shop.sign_in("Minh")
    an = shop.staff["An"].id
    await manager.post("/staff", data={"name": "Thu", "role": "cashier"})
    await owner.post(f"/staff/{an}/role", data={"role": "manager"})
    await manager.post(f"/staff/{shop.staff['Bình'].id}/suspend")
    await owner.post("/counters/here", data={"name": "Laptop", "location_id": str(shop.locations["Bến Thành"].id), "kind": "staff"})
    (counter,) = await shop.desk.store.counters(shop.business.id)
    await owner.post(f"/counters/{counter.id}/name", data={"name": "By the door"})
    await owner.post(f"/counters/{counter.id}/revoke")
    await owner.post("/counters/mode", data={"asks_first": "true"})
    await owner.post("/staff/limits", data={"goodwill": "3"})
    cookie = shop.offers["cookie"]
    became = replace(cookie, title=text(en="Big cookie", vi="Bánh quy to"), validity=Days(45), most=100)
    await revise(shop.desk, shop.staff["Minh"].id, "offer.changed", (cookie, became))
    drafted = {"name": "For Hoa", "message.en": "Hello", "message.vi": "Chào"}
    made = await owner.post("/campaigns", data=drafted)
    await owner.post(f"{made.headers['location']}/edit", data=drafted | {"name": "For Mai", "email": "true"})
    birthday = await owner.post("/campaigns?kind=birthday", data={"name": "Cake", "message.en": "Happy birthday", "days": "0"})
    written = (await owner.get(birthday.headers["location"])).text
    assert "It is not written in Tiếng Việt" in written
    await owner.post(f"{birthday.headers['location']}/send")
    page = await owner.get("/audit")
    lines = [line for line in said(page) if " the key " not in line]
    assert lines[:13] == [
        "Lan started the campaign Cake",
        "Lan made the campaign Cake",
        "Lan changed the campaign For Mai",
        "Lan made the campaign For Mai",
        "Minh changed the offer Big cookie",
        "Lan changed how often one of the staff may do something",
        "Lan changed the business",
        "Lan revoked the counter By the door",
        "Lan changed the counter By the door",
        "Lan made the counter Laptop",
        "Minh suspended Bình",
        "Lan changed An",
        "Minh invited Thu",
    ]
    plain = re.sub(r"<[^>]+>", " ", page.text)
    changes = (r"Role\s+Cashier\s+→\s+Manager", r"Counters ask first\s+no\s+→\s+yes", r"Limits a day: Goodwill\s+3", r"Name\s+Laptop\s+→")
    changes += (
        r"Also by e-mail\s+no\s+→\s+yes",
        r"Name\s+something else \(not kept here\)",
        r"Name\s+\(not kept here\)",
        r"State\s+Draft",
        r"State\s+Off\s+→\s+On",
    )
    changes += (r"Title\s+Free cookie\s+→\s+Big cookie", r"Validity: Days\s+\d+\s+→\s+45", r"At most\s+100")
    for change in changes:
        assert re.search(change, plain), change
    assert "secret" not in page.text


@BOTH
async def test_the_audit_is_filtered_paged_and_exported(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    minh = shop.staff["Minh"].id
    for number in range(60):
        shop.clock.forward(minutes=1)
        was, shop.offers["cookie"] = shop.offers["cookie"], replace(shop.offers["cookie"], most=number + 1)
        await revise(shop.desk, minh, "offer.changed", (was, shop.offers["cookie"]))
    shop.clock.forward(days=3)
    await owner.post("/counters/mode", data={"asks_first": "true"})
    first = await owner.get(f"/audit?who={minh}&kind=offer")
    assert len(said(first)) == 50
    (older,) = re.findall(r'href="(/audit\?[^"]*after=[^"]*)"', first.text)
    assert len(said(await owner.get(older.replace("&amp;", "&")))) == 10
    assert said(await owner.get("/audit?kind=business")) == ["Lan changed the business"]
    assert len(said(await owner.get("/audit?until=2026-11-20&kind=offer"))) == 50
    assert said(await owner.get("/audit?since=2026-11-23")) == ["Lan changed the business"]
    assert "Nothing fits all of this" in (await owner.get("/audit?kind=campaign")).text
    assert (await owner.get("/audit?after=nonsense")).status_code == 400
    exported = await owner.get("/audit/export.csv?kind=offer")
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(exported.content.decode("utf-8-sig"))))
    assert len(rows) == 60
    assert rows[0] | {"When": ""} == {"When": "", "Who": "Minh", "What": rows[0]["What"], "Field": "At most", "From": "59", "To": "60"}


async def test_only_owners_read_the_audit(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    for path in ("/audit", "/audit/export.csv", "/staff/limits"):
        assert (await manager.get(path)).status_code == 403


def test_every_word_that_is_written_is_said() -> None:
    things = "|".join(audit.THINGS | {"staff": ""})
    written = {
        one
        for path in (Path(__file__).parents[2] / "app").rglob("*.py")
        for one in re.findall(rf'"((?:{things})\.[a-z]+)"', path.read_text(encoding="utf-8"))
        if not one.endswith((".html", ".csv", ".pdf", ".json", ".zip", ".pkpass", ".pem"))
    }
    assert "offer.changed" in written
    written -= {*TYPES, TEST}  # what webhooks are told has words of its own
    assert [one for one in sorted(written) if one.partition(".")[2] not in audit.DONE] == []


@pytest.mark.parametrize("thing", [Brand, Campaign, Design, Location, Offer, Program, Rules])
def test_every_field_of_what_is_changed_has_a_name(thing: type[msgspec.Struct]) -> None:
    assert {field.name for field in msgspec.structs.fields(thing)} - {"id", "business_id"} <= set(audit.FIELDS)
