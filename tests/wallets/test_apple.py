"""The pass that a phone gets: what is on it, where, and in which language."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from apple_card import BUSINESS, COUPON, DESIGNS, OFFER, PASS_TYPE, Package, apple, certificate, drawn, package, shown
from chains import NOW, TEAM
from msgspec.structs import replace

from passes.businesses import Brand
from passes.face import Barcode, Line
from passes.problems import WalletNotConfigured
from passes.wallets.apple import FRONT_LONGEST, Apple, Certificate
from passes.words import text

REQUIRED = {"formatVersion", "passTypeIdentifier", "teamIdentifier", "serialNumber", "organizationName", "description", "storeCard"}


def test_a_pass_names_its_type_its_team_its_card_and_where_to_ask_for_news() -> None:
    content = package().content
    assert content.keys() >= REQUIRED
    assert content["formatVersion"] == 1
    assert (content["passTypeIdentifier"], content["teamIdentifier"]) == (PASS_TYPE, TEAM)
    assert content["serialNumber"] == "4f0a9c1d2e3b4a5f6071"
    assert content["authenticationToken"] == "a-token-of-more-than-16-characters"
    assert content["webServiceURL"] == "https://cards.example/apple"
    assert content["sharingProhibited"] is True


def test_a_stacked_card_shows_progress_and_that_a_reward_is_ready() -> None:
    pass_ = package(ready=True)
    header = pass_.fields("header")
    assert header["progress"]["value"] == "7/10"
    assert pass_.said("vi", header["status"]["value"]) == "SẴN SÀNG"
    assert "status" not in package().fields("header")


def test_the_barcode_is_the_redeem_code_with_its_groups_below() -> None:
    [barcode] = package(ready=True).content["barcodes"]
    assert barcode == {
        "format": "PKBarcodeFormatQR",
        "message": "K7QM4XRT3",
        "messageEncoding": "iso-8859-1",
        "altText": "K7Q-M4X-RT3",
    }


def test_code_128_is_followed_by_a_qr_for_the_watch() -> None:
    formats = [each["format"] for each in package(ready=True, offer=replace(OFFER, format="code128")).content["barcodes"]]
    assert formats == ["PKBarcodeFormatCode128", "PKBarcodeFormatQR"]


@pytest.mark.parametrize(("message", "encoding"), [("K7QM4XRT3", "iso-8859-1"), ("MÃ-GIẢM", "utf-8")])
def test_a_barcode_is_utf_8_only_where_it_must_be(message: str, encoding: str) -> None:
    [barcode] = package(barcode=Barcode("qr", message, message)).content["barcodes"]
    assert (barcode["message"], barcode["messageEncoding"]) == (message, encoding)


def test_a_card_is_not_voided_unless_it_is_true_and_never_expires() -> None:
    assert not {"expirationDate", "voided"} & package(ready=True).content.keys()
    assert package(voided=True).content["voided"] is True


def test_a_date_is_written_by_the_phone_in_the_zone_of_the_shop() -> None:
    until = package(ready=True).fields("auxiliary")["until"]
    moment = COUPON.expires_at
    assert moment is not None
    assert until["value"] == moment.astimezone(BUSINESS.tz).isoformat(timespec="seconds")
    assert until["value"].endswith("T23:59:59+07:00")
    assert (until["dateStyle"], until["timeStyle"], until["ignoresTimeZone"]) == ("PKDateStyleMedium", "PKDateStyleNone", True)


def test_a_time_of_day_is_shown_where_it_matters() -> None:
    noon = datetime(2026, 12, 1, 12, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
    field = package(lines=(Line(key="until", place="auxiliary", label=None, value=noon, clock=True),)).fields("auxiliary")["until"]
    assert field["timeStyle"] == "PKDateStyleShort"


def test_a_number_stays_a_number() -> None:
    pass_ = package(lines=(Line(key="points", place="header", label=None, value=1250),))
    assert pass_.fields("header")["points"] == {"key": "points", "value": 1250}


def test_keys_are_unique_and_alignment_is_left_to_the_phone() -> None:
    fields = package(ready=True).everywhere
    assert len({field["key"] for field in fields}) == len(fields)
    assert not any("textAlignment" in field for field in fields)


def test_one_field_announces_a_change() -> None:
    pass_ = package(ready=True)
    [announcing] = [field for field in pass_.everywhere if "changeMessage" in field]
    assert announcing["key"] == "latest"
    assert pass_.said("en", announcing["changeMessage"]) == "%@"


def test_a_full_front_loses_nothing_to_the_back() -> None:
    lines = tuple(
        Line(key=f"{place}.{number}", place=place, label=None, value=number)
        for place in ("header", "primary", "secondary", "auxiliary")
        for number in range(5)
    )
    pass_ = package(lines=lines)
    assert [len(pass_.fields(place)) for place in ("header", "primary", "secondary", "auxiliary")] == [3, 1, 4, 0]
    assert len(pass_.everywhere) == 20


def test_colours_are_the_form_that_apple_knows() -> None:
    content = package(brand=Brand(background="#2b1d14", foreground="#FFFFFF", label="#e8d3b0")).content
    assert (content["backgroundColor"], content["foregroundColor"], content["labelColor"]) == (
        "rgb(43, 29, 20)",
        "rgb(255, 255, 255)",
        "rgb(232, 211, 176)",
    )


# --- Languages ---


def test_every_language_has_the_same_keys() -> None:
    pass_ = package(ready=True)
    assert {name for name in pass_.files if name.endswith("pass.strings")} == {"en.lproj/pass.strings", "vi.lproj/pass.strings"}
    assert pass_.strings("en").keys() == pass_.strings("vi").keys()
    assert pass_.said("en", pass_.fields("secondary")["reward"]["value"]) == "Free coffee"
    assert pass_.said("vi", pass_.fields("secondary")["reward"]["value"]) == "Cà phê miễn phí"
    assert pass_.said("vi", pass_.content["description"]) == "Cà Phê Sáng: Thẻ cà phê"


def test_a_text_keeps_its_quotes_backslashes_and_lines() -> None:
    pass_ = package()
    assert pass_.said("en", pass_.fields("back")["terms"]["value"]) == 'One per visit.\nNot "with" other\\offers.'


def test_what_a_phone_would_not_find_in_its_language_is_said_in_english() -> None:
    pass_ = package()
    label = pass_.fields("back")["member"]["label"]
    assert pass_.said("vi", label) == pass_.said("en", label) == "Member"


def test_a_changed_sentence_is_a_changed_value_and_an_unchanged_one_is_not() -> None:
    seven, eight = package(balance=7), package(balance=8)
    assert seven.fields("back")["latest"]["value"] != eight.fields("back")["latest"]["value"]
    assert seven.fields("secondary")["next"] == eight.fields("secondary")["next"]


@pytest.mark.parametrize("name", ["Nguyễn Thị Hoa", "👩‍🚀 Zoë", "محمد", "李小龍", "\u202eevil", 'O\'Brien "X" \\', "Stamps", "%@"])
def test_a_name_is_shown_as_it_is_in_every_language(name: str) -> None:
    pass_ = package(name=name)
    for language in ("en", "vi"):
        assert pass_.said(language, pass_.fields("auxiliary")["holder"]["value"]) == name


def test_nobody_is_called_what_a_text_is_called() -> None:
    key = package().fields("secondary")["next"]["value"]
    pass_ = package(name=key, organization=key)
    for value in (pass_.fields("auxiliary")["holder"]["value"], pass_.content["organizationName"], pass_.content["logoText"]):
        assert pass_.said("en", value).startswith(key)


def test_a_very_long_name_is_short_on_the_front_and_whole_on_the_back() -> None:
    name = "Nguyễn " * 40
    pass_ = package(name=name)
    front = pass_.fields("auxiliary")["holder"]["value"]
    assert len(front) <= FRONT_LONGEST
    assert front.endswith("…")
    assert pass_.fields("back")["member"]["value"] == name


def test_a_language_cannot_leave_the_package() -> None:
    pass_ = package(program=text(**{"en": "Card", "../../x": "Card"}))
    assert all(".." not in name for name in pass_.files)


# --- Designs ---


def test_a_designs_own_picture_takes_the_place_of_the_drawn_one(tmp_path: Path) -> None:
    folder = tmp_path / "classic.pass"
    folder.mkdir()
    (folder / "pass.json").write_bytes((DESIGNS / "classic.pass" / "pass.json").read_bytes())
    (folder / "strip@2x.png").write_bytes(b"a picture")
    own = Apple(certificates={"": certificate()}, designs=tmp_path, public_url="https://cards.example")
    files = Package(own.draw(shown(), certificate=certificate(), now=NOW)).files
    assert files["strip@2x.png"] == b"a picture"
    assert not {"strip.png", "strip@3x.png"} & files.keys()


def test_an_unknown_design_is_drawn_as_the_classic_one() -> None:
    assert package(brand=replace(BUSINESS.brand, design="lost")).content == package().content


@pytest.mark.parametrize("content", ["{", "[]", '{"formatVersion": 1}', '{"formatVersion": 1, "storeCard": {}, "serialNumber": "1"}'])
def test_a_design_that_wallet_would_refuse_is_named_at_start(tmp_path: Path, content: str) -> None:
    (tmp_path / "broken.pass").mkdir()
    (tmp_path / "broken.pass" / "pass.json").write_text(content)
    with pytest.raises(ValueError, match=r"broken\.pass"):
        Apple(certificates={}, designs=tmp_path, public_url="https://cards.example")


# --- What cannot be ---


def test_a_public_url_that_ends_with_v1_is_refused() -> None:
    with pytest.raises(ValueError, match="/v1"):
        Apple(certificates={}, designs=DESIGNS, public_url="https://cards.example/v1/")


@pytest.mark.parametrize("days", [-2, 366])
def test_nothing_is_signed_with_a_certificate_that_no_phone_accepts(days: int) -> None:
    with pytest.raises(WalletNotConfigured):
        apple().draw(shown(), certificate=certificate(), now=NOW + timedelta(days=days))


def test_a_certificate_never_shows_its_key() -> None:
    assert "PRIVATE" not in repr(certificate())
    assert PASS_TYPE in repr(certificate())


def test_a_certificate_is_refused_with_the_key_of_another() -> None:
    own, other = certificate(), certificate("pass.example.other")
    with pytest.raises(ValueError, match="key"):
        Certificate.from_pem(own.certificate, other.key, own.certificate)
    with pytest.raises(ValueError, match="intermediate"):
        Certificate.from_pem(own.certificate, own.key, other.certificate)


def test_pass_json_is_what_is_said_and_nothing_more() -> None:
    raw = Package(drawn(shown(ready=True))).files["pass.json"]
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert "null" not in json.dumps(json.loads(raw))
