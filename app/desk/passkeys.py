"""Passkeys (WebAuthn, https://www.w3.org/TR/webauthn-3/): made by a person who is signed in, then enough to sign in."""

from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from app.desk import Desk, signing_in
from app.store import Duplicate, Member, Passkey
from passes import guesses
from passes.problems import NotFound, PasskeyRefused
from passes.words import N_

PASSKEY: Final = N_("passkey")
BROKEN: Final = (WebAuthnException, ValueError, TypeError, KeyError)
"""What the library raises for an answer that does not fit, and for one that is no answer at all."""


def _site(desk: Desk) -> tuple[str, str]:
    """For whom passkeys are made: the host and the origin of the public address."""
    url = urlsplit(desk.public_url)
    return url.hostname or "", f"{url.scheme}://{url.netloc}"


def challenge(desk: Desk) -> str:
    """What one answer must be to: kept in the session, for one use."""
    return desk.world.token()


async def registration(desk: Desk, me: Member, asked: str) -> str:
    """What the browser needs to make a passkey for this person, as JSON."""
    host, _ = _site(desk)
    options = generate_registration_options(
        rp_id=host,
        rp_name=me.business.name,
        user_id=me.staff.id.bytes,
        user_name=me.login.email or me.staff.name,
        user_display_name=me.staff.name,
        challenge=asked.encode(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential) for one in await desk.store.passkeys(staff_id=me.staff.id)],
    )
    return options_to_json(options)


async def register(desk: Desk, me: Member, *, name: str, asked: str, answer: str) -> Passkey:
    """Keep the passkey that the browser made. Raises PasskeyRefused."""
    host, origin = _site(desk)
    try:
        verified = verify_registration_response(
            credential=answer,
            expected_challenge=asked.encode(),
            expected_rp_id=host,
            expected_origin=origin,
            require_user_verification=True,
        )
    except BROKEN as error:
        raise PasskeyRefused from error
    now = desk.world.now()
    passkey = Passkey(
        id=desk.world.new_id(),
        business_id=me.business.id,
        staff_id=me.staff.id,
        credential=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        name=name.strip(),
        created_at=now,
    )
    try:
        await desk.commit(now, rows=(passkey,))
    except Duplicate:
        raise PasskeyRefused from None
    return passkey


def question(desk: Desk, asked: str) -> str:
    """What the browser needs to ask for any passkey of this site, as JSON: nobody says who they are first."""
    host, _ = _site(desk)
    options = generate_authentication_options(rp_id=host, challenge=asked.encode(), user_verification=UserVerificationRequirement.REQUIRED)
    return options_to_json(options)


async def sign_in(desk: Desk, *, asked: str, answer: str, address: str) -> Member:
    """Whose passkey this is. Raises TooManyGuesses or PasskeyRefused."""
    await signing_in.count(desk, signing_in.key("address", signing_in.network(address)), guesses.ADDRESS)
    host, origin = _site(desk)
    try:
        credential = parse_authentication_credential_json(answer)
        passkey = next(iter(await desk.store.passkeys(credential=credential.raw_id)), None)
        if passkey is None:
            raise PasskeyRefused
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=asked.encode(),
            expected_rp_id=host,
            expected_origin=origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except BROKEN as error:
        raise PasskeyRefused from error
    member = next(iter(await desk.store.members(staff_id=passkey.staff_id)), None)
    if member is None or not signing_in.may_sign_in(member):
        raise PasskeyRefused
    moved = await desk.store.passkey_used(passkey.id, seen=passkey.sign_count, sign_count=verified.new_sign_count, at=desk.world.now())
    if not moved:
        raise PasskeyRefused
    return member


async def remove(desk: Desk, me: Member, passkey_id: UUID) -> None:
    """Forget a passkey of one's own. Raises NotFound."""
    if not await desk.store.remove_passkey(me.business.id, me.staff.id, passkey_id):
        raise NotFound(what=PASSKEY)
