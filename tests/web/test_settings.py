"""What an owner decides: settings and locations, each change in the audit, nothing that was promised touched unsaid."""

import re
from typing import Any

import httpx
import pytest
from databases import BOTH
from msgspec.structs import replace
from shop import Shop

from app.desk import settings
from app.store import Audit, Unit
from passes.businesses import Business

SAID = {
    "name": "Cà Phê Sáng",
    "zone": "Asia/Ho_Chi_Minh",
    "currency": "VND",
    "languages": ["vi", "en"],
    "first": "vi",
    "contact": "028 1234 5678",
    "quiet_from": "22:00",
    "quiet_until": "07:30",
    "weekly": "3",
    "honour": "everyone",
    "honour_days": "14",
    "asks_first": "true",
}


async def business(shop: Shop) -> Business:
    (there,) = [one for one in await shop.desk.store.businesses() if one.id == shop.business.id]
    return there


async def lines(shop: Shop) -> list[Audit]:
    return list(await shop.desk.store.audited(shop.business.id, limit=20))


@BOTH
async def test_settings_are_saved_and_stand_in_the_audit(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    answer = await owner.post("/settings", data=SAID)
    assert answer.status_code == 303, answer.text
    became = await business(shop)
    assert (became.weekly, became.honour, became.honour_days, became.asks_first) == (3, "everyone", 14, True)
    assert (became.quiet_from.isoformat("minutes"), became.quiet_until.isoformat("minutes")) == ("22:00", "07:30")
    assert became.languages == ("vi", "en")
    (line,) = [one for one in await lines(shop) if one.what == "business.changed"]
    assert "honour_days" in line.became
    assert "contact" not in line.became, "what stayed is not in it"


async def test_another_zone_or_currency_says_what_it_touches_before_it_is_saved(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    await shop.cookie()
    answer = await owner.post("/settings", data={**SAID, "zone": "Europe/Berlin", "currency": "EUR"})
    assert answer.status_code == 422
    assert "Coupons that are out: 1." in answer.text
    assert "Nothing is converted" in answer.text
    assert (await business(shop)).zone == "Asia/Ho_Chi_Minh"
    answer = await owner.post("/settings", data={**SAID, "zone": "Europe/Berlin", "currency": "EUR", "sure": "true"})
    assert answer.status_code == 303
    assert ((await business(shop)).zone, (await business(shop)).currency) == ("Europe/Berlin", "EUR")


async def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_saved(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    answer = await owner.post("/settings", data={**SAID, "name": " ", "weekly": "99"})
    assert answer.status_code == 422
    assert set(re.findall(r'id="([\w.]+)-error"', answer.text)) == {"name", "weekly"}
    assert (await business(shop)).weekly == 2


async def test_settings_and_locations_are_the_owners(shop: Shop) -> None:
    manager = await shop.sign_in("Minh")
    for path in ("/settings", "/locations"):
        assert (await manager.get(path)).status_code == 403
        assert (await manager.post(path, data=SAID)).status_code == 403
        assert f'href="{path}"' not in (await manager.get("/counters")).text


async def change(owner: httpx.AsyncClient, path: str, **said: str) -> int:
    return (await owner.post(path, data=said)).status_code


class Falling:
    """A database of a process that falls just after the first thing that it has recorded."""

    def __init__(self, shop: Shop) -> None:
        self._store = shop.desk.store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, unit: Unit) -> int:
        await self._store.commit(unit)
        raise ConnectionError

    async def revise(self, *args: Any) -> bool:
        await self._store.revise(*args)
        raise ConnectionError


async def test_a_location_is_recorded_with_what_brings_it_to_the_cards(shop: Shop) -> None:
    await shop.join("Hoa")
    (owner,) = await shop.desk.store.members(staff_id=shop.staff["Lan"].id)
    desk = replace(shop.desk, store=Falling(shop))
    with pytest.raises(ConnectionError):
        await settings.add_location(desk, owner, name="Phú Nhuận", latitude=10.8, longitude=106.7)
    with pytest.raises(ConnectionError):
        await settings.close_location(desk, owner, shop.locations["Bến Thành"].id)
    assert len(await shop.desk.store.errands(shop.business.id, kind="redraw")) == 2


async def test_a_location_is_added_changed_closed_and_reopened(shop: Shop) -> None:
    owner = await shop.sign_in("Lan")
    assert await change(owner, "/locations", name="Phú Nhuận", address="2 Hồ Văn Huê", latitude="10,7992", longitude="106.6803") == 303
    (new,) = [one for one in await shop.desk.store.locations(shop.business.id) if one.name == "Phú Nhuận"]
    assert (new.latitude, new.longitude) == (10.7992, 106.6803)
    assert await change(owner, "/locations", name="Nowhere", latitude="91", longitude="0") == 422
    assert await change(owner, f"/locations/{new.id}", name="Phú Nhuận", latitude="10.8") == 422
    there = shop.locations["Bến Thành"]
    counter = await shop.enrol()
    assert await change(owner, f"/locations/{there.id}/close") == 303
    assert (await counter.get("/counter")).status_code != 200, "a counter of a closed location stops working"
    form = {"name": "Till 2", "location_id": str(there.id), "kind": "staff"}
    assert (await owner.post("/counters", data=form)).status_code == 404
    others = [one for one in await shop.desk.store.locations(shop.business.id) if not one.closed]
    for one in others:
        assert await change(owner, f"/locations/{one.id}/close") == 303
    for path in ("/counters", "/keys/new"):
        assert "No location is open" in (await owner.get(path)).text
    assert await change(owner, f"/locations/{there.id}/reopen") == 303
    assert (await owner.post("/counters", data=form)).status_code == 200
    said = [one.what for one in await lines(shop)]
    assert (said.count("location.made"), said.count("location.changed")) == (1, 2 + len(others))
