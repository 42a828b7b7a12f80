"""Each known misconfiguration is named with its cure, found on the real stand-ins over real sockets."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import anyio
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec.structs import replace
from shop import Shop as Cafe
from shop import open_shop

from app import certs as chains
from app import doctor, settings
from app.db import open_store
from app.desk import found, webhooks
from app.sandbox.apns import ApnsSandbox
from app.sandbox.google import GoogleSandbox
from app.sandbox.mail import MailSandbox
from app.store import Alarm
from passes.wallets.base import Installation

NOW = datetime.now(UTC).replace(microsecond=0)
PASS_TYPE = "pass.dev.counterpass"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    chains.make_development_chain(folder / "apple", pass_type=PASS_TYPE, team="DEVELOPER1", organization="Café", now=NOW)
    chains.make_development_chain(folder / "stranger", pass_type=PASS_TYPE, team="DEVELOPER1", organization="Café", now=NOW)
    return folder


class Shop:
    """A shop whose every setting is right, until a test makes one wrong."""

    def __init__(self, folder: Path, database: str, apns: ApnsSandbox, google: GoogleSandbox) -> None:
        self.certs, self.apns, self.google = folder, apns, google
        self.given = {
            "DATABASE_URL": database,
            "COUNTERPASS_PUBLIC_URL": "https://cards.example",
            "COUNTERPASS_CERTS": str(folder),
            "COUNTERPASS_TRUST": str(folder / "apple" / "root.pem"),
            "COUNTERPASS_APNS_URL": apns.url,
            "COUNTERPASS_GOOGLE_URL": google.url,
            "COUNTERPASS_GOOGLE_ACCOUNT": str(google.account_path),
            "COUNTERPASS_GOOGLE_ISSUER": google.issuer,
            "COUNTERPASS_GOOGLE_KEYS_URL": google.keys_url,
        }

    async def found(self, *, now: datetime = NOW, **changed: str | None) -> dict[str, tuple[str, str, str]]:
        """What the doctor finds: word → level, problem, cure."""
        named = {name if name == "DATABASE_URL" else f"COUNTERPASS_{name.upper()}": value for name, value in changed.items()}
        known = settings.read({name: value for name, value in (self.given | named).items() if value is not None})
        return {one.word: (one.level, one.problem, one.cure) async for one in doctor.examine(known, now=now)}

    async def errors(self, **changed: object) -> dict[str, tuple[str, str, str]]:
        found = await self.found(**changed)
        return {word: one for word, one in found.items() if one[0] == "error"}


@pytest.fixture
async def shop(made: Path, tmp_path: Path, sqlite_url: str) -> AsyncIterator[Shop]:
    folder = tmp_path / "certs"
    shutil.copytree(made / "apple", folder / "apple")
    clock = lambda: NOW  # noqa: E731
    async with ApnsSandbox(folder / "apple", now=clock) as apns, GoogleSandbox(tmp_path, now=clock) as google:
        yield Shop(folder, sqlite_url, apns, google)


async def test_a_shop_where_all_is_well_has_only_notes(shop: Shop) -> None:
    found = await shop.found()
    assert {word: level for word, (level, *_) in found.items()} == {
        "no_business": "warning",
        "development": "note",
        "no_mail": "note",
        "public_url_unreachable": "warning",
        "session_key_missing": "note",
    }
    assert [push.topic for push in shop.apns.pushes] == [PASS_TYPE], "Apple's service was asked whether it takes the certificate"


def test_the_key_of_sessions_is_made_at_the_first_start_and_is_nobody_elses(tmp_path: Path) -> None:
    (missing,) = doctor.session_key(tmp_path / "nowhere")
    assert (missing.word, missing.level) == ("session_key_missing", "warning")
    chains.session_key(tmp_path, drawn=lambda: "x")
    assert doctor.session_key(tmp_path) == []
    (tmp_path / "session.key").chmod(0o640)
    (open_,) = doctor.session_key(tmp_path)
    assert (open_.word, open_.level) == ("session_key_open", "error")
    assert f"chmod 600 {tmp_path}/session.key" in open_.cure


async def test_apple_answering_bad_device_token_means_that_the_credentials_are_good(shop: Shop) -> None:
    shop.apns.script(None, 400, "BadDeviceToken")
    assert await shop.errors() == {}


@pytest.mark.parametrize(
    ("url", "word", "level"),
    [
        ("https://cards.example/v1", "public_url_v1", "error"),
        ("https://cards.example/apple/v1/", "public_url_v1", "error"),
        ("http://cards.example", "public_url_plain", "error"),
        ("http://localhost:8000", "public_url_local", "warning"),
        ("cards.example", "public_url_unreadable", "error"),
    ],
)
def test_a_public_url_that_phones_cannot_use_is_named(url: str, word: str, level: str) -> None:
    assert {one.word: one.level for one in doctor.public_url(url)} == {word: level}


async def test_a_database_that_does_not_answer_is_named_without_its_password(shop: Shop) -> None:
    found = await shop.errors(DATABASE_URL="postgresql://shop:geheim@127.0.0.1:1/x")
    assert set(found) == {"database_unreachable"}
    assert "geheim" not in str(found)


async def test_a_database_that_is_not_there_is_named_and_not_made(shop: Shop, tmp_path: Path) -> None:
    assert set(await shop.errors(DATABASE_URL=f"sqlite:///{tmp_path}/none.db")) == {"database_missing"}
    assert not (tmp_path / "none.db").exists()


async def test_missing_migrations_are_named(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    found = await shop.errors(DATABASE_URL=f"sqlite:///{tmp_path}/empty.db")
    assert "counterpass migrate" in found["migrations_missing"][2]


async def test_a_stopped_vendor_is_named_with_its_reason(shop: Shop) -> None:
    store = await open_store(shop.given["DATABASE_URL"], queue=10)
    await store.raise_alarm(Alarm(wallet="apple", credential=PASS_TYPE, why="APNs 403 BadCertificate", since=NOW, probe_at=NOW))
    await store.close()
    assert "APNs 403 BadCertificate" in (await shop.errors())["wallet_stopped"][1]


@pytest.mark.parametrize(("days", "within"), [(300, 90), (340, 30), (360, 7)])
async def test_a_certificate_that_ends_soon_is_a_warning(shop: Shop, days: int, within: int) -> None:
    found = await shop.found(now=NOW + timedelta(days=days))
    assert found[f"certificate_expires_within_{within}_days"][0] == "warning"


async def test_an_expired_certificate_and_one_of_the_future_are_errors(shop: Shop) -> None:
    assert "certificate_expired" in await shop.errors(now=NOW + timedelta(days=366))
    early = await shop.errors(now=NOW - timedelta(days=2))
    assert "clock" in early["certificate_not_yet_valid"][2]


async def test_a_certificate_of_another_chain_is_refused_by_apple_and_named(shop: Shop, made: Path) -> None:
    for file in ("certificate.pem", "key.pem", "wwdr.pem"):
        shutil.copy(made / "stranger" / file, shop.certs / "apple" / file)
    assert set(await shop.errors()) == {"apns_refuses_tls"}


async def test_a_certificate_without_its_key_or_intermediate_is_named_once(shop: Shop, made: Path) -> None:
    (shop.certs / "apple" / "key.pem").unlink()
    assert set(await shop.errors()) == {"key_missing"}
    shutil.copy(made / "stranger" / "key.pem", shop.certs / "apple" / "key.pem")
    assert set(await shop.errors()) == {"key_of_another"}
    shutil.copy(made / "apple" / "key.pem", shop.certs / "apple" / "key.pem")
    shutil.copy(made / "stranger" / "wwdr.pem", shop.certs / "apple" / "wwdr.pem")
    assert set(await shop.errors()) == {"wrong_chain"}


@pytest.mark.parametrize(("status", "reason"), [(403, "BadCertificate"), (403, "Forbidden"), (400, "TopicDisallowed")])
async def test_apples_refusal_of_our_credentials_is_named_in_its_words(shop: Shop, status: int, reason: str) -> None:
    shop.apns.script(None, status, reason)
    assert reason in (await shop.errors())["apns_refuses"][1]


async def test_apple_that_does_not_answer_is_named(shop: Shop) -> None:
    await shop.apns.down()
    found = await shop.errors()
    assert set(found) == {"apns_unreachable"}
    assert "port 443" in found["apns_unreachable"][2]


async def test_a_push_key_without_its_id_is_named(shop: Shop, tmp_path: Path) -> None:
    key = tmp_path / "AuthKey_ABCDE12345.p8"
    key.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    found = await shop.errors(apns_key=str(key))
    assert "COUNTERPASS_APNS_KEY_ID" in found["apns_key_id_missing"][2]
    assert (await shop.found(apns_key_id="ABCDE12345"))["apns_key_id_alone"][0] == "warning"
    assert "apns_key_missing" in await shop.errors(apns_key=str(tmp_path / "none.p8"), apns_key_id="ABCDE12345")


async def test_a_push_key_that_is_something_else_is_named(shop: Shop) -> None:
    key = shop.certs / "apple" / "key.pem"
    assert set(await shop.errors(apns_key=str(key), apns_key_id="ABCDE12345")) == {"apple_unreadable"}


async def test_roots_to_trust_that_are_not_there_are_named(shop: Shop) -> None:
    assert "trust_missing" in await shop.errors(trust="/nonexistent/root.pem")


async def test_a_wrong_clock_is_named_by_googles_date(shop: Shop) -> None:
    behind = NOW - timedelta(minutes=10)
    assert "clock" in await shop.errors(now=behind)
    assert "clock" in await shop.errors(now=behind, google_account=None)
    assert await shop.errors(now=NOW + timedelta(seconds=5), google_account=None) == {}


async def test_a_clock_that_is_hours_wrong_is_named_as_such_though_google_gives_no_token(shop: Shop) -> None:
    assert "clock" in await shop.errors(now=NOW + timedelta(hours=3))


async def test_an_account_that_nobody_invited_is_named_with_its_address(shop: Shop) -> None:
    shop.google.invited = False
    found = await shop.errors()
    assert set(found) == {"google_not_invited"}
    assert found["google_not_invited"][2].startswith(f"invite {shop.google.email} as a Developer")


async def test_a_wrong_issuer_is_named(shop: Shop) -> None:
    assert "check the issuer id" in (await shop.errors(google_issuer="3388000000099999999"))["google_not_invited"][2]
    assert set(await shop.errors(google_issuer="")) == set(await shop.errors(google_issuer="café")) == {"google_issuer"}


async def test_a_revoked_key_is_named(shop: Shop, tmp_path: Path) -> None:
    account = json.loads(shop.google.account_path.read_bytes())
    key = rsa.generate_private_key(65537, 2048)
    account["private_key"] = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    old = tmp_path / "old.json"
    old.write_text(json.dumps(account))
    assert "make a new JSON key" in (await shop.errors(google_account=str(old)))["google_key_refused"][2]


async def test_a_file_that_is_no_account_is_named(shop: Shop) -> None:
    assert set(await shop.errors(google_account=str(shop.certs / "apple" / "root.pem"))) == {"google_unreadable"}
    assert set(await shop.errors(google_account="/nonexistent.json")) == {"google_unreadable"}


async def test_an_api_that_is_not_enabled_is_named(shop: Shop) -> None:
    shop.google.script(status=403, reason="accessNotConfigured", message="Google Wallet API has not been used in project 1 before.")
    assert "google_api_disabled" in await shop.errors()


async def test_google_that_does_not_answer_is_named(shop: Shop) -> None:
    shop.google.down = True
    assert set(await shop.errors()) == {"google_unreachable"}
    assert set(await shop.errors(google_url="http://127.0.0.1:1")) == {"google_unreachable"}


async def test_a_mail_server_that_takes_no_letter_of_ours_is_named(shop: Shop) -> None:
    async with MailSandbox(user="card", password="secret") as mail:
        right = f"smtp://card:secret@127.0.0.1:{mail.port}"
        assert await shop.errors(smtp_url=right, mail_from="card@cards.example") == {}
        for url, sender, word in (
            (right, "card@elsewhere.example", "mail_refused"),
            (right.replace("secret", "wrong"), "card@cards.example", "mail_refused"),
            ("smtp://127.0.0.1:9", "card@cards.example", "mail_refused"),
            ("mail.example:25", "card@cards.example", "mail_unreadable"),
            (right, "", "mail_unreadable"),
        ):
            found = await shop.errors(smtp_url=url, mail_from=sender)
            assert set(found) == {word}
            assert "secret" not in str(found)
        assert mail.letters == []


async def phone_with(cafe: Cafe, card: dict, pass_type: str = PASS_TYPE, device: int = 1) -> None:
    phone = Installation(
        id=UUID(int=device),
        business_id=cafe.business.id,
        card_id=UUID(card["id"]),
        wallet="apple",
        address=f"device-{device}",
        credential=pass_type,
        push_token="c0ffee",
        registered_at=NOW,
    )
    await cafe.desk.store.register(phone, None)


async def test_phones_that_are_behind_are_counted(shop: Shop) -> None:
    async with open_shop(shop.given["DATABASE_URL"]) as cafe:
        card = await cafe.join()
        await phone_with(cafe, card)
        await cafe.stamp(card)
    level, problem, _ = (await shop.found())["phones_behind"]
    assert (level, problem) == ("note", "1 phone is behind its card")


async def test_webhooks_that_do_not_get_through_are_counted(shop: Shop) -> None:
    async with open_shop(shop.given["DATABASE_URL"]) as cafe:
        wanted = webhooks.Wanted(url="https://till.example/hook")
        made = await webhooks.make(cafe.desk, cafe.business.id, cafe.staff["Lan"].id, wanted)
        assert "webhooks_untold" not in await shop.found()
        await cafe.desk.store.change_endpoint(made, replace(made, disabled_at=NOW, disabled_why="gone"), now=NOW)
    level, problem, _ = (await shop.found())["webhooks_untold"]
    assert (level, problem) == ("note", f"1 webhook of {cafe.business.name} does not get through")


async def test_phones_under_a_pass_type_without_a_certificate_are_named_with_their_number(
    shop: Shop, database_url: str, made: Path
) -> None:
    async with open_shop(database_url) as cafe:
        card = await cafe.join()
        await phone_with(cafe, card)
        assert "pass_type_without_certificate" not in await shop.errors(DATABASE_URL=database_url)
        for device in (2, 3):
            await phone_with(cafe, card, "pass.com.old", device)
        level, problem, cure = (await shop.found(DATABASE_URL=database_url))["pass_type_without_certificate"]
        assert level == "error"
        assert problem.startswith("2 phones hold cards of Cà Phê Sáng under pass.com.old, and the business has a certificate for pass.dev")
        assert "certificate for pass.com.old" in cure
        with pytest.raises(ValueError, match=r"2 iPhones hold cards of Cà Phê Sáng under pass\.com\.old"):
            await found.sign_with(cafe.desk.store, cafe.business, "", pass_type=PASS_TYPE)
        old = "pass.com.old"
        chains.make_development_chain(shop.certs / "apple-old", pass_type=old, team="DEVELOPER1", organization="Café", now=NOW)
        await cafe.change_business(apple="old")
        assert (await shop.found(DATABASE_URL=database_url))["pass_type_without_certificate"][1].startswith("1 phone holds a card")
        shutil.rmtree(shop.certs / "apple-old")
        assert (await shop.found(DATABASE_URL=database_url))["pass_type_without_certificate"][1].endswith(
            "the business has no certificate: it stays as it is"
        )


async def test_a_database_that_every_user_of_the_machine_may_read_is_a_warning(shop: Shop) -> None:
    path = anyio.Path(shop.given["DATABASE_URL"].removeprefix("sqlite:///"))
    await path.chmod(0o644)
    level, _, cure = (await shop.found())["database_open_to_all"]
    assert (level, cure) == ("warning", f"chmod 600 {path}*")


async def test_a_business_whose_own_certificate_is_missing_is_named(shop: Shop) -> None:
    async with open_shop(shop.given["DATABASE_URL"]) as cafe:
        await cafe.change_business(apple="saigon")
    assert "apple-saigon" in (await shop.errors())["business_certificate_missing"][1]


async def test_the_doctor_changes_nothing(shop: Shop) -> None:
    database = anyio.Path(shop.given["DATABASE_URL"].removeprefix("sqlite:///"))
    before = await database.read_bytes()
    await asyncio.gather(*(shop.found() for _ in range(3)))
    assert await database.read_bytes() == before
    assert not shop.google.classes
