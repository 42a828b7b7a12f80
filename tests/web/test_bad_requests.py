"""Bad input of any kind gets a clear problem, changes nothing, and is never a 500."""

import io
import itertools
import json
import struct
import zlib
from pathlib import Path
from uuid import uuid4

import pytest
from databases import BOTH
from PIL import Image
from shop import Shop, open_shop

pytestmark = BOTH


def bomb() -> bytes:
    """A PNG of 60,000 × 60,000 pixels in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"\0" * 1_000_000, 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


BODIES = [
    b"",
    b"null",
    b"[]",
    b"{",
    b'"code"',
    b"{}",
    b'{"code": 7}',
    b'{"code": null}',
    b'{"code": ["K7Q"]}',
    b'{"code": "x", "colour": "red"}',
    b'{"code": "' + b"x" * 5000 + b'"}',
    b'{"code": "\xff\xfe"}',
    b'{"code": "\\ud800"}',
    b'{"code": "x"} trailing',
    b"<xml/>",
    b"[" * 5000,
    b'{"code":' * 2000,
    json.dumps({"code": "x" * 200_000}).encode(),
]
CODES = [
    "",
    " ",
    "\x00",
    "\u202eK7Q",
    "𝟙" * 9,
    "ﬃ" * 60,
    "K" * 999,
    "💥" * 100,
    "'; DROP TABLE coupon; --",
    "%00",
    "../..",
    "\\000026",
    "\n",
]


@pytest.mark.parametrize("path", ["redemptions", "look-ups", "goodwill", "join", "cards/{card}/earnings", "redemptions/{id}/reversal"])
async def test_a_body_that_is_not_one_gets_a_problem(shop: Shop, path: str) -> None:
    card = await shop.join()
    before = await shop.desk.store.ledger(shop.business.id, card["id"])
    for body in BODIES:
        address = "/api/v1/" + path.format(card=card["id"], id=uuid4())
        answer = await shop.client.post(address, content=body, headers={**shop.headers(), "Content-Type": "application/json"})
        if answer.status_code == 201 or (body == b"{}" and answer.status_code in {201, 404}):
            continue  # an empty object is one visit, or a reversal of nothing
        assert 400 <= answer.status_code < 500, (path, body[:60], answer.text)
        assert answer.headers["content-type"] == "application/problem+json", (path, body[:60])
        assert {"type", "title", "detail", "word", "status"} <= answer.json().keys()
    assert len(await shop.desk.store.ledger(shop.business.id, card["id"])) <= len(before) + 1


async def test_text_that_cannot_be_a_code_is_no_code(shop: Shop) -> None:
    for code in CODES:
        answer = await shop.redeem(code)
        assert (answer.status_code, answer.json()["word"]) in {(404, "unknown_code"), (422, "mistyped_code")}, repr(code)
        seen = await shop.post("look-ups", {"code": code})
        assert seen.json()["verdict"] == answer.json()["word"]


async def test_a_newcomer_must_be_described_properly(shop: Shop) -> None:
    for field, value in (
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 201),
        ("name", "a\x00b"),
        ("name", 5),
        ("email", "x" * 201),
        ("phone", "\x00"),
        ("language", "English"),
        ("language", "e\x00"),
        ("language", "vi\n"),
        ("language", "vi" + "-VN" * 12),
        ("program_id", "ten stamps"),
        ("program_id", None),
        ("birthday", "2000-01-01"),
        ("birthday", "02-29\n"),
        ("birthday", "\n"),
    ):
        answer = await shop.post("join", {"program_id": str(shop.program.id), "name": "Hoa", field: value})
        assert (answer.status_code, answer.json()["word"]) == (400, "invalid_request"), (field, value)
        assert field in answer.json()["detail"]


async def test_any_name_of_a_person_is_a_name(shop: Shop) -> None:
    for name in ("Nguyễn Thị Hoa", "O'Brien", "<b>Ann</b>", "日本 太郎", "👩‍👩‍👧‍👦", "عائشة", "a" * 200, "{title} %s %@"):
        card = await shop.join(name)
        assert card["customer"] == name
        assert (await shop.get(f"cards/{card['id']}")).json()["customer"] == name


async def test_what_cannot_be_counted_is_not_added(shop: Shop) -> None:
    card = await shop.join()
    for body in ({"count": 0}, {"count": -1}, {"count": 10**7}, {"count": 1.5}, {"count": "3"}, {"amount": -1}, {"amount": 10**30}):
        answer = await shop.post(f"cards/{card['id']}/earnings", body)
        assert (answer.status_code, answer.json()["word"]) == (400, "invalid_request"), body


async def test_a_program_by_visit_takes_no_amounts_and_no_floods(shop: Shop) -> None:
    card = await shop.join()
    for body in ({"amount": 45_000}, {"count": 1, "amount": 1}, {"count": 101}):
        answer = await shop.post(f"cards/{card['id']}/earnings", body)
        assert (answer.status_code, answer.json()["word"]) == (422, "cannot_earn"), body
    assert (await shop.get(f"cards/{card['id']}")).json()["balance"] == 0


async def test_broken_pictures_are_refused_clearly(shop: Shop) -> None:
    whole = io.BytesIO()
    Image.new("RGB", (4200, 3200), "white").save(whole, "PNG")
    for photo in (
        b"",
        b"GIF89a",
        b"\xff\xd8\xff\xe0 not a jpeg",
        whole.getvalue()[:900],
        whole.getvalue(),
        bomb(),
        b"%PDF-1.4",
        b"\0" * 1000,
    ):
        answer = await shop.redeem_photo(photo)
        assert (answer.status_code, answer.json()["word"]) == (422, "unreadable_photo"), photo[:20]
    answer = await shop.redeem_photo(b"x" * (21 * 1024 * 1024))
    assert (answer.status_code, answer.json()["word"]) == (413, "too_large")
    answer = await shop.redeem_photo(b"code=K7Q", kind="application/x-www-form-urlencoded")
    assert (answer.status_code, answer.json()["word"]) == (415, "wrong_media_type")


async def test_a_huge_body_is_refused(shop: Shop) -> None:
    answer = await shop.client.post("/api/v1/redemptions", content=b" " * 2_000_000, headers=shop.headers())
    assert (answer.status_code, answer.json()["word"]) == (413, "too_large")


async def test_without_a_token_nobody_learns_anything(shop: Shop) -> None:
    for header in (
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer cp_wrong"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer ü"},
    ):
        for method, path in (("POST", "redemptions"), ("GET", f"cards/{uuid4()}"), ("POST", "join"), ("GET", "cards/x/story")):
            answer = await shop.client.request(method, f"/api/v1/{path}", content=b"{", headers={k: v.encode() for k, v in header.items()})
            assert (answer.status_code, answer.json()["word"]) == (401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_revoked_token_and_a_suspended_person_stand_for_nobody(shop: Shop) -> None:
    assert (await shop.get(f"cards/{uuid4()}")).status_code == 404
    await shop.revoke("An")
    assert (await shop.get(f"cards/{uuid4()}")).status_code == 401


async def test_things_of_another_shop_do_not_exist_here(shop: Shop) -> None:
    other = await Shop(shop.client, shop.desk, shop.clock, shop.followers).open("Elsewhere")
    card = await other.card_with_cookie()
    receipt = (await other.redeem(card["ready"][0]["code"])).json()
    for path in ("cards/{}", "cards/{}/story", "cards/{}/apple", "cards/{}/google"):
        for which in (card["id"], card["number"]):
            foreign, nothing = await shop.get(path.format(which)), await shop.get(path.format(uuid4()))
            assert (foreign.status_code, foreign.json()) == (nothing.status_code, nothing.json())
    foreign, nothing = await shop.get(f"coupons/{receipt['coupon']['id']}"), await shop.get(f"coupons/{uuid4()}")
    assert (foreign.status_code, foreign.json()) == (nothing.status_code, nothing.json()) == (404, foreign.json())
    for path, body in (
        (f"cards/{card['id']}/earnings", {"count": 1}),
        (f"redemptions/{receipt['redemption']['id']}/reversal", {}),
        ("join", {"program_id": str(other.program.id), "name": "Hoa"}),
    ):
        assert (await shop.post(path, body)).json()["word"] == "not_found", path
    assert (await other.get(f"cards/{card['id']}")).json()["balance"] == 5


async def test_addresses_and_methods_that_do_not_exist(shop: Shop) -> None:
    for method, path, status in (
        ("GET", "/api/v1/nowhere", 404),
        ("GET", "/nowhere", 404),
        ("PUT", "/api/v1/redemptions", 405),
        ("GET", "/api/v1/coupons/not-an-id", 404),
        ("GET", "/art/not-an-id/logo.png", 404),
        ("GET", f"/art/{uuid4()}/logo.png", 404),
        ("GET", f"/art/{shop.program.id}/stamps-99.png", 404),
        ("GET", f"/art/{shop.program.id}/bar-5.png", 404),
        ("GET", f"/art/{shop.program.id}/stamps-²3.png", 404),
        ("GET", f"/art/{shop.program.id}/..%2f..%2fsettings.png", 404),
        ("GET", "/c/nobody/card.pkpass", 404),
        ("GET", "/c/nobody/google", 404),
    ):
        answer = await shop.client.request(method, path, headers=shop.headers())
        assert answer.status_code == status, (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert [(await shop.client.request(method, "/health")).status_code for method in ("GET", "HEAD", "POST")] == [200, 200, 405]
    drawn = await shop.client.get(f"/art/{shop.program.id}/stamps-5.png")
    assert drawn.headers["content-type"] == "image/png"


async def test_the_type_of_a_problem_leads_to_what_it_means(shop: Shop) -> None:
    refused = await shop.redeem("K7Q-M4X-RT9")
    page = await shop.client.get(refused.json()["type"])
    assert page.status_code == 200
    assert refused.json()["word"] in page.text


async def test_a_shop_without_wallets_says_so(shop: Shop) -> None:
    card = await shop.join()
    assert card["links"] == {"apple": None, "google": None}
    for wallet in ("apple", "google"):
        answer = await shop.get(f"cards/{card['id']}/{wallet}")
        assert (answer.status_code, answer.json()["word"]) == (404, "wallet_not_configured")


NOWHERE = (
    "/c/%00/card.pkpass",
    "/c/%00/google",
    "/apple/v1/passes/x/%00",
    "/apple/v1/devices/%00/registrations/x",
    "/apple/v1/devices/%2500/registrations/x",
    "/apple/v1/devices/d/registrations/%00",
    "/api/v1/cards/%00",
    "/art/x/%00",
)


async def test_an_address_that_nothing_can_have_is_not_there(database_url: str, certs: Path) -> None:
    async with open_shop(database_url, certs=str(certs)) as shop:
        for method, path in itertools.product(("GET", "HEAD"), NOWHERE):
            answer = await shop.client.request(method, path, headers=shop.headers())
            assert answer.status_code in {204, 401, 404, 405}, (path, answer.text)


async def test_a_scheme_is_read_in_any_case(shop: Shop) -> None:
    token = shop.secrets["An"]
    assert (await shop.client.get(f"/api/v1/cards/{uuid4()}", headers={"Authorization": f"bearer {token}"})).status_code == 404
