"""The stand-in for Google keeps to Google's own rules, so that what passes here means something."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from google_cafe import IDS, NOON, Phone, open_phone

from app.sandbox.google import NotSaved
from passes.wallets.google import Account

API = "/walletobjects/v1"


class Issuer:
    """Somebody with a token who asks the API by hand."""

    def __init__(self, phone: Phone, client: httpx.AsyncClient) -> None:
        self.phone, self.google, self.client = phone, phone.google, client
        self.class_id = phone.wallet.class_id(IDS["program"])
        self.object_id = phone.wallet.object_id(IDS["card"])
        self.program = phone.wallet.class_body(phone.cafe.face())
        self.card = phone.wallet.object_body(phone.cafe.face())

    async def ask(self, method: str, path: str, body: object = None, *, refused: int = 200, **query: object) -> dict:
        token = await self.phone.wallet.account.token(http=self.phone.http, now=self.phone.clock())
        answer = await self.client.request(method, f"{API}/{path}", json=body, params=query, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == refused, answer.text
        return answer.json()

    async def refusal(self, status: int, method: str, path: str, body: object = None) -> str:
        """What the error says; its shape is Google's."""
        error = (await self.ask(method, path, body, refused=status))["error"]
        assert error["code"] == status
        assert error["errors"][0]["message"] == error["message"]
        return f"{error['errors'][0]['reason']}: {error['message']}"


@pytest.fixture
async def issuer(tmp_path: Path):
    async with open_phone(tmp_path) as phone, httpx.AsyncClient(base_url=phone.google.url) as client:
        yield Issuer(phone, client)


@pytest.fixture
async def made(issuer: Issuer):
    """An issuer whose class and object exist."""
    await issuer.phone.ensure()
    return issuer


# --- Bodies ---


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"colour": "red"}, 'Unknown name "colour": Cannot find field.'),
        ({"loyaltyPoints": {"balance": {"text": "7"}}}, "Unknown name \"text\" at 'loyaltyPoints.balance'"),
        ({"accountName": 7}, "Invalid value at 'accountName'"),
        ({"loyaltyPoints": "7/10"}, "Invalid value at 'loyaltyPoints' (LoyaltyPoints), an object is expected"),
        ({"textModulesData": {}}, "a list is expected"),
        ({"textModulesData": [7]}, "Invalid value at 'textModulesData[0]'"),
        ({"state": "SLEEPING"}, "Invalid value at 'state' (TYPE_ENUM), \"SLEEPING\""),
        ({"barcode": {"type": "QR", "value": "x"}}, "Invalid value at 'barcode.type'"),
        ({"loyaltyPoints": {"balance": {"int": 2**31}}}, "TYPE_INT32"),
        ({"loyaltyPoints": {"balance": {"int": True}}}, "TYPE_INT32"),
        ({"loyaltyPoints": {"balance": {"double": "1.5"}}}, "TYPE_DOUBLE"),
        ({"loyaltyPoints": {"balance": {"money": {"micros": "1e6"}}}}, "TYPE_INT64"),
        ({"disableExpirationNotification": "no"}, "TYPE_BOOLEAN"),
        ({"loyaltyPoints": {"label": "Stamps"}}, "balance is required."),
        ({"loyaltyPoints": {"balance": {"int": 1, "string": "1"}}}, "exactly one of"),
        ({"heroImage": {}}, "either sourceUri or privateImageId"),
        ({"heroImage": {"sourceUri": {"uri": "cards.example/x.png"}}}, "URIs must have a scheme."),
        ({"textModulesData": [{"id": "ready.1", "header": "a", "body": "b"}]}, "id may have only"),
        ({"barcode": {"type": "TEXT_ONLY", "alternateText": "x"}}, "alternateText cannot be set"),
        ({"barcode": {"type": "QR_CODE"}}, "type and value are required"),
        ({"merchantLocations": [{"latitude": 1.0, "longitude": 2}] * 11}, "at most 10 merchantLocations"),
        ({"validTimeInterval": {"start": {"date": "2026-01-01T00:00"}, "end": {"date": "2026-01-01T00:00Z"}}}, "one end has an offset"),
        ({"loyaltyPoints": {"balance": {"int": 1}, "localizedLabel": {"translatedValues": []}}}, "a language and a value"),
        ({"state": None}, "state is required."),
        ({"id": "no suffix"}, "Invalid resource ID"),
        ({"id": None}, "Invalid resource ID"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_a_wrong_body_is_400_and_says_where(issuer: Issuer, wrong, said):
    await issuer.ask("POST", "loyaltyClass", issuer.program)
    assert said in await issuer.refusal(400, "POST", "loyaltyObject", issuer.card | wrong)
    assert issuer.google.objects == {}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff"])
async def test_what_is_no_json_object_is_400(issuer: Issuer, body):
    token = await issuer.phone.wallet.account.token(http=issuer.phone.http, now=NOON)
    answer = await issuer.client.post(f"{API}/loyaltyClass", content=body, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 400


async def test_what_may_be_cut_or_given_up_is_a_warning(made: Issuer):
    long = {"loyaltyPoints": {"label": "Loyalty stamps", "balance": {"string": "1/10"}}, "state": "active"}
    modules = {"textModulesData": [{"id": str(number), "header": "a", "body": "b"} for number in range(11)]}
    await made.ask("PATCH", f"loyaltyObject/{made.object_id}", long | modules)
    assert {
        "LoyaltyObject.loyaltyPoints.label: 14 characters, 9 are sure to be shown",
        "LoyaltyObject.state: active is deprecated",
        "LoyaltyObject.textModulesData: 11 given, 10 shown",
    } <= set(made.google.warnings)


# --- Classes ---


async def test_a_class_is_approved_at_once_and_every_change_must_ask_again(issuer: Issuer):
    assert (await issuer.ask("POST", "loyaltyClass", issuer.program))["reviewStatus"] == "APPROVED"
    path = f"loyaltyClass/{issuer.class_id}"
    assert "UNDER_REVIEW" in await issuer.refusal(400, "PATCH", path, {"programName": "Tea"})
    assert "UNDER_REVIEW" in await issuer.refusal(400, "PATCH", path, {"programName": "Tea", "reviewStatus": "APPROVED"})
    assert "UNDER_REVIEW" in await issuer.refusal(400, "PUT", path, issuer.program | {"reviewStatus": "DRAFT"})
    changed = await issuer.ask("PATCH", path, {"programName": "Tea", "reviewStatus": "UNDER_REVIEW"})
    assert (changed["programName"], changed["reviewStatus"]) == ("Tea", "APPROVED")


async def test_a_draft_has_no_objects_until_it_is_reviewed(issuer: Issuer):
    await issuer.ask("POST", "loyaltyClass", issuer.program | {"reviewStatus": "DRAFT"})
    assert "is a draft" in await issuer.refusal(400, "POST", "loyaltyObject", issuer.card)
    await issuer.ask("PATCH", f"loyaltyClass/{issuer.class_id}", {"programName": "Tea"})
    await issuer.ask("PATCH", f"loyaltyClass/{issuer.class_id}", {"reviewStatus": "underReview"})
    await issuer.ask("POST", "loyaltyObject", issuer.card)


async def test_an_issuer_cannot_approve_its_own_class(issuer: Issuer):
    assert "UNDER_REVIEW" in await issuer.refusal(400, "POST", "loyaltyClass", issuer.program | {"reviewStatus": "APPROVED"})


@pytest.mark.parametrize("field", ["issuerName", "programName", "programLogo", "reviewStatus"])
async def test_a_class_needs_its_required_fields(issuer: Issuer, field):
    body = {name: value for name, value in issuer.program.items() if name != field}
    assert f"{field} is required." in await issuer.refusal(400, "POST", "loyaltyClass", body)


# --- Resources ---


async def test_what_is_missing_is_404_and_what_exists_is_409(made: Issuer):
    other = f"{made.google.issuer}.other"
    assert "resourceNotFound" in await made.refusal(404, "GET", f"loyaltyObject/{other}")
    assert "resourceNotFound" in await made.refusal(404, "PATCH", f"loyaltyObject/{other}", {"state": "ACTIVE"})
    assert "classNotFound" in await made.refusal(404, "POST", "loyaltyObject", made.card | {"id": other, "classId": other})
    assert "existingResource" in await made.refusal(409, "POST", "loyaltyObject", made.card)
    assert "existingResource" in await made.refusal(409, "POST", "loyaltyClass", made.program)
    assert "notFound" in await made.refusal(404, "DELETE", f"loyaltyObject/{made.object_id}")
    assert "notFound" in await made.refusal(404, "GET", "giftCardClass")


async def test_another_issuers_things_are_403(made: Issuer):
    assert "permissionDenied" in await made.refusal(403, "GET", "loyaltyObject/1234.card")
    assert "permissionDenied" in await made.refusal(403, "POST", "loyaltyObject", made.card | {"id": "1234.card"})
    assert "permissionDenied" in await made.refusal(403, "PATCH", f"loyaltyObject/{made.object_id}", {"classId": "1234.class"})


async def test_patch_merges_and_put_replaces(made: Issuer):
    path = f"loyaltyObject/{made.object_id}"
    patched = await made.ask("PATCH", path, {"loyaltyPoints": {"balance": {"string": "9/10"}}, "textModulesData": []})
    assert patched["accountName"] == "Nguyễn Thị Hoa"
    assert patched["loyaltyPoints"]["localizedLabel"]["defaultValue"]["value"] == "Tem"
    assert patched["textModulesData"] == []
    replaced = await made.ask("PUT", path, {"classId": made.class_id, "state": "ACTIVE"})
    assert "accountName" not in replaced
    assert "loyaltyPoints" not in replaced
    assert "state is required." in await made.refusal(400, "PUT", path, {"classId": made.class_id})
    assert "not the id of the address" in await made.refusal(400, "PATCH", path, {"id": f"{made.google.issuer}.other"})


async def test_an_object_is_shown_with_its_class_and_what_only_google_sets_is_ignored(made: Issuer):
    shown = await made.ask("PATCH", f"loyaltyObject/{made.object_id}", {"hasUsers": True, "notifyPreference": "NOTIFY_ON_UPDATE"})
    assert shown["classReference"]["reviewStatus"] == "APPROVED"
    assert shown["hasUsers"] is False
    assert "notifyPreference" not in shown


async def test_lists_come_whole_or_in_pages(made: Issuer):
    for number in range(4):
        await made.ask("POST", "loyaltyObject", made.card | {"id": f"{made.google.issuer}.{number}"})
    whole = await made.ask("GET", "loyaltyObject", classId=made.class_id)
    assert len(whole["resources"]) == whole["pagination"]["resultsPerPage"] == 5
    assert "nextPageToken" not in whole["pagination"]
    seen, token = [], ""
    for expected in (2, 2, 1):
        page = await made.ask("GET", "loyaltyObject", classId=made.class_id, maxResults=2, token=token)
        assert len(page["resources"]) == expected
        seen += [one["id"] for one in page["resources"]]
        token = page["pagination"].get("nextPageToken", "")
    assert token == ""
    assert seen == sorted(made.google.objects)
    assert len((await made.ask("GET", "loyaltyClass", issuerId=made.google.issuer))["resources"]) == 1
    await made.ask("GET", "loyaltyClass", issuerId=1234, refused=403)
    await made.ask("GET", "loyaltyClass", issuerId=made.google.issuer, maxResults="many", refused=400)


# --- Notifications ---


async def test_only_a_change_of_a_balance_on_a_saved_card_notifies_and_only_three_times_a_day(made: Issuer):
    path = f"loyaltyObject/{made.object_id}"

    async def aloud(**change: object) -> int:
        await made.ask("PATCH", path, change | {"notifyPreference": "NOTIFY_ON_UPDATE"})
        return len(made.google.notifications)

    def points(balance: int) -> dict:
        return {"balance": {"string": str(balance)}}

    assert await aloud(loyaltyPoints=points(1)) == 0  # nobody has it
    await made.google.save(made.phone.wallet.save_link(made.phone.cafe.face(), now=NOON))
    assert await aloud(accountName="Hoa") == 0
    assert await aloud(loyaltyPoints=points(1)) == 0  # the same
    await made.ask("PATCH", path, {"loyaltyPoints": points(2)})
    assert made.google.notifications == []  # not asked for
    assert [await aloud(loyaltyPoints=points(number)) for number in (3, 4, 5, 6)] == [1, 2, 3, 3]
    assert made.google.objects[made.object_id]["loyaltyPoints"]["balance"] == {"string": "6"}
    made.phone.clock.forward(hours=24)
    assert await aloud(secondaryLoyaltyPoints=points(7)) == 4
    assert made.google.notifications[0].title == "Thẻ cà phê"
    assert made.google.notifications[0].text == "2 → 3"


async def test_a_new_name_of_the_program_notifies_whoever_has_a_card(made: Issuer):
    await made.phone.save()
    change = {"programName": "Tea", "reviewStatus": "UNDER_REVIEW", "notifyPreference": "NOTIFY_ON_UPDATE"}
    await made.ask("PATCH", f"loyaltyClass/{made.class_id}", change)
    assert [(one.object_id, one.text) for one in made.google.notifications] == [(made.object_id, "Thẻ cà phê → Tea")]


@pytest.mark.parametrize("kind", ["loyaltyObject", "loyaltyClass"])
async def test_a_fourth_loud_message_in_a_day_exceeds_the_quota(made: Issuer, kind):
    await made.phone.save()
    path = f"{kind}/{made.object_id if kind == 'loyaltyObject' else made.class_id}/addMessage"
    loud = {"message": {"header": "Hello", "body": "Two for one", "messageType": "TEXT_AND_NOTIFY"}}
    for number in range(3):
        assert len((await made.ask("POST", path, loud))["resource"]["messages"]) == number + 1
    assert "QuotaExceededException" in await made.refusal(403, "POST", path, loud)
    await made.ask("POST", path, {"message": loud["message"] | {"messageType": "TEXT"}})
    assert [one.text for one in made.google.notifications] == ["Hello: Two for one"] * 3
    made.phone.clock.forward(hours=24)
    await made.ask("POST", path, loud)
    assert "message is required" in await made.refusal(400, "POST", path, {})


# --- Faults ---


async def test_more_than_twenty_requests_a_second_are_429(made: Issuer):
    made.google.rate = 20
    statuses = []
    token = await made.phone.wallet.account.token(http=made.phone.http, now=NOON)
    for _ in range(25):
        answer = await made.client.get(f"{API}/loyaltyObject/{made.object_id}", headers={"authorization": f"Bearer {token}"})
        statuses.append(answer.status_code)
    assert statuses.count(429) >= 1
    assert statuses[0] == 200


async def test_a_script_answers_so_many_times(made: Issuer):
    made.google.script(status=503, retry_after=5, times=2)
    path = f"loyaltyObject/{made.object_id}"
    assert "backendError" in await made.refusal(503, "GET", path)
    assert "backendError" in await made.refusal(503, "GET", path)
    await made.ask("GET", path)


async def test_down_is_503_for_everything(made: Issuer):
    made.google.down = True
    for path in ("/token", "/gp/m/issuer/keys", "/gp/v/save/x", f"{API}/loyaltyClass"):
        assert (await made.client.get(path)).status_code == 503


# --- Tokens ---


async def test_without_a_good_token_it_is_401(made: Issuer):
    path = f"{API}/loyaltyObject/{made.object_id}"
    for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic eDp5"}):
        assert (await made.client.get(path, headers=headers)).status_code == 401
    token = await made.phone.wallet.account.token(http=made.phone.http, now=NOON)
    made.phone.clock.forward(hours=1)
    assert (await made.client.get(path, headers={"authorization": f"Bearer {token}"})).status_code == 401


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({}, None),
        ({"iss": "somebody@else.example"}, "account not found"),
        ({"aud": "https://example.com/token"}, "Failed audience check"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, "Invalid OAuth scope"),
        ({"exp": 3601}, "short-lived token"),
        ({"exp": 0}, "short-lived token"),
        ({"iat": 301, "exp": 3600}, "short-lived token"),
        ({"iat": "now"}, "short-lived token"),
    ],
)
async def test_the_token_endpoint_checks_the_assertion(issuer: Issuer, change, error):
    start = int(NOON.timestamp())
    claims = {"aud": f"{issuer.google.url}/token", "scope": "https://www.googleapis.com/auth/wallet_object.issuer", "iat": 0, "exp": 3600}
    claims |= change
    claims |= {name: start + claims[name] for name in ("iat", "exp") if isinstance(claims[name], int)}
    account = Account.from_json(issuer.google.account_path.read_bytes())
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": account.sign(claims)}
    answer = await issuer.client.post("/token", content=urlencode(form), headers={"content-type": "application/x-www-form-urlencoded"})
    if error is None:
        assert answer.json()["expires_in"] == 3599
    else:
        assert answer.status_code == 400
        assert error in answer.json()["error_description"]


@pytest.mark.parametrize(
    "form", [{}, {"grant_type": "password"}, {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b"}]
)
async def test_what_is_no_assertion_gets_no_token(issuer: Issuer, form):
    answer = await issuer.client.post("/token", data=form)
    assert answer.status_code == 400
    assert "error_description" in answer.json()


async def test_the_accounts_file_is_for_its_owner_only(issuer: Issuer):
    assert issuer.google.account_path.stat().st_mode & 0o777 == 0o600


# --- The save page ---


async def test_the_page_shows_the_program_and_its_button_saves(made: Issuer):
    link = made.phone.wallet.save_link(made.phone.cafe.face(), now=NOON)
    page = await made.client.get(link)
    assert page.status_code == 200
    assert "Thẻ cà phê" in page.text
    assert made.google.objects[made.object_id]["hasUsers"] is False
    assert "in your wallet" in (await made.client.post(link)).text
    assert made.google.objects[made.object_id]["hasUsers"] is True
    assert [one.path for one in made.google.requests if "save" in one.path] == ["/gp/v/save/…"] * 2


async def test_a_link_to_what_does_not_exist_goes_wrong_on_the_page(issuer: Issuer):
    link = issuer.phone.wallet.save_link(issuer.phone.cafe.face(), now=NOON)
    page = await issuer.client.get(link)
    assert page.status_code == 400
    assert "Something went wrong" in page.text


async def test_a_link_may_bring_the_whole_card(issuer: Issuer):
    claims = {"aud": "google", "typ": "savetowallet", "iat": 0, "origins": []}
    payload = {"loyaltyClasses": [issuer.program], "loyaltyObjects": [issuer.card]}
    saved = await issuer.google.save(issuer.google.save_url + issuer.phone.wallet.account.sign(claims | {"payload": payload}))
    assert saved == (issuer.object_id,)
    assert any("a save link has" in warning for warning in issuer.google.warnings)


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "goggle"},
        {"typ": "JWT"},
        {"iss": "x"},
        {"iat": "now"},
        {"iat": int(datetime(2030, 1, 1, tzinfo=UTC).timestamp())},
        {"origins": None},
        {"payload": {}},
        {"payload": {"loyaltyObjects": [{"id": "1234.card"}]}},
        {"payload": {"loyaltyObjects": [{}]}},
        {"payload": {"loyaltyObjects": ["card"]}},
    ],
    ids=str,
)
async def test_a_link_with_a_wrong_claim_saves_nothing(made: Issuer, change):
    claims = {"aud": "google", "typ": "savetowallet", "iat": 0, "origins": [], "payload": {"loyaltyObjects": [{"id": made.object_id}]}}
    good = made.google.save_url + made.phone.wallet.account.sign(claims)
    with pytest.raises(NotSaved):
        await made.google.save(made.google.save_url + made.phone.wallet.account.sign(claims | change))
    with pytest.raises(NotSaved):
        await made.google.save(good[:-8] + "AAAAAAAA")
    assert made.google.objects[made.object_id]["hasUsers"] is False
    await made.google.save(good)


async def test_a_personal_card_is_saved_by_one_person_on_all_their_phones(made: Issuer):
    link = made.phone.wallet.save_link(made.phone.cafe.face(), now=NOON)
    await made.google.save(link, user="hoa")
    await made.google.save(link, user="hoa")
    with pytest.raises(NotSaved, match="somebody else"):
        await made.google.save(link, user="bob")
    await made.google.delete(made.object_id, user="hoa")
    await made.google.save(link, user="bob")


# --- For whoever watches ---


async def test_who_watches_hears_of_every_change_until_they_stop(made: Issuer):
    heard = []
    stop = made.google.subscribe(lambda: heard.append(made.google.objects[made.object_id]["loyaltyPoints"]["balance"]["string"]))
    await made.ask("PATCH", f"loyaltyObject/{made.object_id}", {"loyaltyPoints": {"balance": {"string": "4/10"}}})
    stop()
    await made.ask("PATCH", f"loyaltyObject/{made.object_id}", {"loyaltyPoints": {"balance": {"string": "5/10"}}})
    assert heard == ["4/10"]


async def test_waiting_ends_when_it_holds_or_in_time(made: Issuer):
    await made.google.until(lambda: made.object_id in made.google.objects)
    with pytest.raises(TimeoutError, match="POST /walletobjects/v1/loyaltyObject 200"):
        await made.google.until(lambda: False, timeout=0.01)
