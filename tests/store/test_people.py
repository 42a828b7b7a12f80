"""Who is there: people and what they sign in with, passkeys, counters, one-time links, guesses."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from cafe import NOON, Cafe
from msgspec.structs import replace

from app.store import Counter, Counting, Duplicate, Login, Member, Passkey, Staff, Store, Strikes, Ticket
from app.world import new_id
from passes.businesses import Role

HOUR = timedelta(hours=1)


async def hired(cafe: Cafe, name: str, role: Role = "manager", **given: Any) -> Member:
    person = Staff(id=new_id(), business_id=cafe.business.id, name=name, role=role)
    login = Login(id=person.id, business_id=person.business_id, **given)
    await cafe.commit(person, login)
    return Member(staff=person, login=login, business=cafe.business)


def counter(cafe: Cafe, name: str = "Till 1", **given: Any) -> Counter:
    return Counter(
        **{
            "id": new_id(),
            "business_id": cafe.business.id,
            "location_id": cafe.location.id,
            "name": name,
            "kind": "staff",
            "secret_hash": new_id().bytes * 2,
            "created_at": NOON,
            **given,
        }
    )


def ticket(cafe: Cafe, **given: Any) -> Ticket:
    return Ticket(
        id=new_id(),
        business_id=cafe.business.id,
        kind="counter",
        secret_hash=new_id().bytes * 2,
        made_by=cafe.an.id,
        made_at=NOON,
        expires_at=NOON + HOUR,
        **given,
    )


async def test_members_are_found_by_business_by_id_and_by_address(store: Store) -> None:
    one, other = await Cafe(store).open(), await Cafe(store).open()
    binh = await hired(one, "Bình", email="binh@sang.vn")
    chi = await hired(one, "Chi", email="chi@sang.vn")
    there = await hired(other, "Bình", email="binh@sang.vn")
    assert await store.members(business_id=one.business.id) == [binh, chi]
    assert await store.members(staff_id=chi.staff.id) == [chi]
    assert await store.members(email="binh@sang.vn") == [binh, there]
    assert await store.members(email="binh@sang.vn", business_id=other.business.id) == [there]
    assert await store.members(business_id=one.business.id, staff_id=there.staff.id) == []
    assert await store.members(email="") == [] == await store.members(email="nobody@sang.vn")
    with pytest.raises(ValueError, match="whose"):
        await store.members()


async def test_a_member_is_written_anew_by_one_of_two_who_saw_the_same(cafe: Cafe) -> None:
    store, binh = cafe.store, await hired(cafe, "Bình")
    names = [f"Bình {number}" for number in range(8)]
    written = await asyncio.gather(
        *(
            store.replace_member(replace(binh.staff, name=name), replace(binh.login, pin=name, version=1, locked_at=NOON), seen=0)
            for name in names
        )
    )
    assert sorted(written) == [False] * 7 + [True]
    (now,) = await store.members(staff_id=binh.staff.id)
    assert now.staff.name == now.login.pin == names[written.index(True)]
    assert (now.login.version, now.login.locked_at) == (1, NOON)


async def test_an_address_is_one_persons_within_a_business(store: Store) -> None:
    one, other = await Cafe(store).open(), await Cafe(store).open()
    binh, nobody, nobody_else = await hired(one, "Bình", email="binh@sang.vn"), await hired(one, "Chi"), await hired(one, "Dung")
    assert nobody.login.email == nobody_else.login.email == ""
    with pytest.raises(Duplicate, match="Login"):
        await hired(one, "Bình's twin", email="binh@sang.vn")
    with pytest.raises(Duplicate, match="Login"):
        await store.replace_member(nobody.staff, replace(nobody.login, email="binh@sang.vn", version=1), seen=0)
    assert [member.staff.name for member in await store.members(business_id=one.business.id)] == ["Bình", "Chi", "Dung"]
    assert (await hired(other, "Bình", email="binh@sang.vn")).login.email == binh.login.email


async def test_a_member_of_another_business_cannot_be_written(store: Store) -> None:
    one, other = await Cafe(store).open(), await Cafe(store).open()
    binh = await hired(one, "Bình")
    stolen = replace(binh.login, business_id=other.business.id, password="known", version=1)
    assert not await store.replace_member(replace(binh.staff, business_id=other.business.id), stolen, seen=0)
    assert await store.members(staff_id=binh.staff.id) == [binh]


def passkey(member: Member, credential: bytes, **given: Any) -> Passkey:
    staff = member.staff
    return Passkey(
        id=new_id(),
        business_id=staff.business_id,
        staff_id=staff.id,
        credential=credential,
        public_key=b"\0\xff",
        name="phone",
        created_at=NOON,
        **given,
    )


async def test_a_passkey_is_found_goes_on_and_is_forgotten(store: Store) -> None:
    one, other = await Cafe(store).open(), await Cafe(store).open()
    binh = await hired(one, "Bình")
    first, second = passkey(binh, b"one", sign_count=4), passkey(binh, b"two", sign_count=0)
    await one.commit(first, second)
    assert await store.passkeys(staff_id=binh.staff.id) == sorted([first, second], key=lambda key: key.id)
    assert await store.passkeys(credential=b"one") == [first]
    assert await store.passkeys(staff_id=new_id(), credential=b"one") == [] == await store.passkeys(credential=b"three")
    signed = await asyncio.gather(*(store.passkey_used(first.id, seen=4, sign_count=5, at=NOON) for _ in range(4)))
    assert sorted(signed) == [False, False, False, True]
    assert await store.passkeys(credential=b"one") == [replace(first, sign_count=5, used_at=NOON)]
    with pytest.raises(Duplicate, match="Passkey"):
        await one.commit(passkey(binh, b"one", sign_count=0))
    assert not await store.remove_passkey(other.business.id, binh.staff.id, second.id)
    assert not await store.remove_passkey(one.business.id, new_id(), second.id)
    assert await store.remove_passkey(one.business.id, binh.staff.id, second.id)
    assert not await store.remove_passkey(one.business.id, binh.staff.id, second.id)
    assert await store.passkeys(credential=b"two") == []


async def test_a_counter_stands_for_its_location_until_it_is_revoked(store: Store) -> None:
    one, other = await Cafe(store).open(), await Cafe(store).open()
    till, kiosk = counter(one), counter(one, "Kiosk", kind="kiosk", machine_id=one.an.id, created_at=NOON + HOUR)
    await one.commit(kiosk, till)
    found = await asyncio.gather(*(store.counting(secret) for secret in (till.secret_hash, b"\0" * 32, kiosk.secret_hash)))
    assert found == [
        Counting(counter=till, location=one.location, business=one.business),
        None,
        Counting(counter=kiosk, location=one.location, business=one.business),
    ]
    assert await store.counters(one.business.id) == [till, kiosk]
    assert await store.counters(other.business.id) == []
    await store.counter_used(till.id, NOON + HOUR)
    assert await store.change_counter(one.business.id, till.id, name="Bar")
    changed = replace(till, name="Bar", used_at=NOON + HOUR)
    assert await store.counting(till.secret_hash) == Counting(counter=changed, location=one.location, business=one.business)
    assert not await store.change_counter(other.business.id, till.id, revoked_at=NOON)
    assert await store.change_counter(one.business.id, till.id, revoked_at=NOON)
    assert await store.counting(till.secret_hash) is None
    assert not await store.change_counter(one.business.id, till.id, name="Again")
    assert await store.counters(one.business.id) == [replace(changed, revoked_at=NOON), kiosk]


async def test_of_two_who_use_one_link_one_gets_a_counter(cafe: Cafe) -> None:
    store, link = cafe.store, ticket(cafe, name="Till", counter="kiosk", location_id=cafe.location.id)
    await cafe.commit(link)
    assert await store.ticket(link.secret_hash) == link
    tills = [counter(cafe, f"Till {number}") for number in range(6)]
    used = await asyncio.gather(*(store.use_ticket(link.id, at=NOON + HOUR, rows=(till,)) for till in tills))
    assert sorted(used) == [False] * 5 + [True]
    assert await store.counters(cafe.business.id) == [tills[used.index(True)]]
    assert await store.ticket(link.secret_hash) == replace(link, used_at=NOON + HOUR)
    assert await store.ticket(b"\0" * 32) is None


async def test_a_machine_comes_with_its_counter_or_the_link_is_not_used(cafe: Cafe) -> None:
    store, link, till = cafe.store, ticket(cafe), counter(cafe)
    await cafe.commit(link, till)
    machine = Staff(id=new_id(), business_id=cafe.business.id, name="Kiosk", role="cashier", counter=True)
    rows = (machine, Login(id=machine.id, business_id=cafe.business.id))
    with pytest.raises(Duplicate, match="Counter"):
        await store.use_ticket(link.id, at=NOON, rows=(*rows, counter(cafe, secret_hash=till.secret_hash)))
    assert await store.ticket(link.secret_hash) == link
    assert await store.use_ticket(link.id, at=NOON, rows=(*rows, counter(cafe, machine_id=machine.id)))
    assert [member.staff for member in await store.members(business_id=cafe.business.id)] == [machine]


async def test_parallel_guesses_all_count_until_they_are_stale_or_forgiven(store: Store) -> None:
    assert await store.strikes("pin:an") == Strikes()
    counted = await asyncio.gather(*(store.strike("pin:an", at=NOON, fresh=NOON - HOUR) for _ in range(12)))
    assert sorted(one.n for one in counted) == list(range(1, 13))
    assert await store.strikes("pin:an") == Strikes(12, NOON)
    assert await store.strike("pin:an", at=NOON + HOUR, fresh=NOON) == Strikes(13, NOON + HOUR)
    assert await store.strike("pin:an", at=NOON + 3 * HOUR, fresh=NOON + 2 * HOUR) == Strikes(1, NOON + 3 * HOUR)
    assert await store.strike("pin:binh", at=NOON, fresh=NOON) == Strikes(1, NOON)
    await store.forgive("pin:an")
    assert await store.strikes("pin:an") == Strikes()
    await store.forget_kept(NOON + HOUR)
    assert await store.strikes("pin:binh") == Strikes()
