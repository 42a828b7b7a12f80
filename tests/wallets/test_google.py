"""Google Wallet as the shop uses it: what the card shows, how it gets to Google, and what comes of every answer."""

import asyncio
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.auth.crypt import RSASigner
from google_cafe import IDS, NOON, Cafe, Phone, open_phone, wallet_for

from app.sandbox.google import GoogleSandbox
from app.sandbox.walletobjects import judge
from passes import codes
from passes.businesses import Brand
from passes.wallets.base import Answer, Ask, Delivered, Later, Misconfigured, Wallet
from passes.wallets.google import CALLS, CALLS_ASIDE, Account, Ensured, Google
from passes.words import text


@pytest.fixture
async def phone(tmp_path: Path):
    async with open_phone(tmp_path) as phone:
        yield phone


ACCOUNT = GoogleSandbox(Path())._account()


def offline() -> Google:
    """A wallet that only draws and signs."""
    return Google(account=Account.from_json(ACCOUNT), issuer="3388", url="", keys_url="", public_url="https://cards.example")


def decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


# --- What the card shows ---


def ready(cafe: Cafe) -> None:
    cafe.stamp(7)
    cafe.reward()


def twelve_ready(cafe: Cafe) -> None:
    for _ in range(12):
        cafe.reward()


def left(cafe: Cafe) -> None:
    cafe.card = msgspec.structs.replace(cafe.card, left_at=NOON)


def a_million_points(cafe: Cafe) -> None:
    cafe.program = cafe.counting(round=1_000_000, unit="points")
    cafe.stamp(999_999)


def long_names(cafe: Cafe) -> None:
    family = "👨‍👩‍👧‍👦"
    cafe.business = msgspec.structs.replace(cafe.business, name=f"Quán {family * 30} ạ" + "x̣́" * 40)
    cafe.customer = msgspec.structs.replace(cafe.customer, name="محمد " * 40, language="fr")
    cafe.program = cafe.counting(round=10, terms=text(en="All of it. " * 200, vi="Ắ" * 2000))


SHOWN = [lambda _: None, ready, twelve_ready, left, a_million_points, long_names]


@pytest.mark.parametrize("what", SHOWN, ids=lambda what: what.__name__)
async def test_every_face_is_a_body_that_googles_schema_takes(phone: Phone, what):
    what(phone.cafe)
    face = phone.cafe.face()
    for schema, body in (("LoyaltyClass", phone.wallet.class_body(face)), ("LoyaltyObject", phone.wallet.object_body(face))):
        assert judge().malformed(schema, body) == []
        assert judge().refused(schema, body) == []
        # Only these two may be longer than what the smallest phone shows in full: a person's name, and what the next reward is.
        doubts = [
            doubt
            for doubt in judge().doubtful(schema, body)
            if not doubt.startswith(("LoyaltyObject.accountName", "LoyaltyObject.secondary"))
        ]
        assert doubts == []
    assert isinstance(await phone.ensure(), Ensured)


async def test_progress_and_the_reward_are_on_the_face_of_the_card(phone: Phone):
    ready(phone.cafe)
    await phone.ensure()
    card = phone.card
    assert card["loyaltyPoints"]["balance"] == {"string": "7/10"}
    assert card["loyaltyPoints"]["localizedLabel"]["translatedValues"] == [{"language": "en", "value": "Stamps"}]
    assert card["loyaltyPoints"]["localizedLabel"]["defaultValue"] == {"language": "vi", "value": "Tem"}
    assert card["secondaryLoyaltyPoints"]["balance"] == {"string": "SẴN SÀNG"}
    assert card["barcode"] == {"type": "QR_CODE", "value": "K7QM4X000", "alternateText": phone.cafe.face().barcode.text}
    assert (card["accountName"], card["accountId"]) == ("Nguyễn Thị Hoa", codes.group(phone.cafe.card.number))
    assert card["heroImage"]["sourceUri"]["uri"].startswith(f"https://cards.example/art/{IDS['program']}/stamps-7.png?v=")
    assert card["state"] == "ACTIVE"


async def test_without_a_reward_the_card_shows_its_own_number_and_the_next_reward(phone: Phone):
    await phone.ensure()
    assert phone.card["barcode"]["value"] == phone.cafe.card.number
    assert phone.card["secondaryLoyaltyPoints"]["balance"] == {"string": "Cà phê miễn phí"}


async def test_several_rewards_are_counted(phone: Phone):
    twelve_ready(phone.cafe)
    await phone.ensure()
    assert phone.card["secondaryLoyaltyPoints"]["balance"] == {"string": "12 SẴN SÀNG"}


async def test_each_ready_reward_stands_in_the_details_with_its_code_and_its_end_in_the_phones_language(phone: Phone):
    phone.cafe.reward()
    await phone.ensure()
    modules = {module["id"]: module for module in phone.card["textModulesData"]}
    shown = phone.cafe.face().ready[0].shown
    assert modules["ready-1"]["localizedHeader"]["defaultValue"] == {"language": "vi", "value": "Cà phê miễn phí"}
    assert modules["ready-1"]["localizedBody"]["defaultValue"]["value"] == f"{shown}\nDùng đến hết: 20/12/2026"
    assert modules["ready-1"]["localizedBody"]["translatedValues"] == [{"language": "en", "value": f"{shown}\nValid until: 20 Dec 2026"}]


def test_what_is_the_same_on_every_card_is_in_the_class_and_the_class_is_the_same_from_every_card(tmp_path: Path):
    one, other = Cafe(), Cafe()
    ready(one)
    other.customer = msgspec.structs.replace(other.customer, name="Bob", language="en")
    other.card = msgspec.structs.replace(other.card, id=IDS["offer"], number="C2XRT9K7QM4X")
    wallet = offline()
    assert wallet.class_body(one.face()) == wallet.class_body(other.face())
    assert wallet.class_digest(one.face()) == wallet.class_digest(other.face())
    assert [module["id"] for module in wallet.class_body(one.face())["textModulesData"]] == ["terms", "contact"]


def test_a_card_that_was_left_is_inactive():
    cafe = Cafe()
    left(cafe)
    assert offline().object_body(cafe.face())["state"] == "INACTIVE"


@pytest.mark.parametrize(("ours", "googles"), [("qr", "QR_CODE"), ("code128", "CODE_128"), ("pdf417", "PDF_417"), ("aztec", "AZTEC")])
def test_every_barcode_has_a_name_at_google(ours, googles):
    cafe = Cafe()
    cafe.offer = msgspec.structs.replace(cafe.offer, format=ours)
    cafe.reward()
    assert offline().object_body(cafe.face())["barcode"]["type"] == googles


def test_a_picture_gets_another_address_when_it_looks_different():
    cafe, wallet = Cafe(), offline()
    before = wallet.class_body(cafe.face())["programLogo"]["sourceUri"]["uri"]
    cafe.business = msgspec.structs.replace(cafe.business, brand=Brand(symbol="cup"))
    assert wallet.class_body(cafe.face())["programLogo"]["sourceUri"]["uri"] != before


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Cà Phê", "Cà Phê"),
        ("Twenty characters ok", "Twenty characters ok"),
        ("The Coffee House of Saigon", "The Coffee House of…"),
        ("Donaudampfschifffahrtsgesellschaft", "Donaudampfschifffah…"),
        ("Nineteen character 👍🏽 and more", "Nineteen character…"),
        ("Eighteen letters 👨‍👩‍👧‍👦 family", "Eighteen letters…"),
        ("012345678901234567e\u0301 and more", "012345678901234567…"),
    ],
)
def test_a_long_name_is_cut_where_it_reads_well(name, shown):
    cafe = Cafe()
    cafe.business = msgspec.structs.replace(cafe.business, name=name)
    assert offline().class_body(cafe.face())["issuerName"] == shown


# --- The way to Google ---


async def test_the_first_card_makes_class_and_object_the_next_one_only_the_object(phone: Phone):
    assert isinstance(await phone.ensure(), Ensured)
    assert phone.calls() == ["POST loyaltyClass 200", "POST loyaltyObject 200"]
    phone.cafe.card = msgspec.structs.replace(phone.cafe.card, id=IDS["offer"])
    await phone.ensure()
    assert phone.calls() == ["POST loyaltyObject 200"]


async def test_what_google_has_already_is_patched_with_the_latest_face(phone: Phone):
    await phone.ensure()
    phone.known = None
    phone.cafe.stamp()
    phone.calls()
    await phone.ensure()
    assert phone.calls() == ["POST loyaltyClass 409", "PATCH loyaltyClass 200", "POST loyaltyObject 409", "PATCH loyaltyObject 200"]
    assert phone.card["loyaltyPoints"]["balance"]["string"] == "1/10"


async def test_a_new_design_reaches_the_approved_class(phone: Phone):
    await phone.ensure()
    phone.cafe.business = msgspec.structs.replace(phone.cafe.business, brand=Brand(background="#004d40"))
    phone.calls()
    await phone.ensure()
    assert phone.calls()[0] == "PATCH loyaltyClass 200"
    (program,) = phone.google.classes.values()
    assert (program["hexBackgroundColor"], program["reviewStatus"]) == ("#004d40", "APPROVED")


@pytest.mark.parametrize("design", [Brand(), Brand(background="#004d40")])
async def test_a_class_that_google_lost_is_made_again(phone: Phone, design):
    await phone.ensure()
    phone.google.classes.clear()
    phone.google.objects.clear()
    phone.cafe.business = msgspec.structs.replace(phone.cafe.business, brand=design)
    assert isinstance(await phone.ensure(), Ensured)
    assert phone.card["hasUsers"] is False


async def test_telling_is_one_patch_with_the_latest_face(phone: Phone):
    await phone.ensure()
    phone.calls()
    phone.cafe.stamp(2)
    phone.cafe.stamp(1)
    assert await phone.tell() == Delivered(notified=False)
    assert phone.calls() == ["PATCH loyaltyObject 200"]
    assert phone.card["loyaltyPoints"]["balance"]["string"] == "3/10"


async def test_telling_an_object_that_google_lost_makes_it_again(phone: Phone):
    await phone.ensure()
    phone.google.classes.clear()
    phone.google.objects.clear()
    assert await phone.tell() == Delivered()
    assert phone.card["state"] == "ACTIVE"


async def test_the_wallet_is_one_of_the_wallets(phone: Phone):
    wallet: Wallet = phone.wallet
    assert wallet.name == "google"


# --- Notifications: three in 24 hours ---


async def test_a_reward_that_comes_or_goes_is_a_notification_and_a_stamp_is_not(phone: Phone):
    await phone.save()
    phone.clock.forward(minutes=1)
    phone.cafe.stamp()
    assert await phone.tell() == Delivered(notified=False)
    phone.clock.forward(minutes=1)
    phone.cafe.reward()
    assert await phone.tell() == Delivered(notified=True)
    phone.clock.forward(minutes=1)
    phone.cafe.redeem()
    assert await phone.tell() == Delivered(notified=True)
    assert [one.text for one in phone.google.notifications] == ["Cà phê miễn phí → SẴN SÀNG", "SẴN SÀNG → Cà phê miễn phí"]
    assert "notifyPreference" not in phone.card


async def test_old_news_is_not_told_aloud_again(phone: Phone):
    await phone.save()
    phone.clock.forward(minutes=1)
    phone.cafe.reward()
    phone.clock.forward(seconds=1)
    assert await phone.tell() == Delivered(notified=True)
    phone.clock.forward(days=2)
    phone.cafe.business = msgspec.structs.replace(phone.cafe.business, brand=Brand(background="#004d40"))
    assert await phone.tell() == Delivered(notified=False)


async def test_the_fourth_notification_in_24_hours_is_a_quiet_update(phone: Phone):
    await phone.save()
    for number in range(4):
        phone.clock.forward(hours=1)
        phone.cafe.reward()
        assert await phone.tell() == Delivered(notified=number < 3)
    assert len(phone.google.notifications) == 3
    assert phone.card["secondaryLoyaltyPoints"]["balance"]["string"] == "4 SẴN SÀNG"
    phone.clock.forward(hours=22)
    phone.cafe.reward()
    assert await phone.tell() == Delivered(notified=True)
    assert len(phone.google.notifications) == 4


# --- What comes of every answer ---


@dataclass
class Said:
    status: int
    outcome: type
    reason: str = ""
    message: str = ""
    retry_after: float | str | None = None
    why: str = ""
    after: float | None = None


ANSWERS = [
    Said(500, Later),
    Said(503, Later, retry_after=30, after=30.0),
    Said(503, Later, retry_after="Fri, 20 Nov 2026 05:02:00 GMT", after=120.0),
    Said(503, Later, retry_after="soon"),
    Said(429, Later, retry_after=7, after=7.0),
    Said(403, Later, reason="rateLimitExceeded", message="Rate Limit Exceeded"),
    Said(403, Later, message="Quota exceeded for quota metric 'Queries'."),
    Said(409, Later),
    Said(403, Misconfigured, why="as a Developer in the Google Pay & Wallet Console"),
    Said(
        403,
        Misconfigured,
        message="Google Wallet API has not been used in project 42 before or it is disabled.",
        why="Enable the Google Wallet API",
    ),
    Said(400, Misconfigured, message='Invalid JSON payload received. Unknown name "x": Cannot find field.', why='Unknown name "x"'),
    Said(418, Misconfigured),
]


@pytest.mark.parametrize("said", ANSWERS, ids=lambda said: f"{said.status} {said.reason or said.message[:12] or said.retry_after or ''}")
async def test_every_answer_means_later_or_stop(phone: Phone, said: Said):
    await phone.ensure()
    phone.google.script(status=said.status, reason=said.reason, message=said.message, retry_after=said.retry_after, times=9)
    for outcome in (await phone.tell(), await phone.ensure()):
        assert isinstance(outcome, said.outcome)
        assert said.why in outcome.why
        if isinstance(outcome, Later):
            assert outcome.after == said.after


async def test_an_account_that_nobody_invited_is_named_with_its_cure(phone: Phone):
    phone.google.invited = False
    outcome = await phone.ensure()
    assert isinstance(outcome, Misconfigured)
    assert f"Invite {phone.google.email} as a Developer" in outcome.why


async def test_google_down_delays_and_loses_nothing(phone: Phone):
    await phone.ensure()
    phone.google.down = True
    phone.cafe.stamp()
    assert isinstance(await phone.tell(), Later)
    phone.google.down = False
    assert await phone.tell() == Delivered()
    assert phone.card["loyaltyPoints"]["balance"]["string"] == "1/10"


async def test_google_out_of_reach_is_later(phone: Phone):
    await phone.ensure()
    await phone.google.__aexit__()
    assert isinstance(await phone.tell(), Later)
    fresh = wallet_for(phone.google)
    assert isinstance(await fresh.ensure(phone.cafe.face(), known=None, http=phone.http, now=NOON), Later)


# --- Tokens ---


def exchanges(phone: Phone) -> int:
    return sum(one.path == "/token" for one in phone.google.requests)


async def test_one_token_serves_all_until_a_minute_before_its_end(phone: Phone):
    await phone.ensure()
    await asyncio.gather(*(phone.tell() for _ in range(10)))
    assert exchanges(phone) == 1
    phone.clock.forward(seconds=3599 - 61)
    await phone.tell()
    assert exchanges(phone) == 1
    phone.clock.forward(seconds=1)
    assert await phone.tell() == Delivered()
    assert exchanges(phone) == 2


async def test_a_crowd_without_a_token_makes_one_exchange(phone: Phone):
    faces = await asyncio.gather(*(phone.wallet.account.token(http=phone.http, now=NOON) for _ in range(20)))
    assert len(set(faces)) == 1
    assert exchanges(phone) == 1


async def test_a_revoked_token_is_renewed_once(phone: Phone):
    await phone.ensure()
    phone.google.revoke_tokens()
    phone.calls()
    assert await phone.tell() == Delivered()
    assert phone.calls() == ["PATCH loyaltyObject 401", "PATCH loyaltyObject 200"]
    phone.google.script(status=401, times=9)
    outcome = await phone.tell()
    assert isinstance(outcome, Misconfigured)
    assert phone.calls() == ["PATCH loyaltyObject 401", "PATCH loyaltyObject 401"]


async def test_a_token_endpoint_that_is_ill_is_later(phone: Phone):
    phone.google.script(status=503, retry_after=11, on="token")
    assert await phone.ensure() == Later("Google's token endpoint answered 503", 11.0)
    assert isinstance(await phone.ensure(), Ensured)


async def test_a_deleted_key_is_misconfigured(phone: Phone):
    other = RSASigner(generate_private_key(public_exponent=65537, key_size=2048))
    stranger = Account(email=phone.google.email, token_url=f"{phone.google.url}/token", signer=other)
    outcome = await wallet_for(phone.google, account=stranger).ensure(phone.cafe.face(), known=None, http=phone.http, now=NOON)
    assert isinstance(outcome, Misconfigured)
    assert "Invalid JWT Signature." in outcome.why
    assert "Make a new JSON key" in outcome.why


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_clock_that_is_wrong_is_told_apart(phone: Phone, hours):
    found = await phone.wallet.check(http=phone.http, now=NOON + timedelta(hours=hours))
    assert "Set this machine's clock" in found[0]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"client_email": "a@b", "token_uri": "x", "private_key": "SECRET"}', b"\xff"])
def test_a_file_that_is_no_account_says_so_and_quotes_nothing(data):
    with pytest.raises(ValueError, match="JSON key of a Google service account") as refused:
        Account.from_json(data)
    assert "SECRET" not in str(refused.value)


def test_an_issuer_that_is_no_number_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="issuer id is a number"):
        Google(account=offline().account, issuer="My Café", url="", keys_url="", public_url="")


# --- Twenty requests a second ---


async def test_a_crowd_of_calls_never_passes_twenty_a_second(phone: Phone):
    await phone.ensure()
    http, left = phone.http, list[float]()

    async def leaves(ask: Ask) -> Answer:
        left.append(asyncio.get_running_loop().time())
        return await http(ask)

    phone.http = leaves
    outcomes = await asyncio.gather(*(phone.tell() for _ in range(38)))
    assert set(outcomes) == {Delivered()}
    assert len(left) == 38
    assert all(later - sooner > 1 for sooner, later in zip(left, left[CALLS:], strict=False))


async def test_a_queue_that_is_too_long_is_later(phone: Phone):
    await phone.ensure()
    phone.wallet._turns.extend([asyncio.get_running_loop().time() + 900] * 20)
    outcome = await phone.tell()
    assert isinstance(outcome, Later)
    assert outcome.after == pytest.approx(901.25, abs=30)


async def test_links_take_half_of_the_turns_and_leave_the_others_to_cards_that_changed(phone: Phone):
    await phone.ensure()
    before = len(phone.wallet._turns)
    openings = [asyncio.create_task(phone.open()) for _ in range(30)]
    tellings = [asyncio.create_task(phone.tell()) for _ in range(8)]
    await asyncio.sleep(0)  # each of them asks for its turn
    assert len(phone.wallet._turns) - before == CALLS_ASIDE + 8
    assert max(phone.wallet._turns) <= asyncio.get_running_loop().time(), "a card that changed waits for no link"
    for one in openings:
        one.cancel()
    assert await asyncio.gather(*tellings) == [Delivered()] * 8
    await asyncio.wait(openings)


async def test_a_queue_of_links_that_is_too_long_is_later_for_links_only(phone: Phone):
    await phone.ensure()
    phone.wallet._aside.extend([asyncio.get_running_loop().time() + 900] * 10)
    outcome = await phone.open()
    assert isinstance(outcome, Later)
    assert outcome.after == pytest.approx(901.25, abs=30)
    assert await phone.tell() == Delivered()


# --- The save link ---


def test_the_save_link_holds_ids_only_and_is_signed_by_the_account(tmp_path: Path):
    cafe, wallet = Cafe(), offline()
    long_names(cafe)
    link = wallet.save_link(cafe.face(), now=NOON)
    assert link.startswith("https://pay.google.com/gp/v/save/")
    assert len(link) < 1000
    signed, _, signature = link.rpartition("/")[2].rpartition(".")
    header, claims = (msgspec.json.decode(decoded(part)) for part in signed.split("."))
    assert (header["alg"], header["typ"]) == ("RS256", "JWT")
    assert claims == {
        "iss": wallet.account.email,
        "aud": "google",
        "typ": "savetowallet",
        "iat": int(NOON.timestamp()),
        "origins": [],
        "payload": {"loyaltyObjects": [{"id": wallet.object_id(IDS["card"]), "classId": wallet.class_id(IDS["program"])}]},
    }
    key = load_pem_private_key(msgspec.json.decode(ACCOUNT)["private_key"].encode(), None).public_key()
    key.verify(decoded(signature), signed.encode(), padding.PKCS1v15(), SHA256())


async def test_a_person_who_opens_the_link_has_the_card(phone: Phone):
    await phone.save()
    assert phone.card["hasUsers"] is True
    assert phone.google.warnings == ["LoyaltyObject.secondaryLoyaltyPoints.balance: 15 characters, 7 are sure to be shown"]


# --- doctor ---


async def test_the_doctor_finds_nothing_where_all_is_well(phone: Phone):
    assert await phone.wallet.check(http=phone.http, now=NOON) == []


async def test_the_doctor_names_what_is_wrong(phone: Phone):
    phone.google.invited = False
    assert "Invite" in (await phone.wallet.check(http=phone.http, now=NOON))[0]
    phone.google.invited = True
    stranger = Google(account=phone.wallet.account, issuer="1", url=phone.google.url, keys_url="", public_url="")
    assert "check the issuer id" in (await stranger.check(http=phone.http, now=NOON))[0]
    phone.google.down = True
    assert "Google answered 503" in (await phone.wallet.check(http=phone.http, now=NOON))[0]
