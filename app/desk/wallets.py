"""The phone's side of the desk: hand out passes and links, hear which phones have which card, and what they ask for."""

import hmac
from datetime import datetime

from anyio.to_thread import run_sync
from msgspec.structs import replace

from app.desk import SOON, Desk, pictures
from app.store import CardFacts, GoogleClass
from passes.cards import Card, Event
from passes.face import Face, face, next_change
from passes.problems import NotFound, WalletNotConfigured, WalletUnavailable
from passes.wallets.apple import Apple
from passes.wallets.base import Installation, Later, Misconfigured
from passes.wallets.google import Callback, Ensured, Google
from passes.words import N_, Words

LAST_SHOWN = 60


def draw(facts: CardFacts, words: Words, now: datetime) -> Face:
    """The card's face now."""
    return face(
        card=facts.card,
        customer=facts.customer,
        program=facts.program,
        business=facts.business,
        offers=facts.offers,
        coupons=facts.coupons,
        events=facts.events,
        words=words,
        now=now,
        messages=facts.messages,
    )


def _apple(desk: Desk) -> Apple:
    if desk.apple is None:
        raise WalletNotConfigured(wallet="Apple Wallet")
    return desk.apple


def _google(desk: Desk) -> Google:
    if desk.google is None:
        raise WalletNotConfigured(wallet="Google Wallet")
    return desk.google


async def by_key(desk: Desk, key: str) -> CardFacts:
    """The card that a holder's link opens. Raises NotFound."""
    facts = await desk.store.card_facts(key=key)
    if facts is None:
        raise NotFound(what=N_("card"))
    return facts


async def of_card(desk: Desk, card: Card) -> CardFacts:
    """A card with all that its face is derived from. Raises NotFound."""
    facts = await desk.store.card_facts(business_id=card.business_id, card_id=card.id)
    if facts is None:
        raise NotFound(what=N_("card"))
    return facts


async def current(desk: Desk, card: Card) -> CardFacts:
    """A card with all that its face is derived from; if its face has changed by time alone, that is a new version from now on.

    Followers notice such a change for phones that are registered; other wallets only ever ask.
    """
    facts = await of_card(desk, card)
    since, now = facts.card.changed_at, desk.world.now()
    changes = next_change(draw(facts, desk.words, since), since)
    if changes is None or changes > now:
        return facts
    await desk.commit(now, touches=(card.id,))
    return await of_card(desk, card)


# --- Apple ---


async def apple_pass(desk: Desk, facts: CardFacts) -> bytes:
    """The signed .pkpass of a card, drawn now. Raises WalletNotConfigured."""
    apple = _apple(desk)
    now = desk.world.now()
    certificate = apple.certificates.get(facts.business.apple)
    if certificate is None or not desk.reaches(facts.business):
        raise WalletNotConfigured(wallet="Apple Wallet")
    open_ = [place for place in await desk.store.locations(facts.business.id) if not place.closed]
    places = tuple((place.latitude, place.longitude) for place in open_ if place.latitude is not None and place.longitude is not None)
    drawn = replace(draw(facts, desk.words, now), places=places)
    # Signing is half a millisecond of arithmetic without the interpreter's lock: in a thread it does not hold the others up.
    art = await pictures.art(desk, drawn.brand)
    return await run_sync(lambda: apple.draw(drawn, certificate=certificate, now=now, art=art))


async def authenticated(desk: Desk, *, pass_type: str, serial: str, token: str) -> Card | None:
    """The card that a device speaks of, if its token is right; None for a wrong token, or for a card that is not there.

    A device is told 401 in both cases: which serials exist is nobody's business.
    """
    apple = _apple(desk)
    card = await desk.store.card_by_serial(serial)
    right = hmac.compare_digest(card.token.encode() if card else b"", token.encode())
    if card is None or not right:
        return None
    if len(apple.certificates) == 1:
        return card if next(iter(apple.certificates.values())).pass_type == pass_type else None
    facts = await of_card(desk, card)
    certificate = apple.certificates.get(facts.business.apple)
    return card if certificate is not None and certificate.pass_type == pass_type else None


async def register(desk: Desk, card: Card, *, device: str, pass_type: str, push_token: str) -> bool:
    """A device registers for a card (or comes with a new push token). True if it is new.

    Nobody knows which version of the pass a new device holds: it may have lain in a mailbox. So it is told once.
    """
    now = desk.world.now()
    installation = Installation(
        id=desk.world.new_id(),
        business_id=card.business_id,
        card_id=card.id,
        wallet="apple",
        address=device,
        credential=pass_type,
        push_token=push_token,
        registered_at=now,
        saved_at=now,
        due_at=now + SOON,
    )
    new = await desk.store.register(installation, _event(desk, card, "saved", now, "apple"))
    desk.bell()
    return new


async def unregister(desk: Desk, card: Card, *, device: str) -> None:
    """A device gave the card up; saying so twice is no mistake."""
    now = desk.world.now()
    await desk.store.unregister(wallet="apple", address=device, card_id=card.id, at=now, event=_event(desk, card, "removed", now, "apple"))


async def updated(desk: Desk, *, device: str, pass_type: str, since: int) -> tuple[tuple[str, ...], int] | None:
    """The serials of a device's cards that changed after ``since``, and the newest version among them; None if none did."""
    known, changed = await desk.store.updated(device=device, pass_type=pass_type, since=since)
    if known:  # anybody may ask this, and a stranger's question must not cost a write
        await desk.store.asked(device=device, pass_type=pass_type, at=desk.world.now())
    if not changed:
        return None
    return tuple(serial for serial, _ in changed), max(version for _, version in changed)


async def fetched(desk: Desk, card: Card) -> None:
    """A device has the card's pass as it is: it fetched it, or asked and was told that its own is the newest."""
    await desk.store.fetched(card.id, version=card.version, at=desk.world.now())


# --- Google ---


async def google_link(desk: Desk, facts: CardFacts) -> str:
    """The save link of a card, whose class and object exist at Google after this.

    An object that Google has already is the followers' to write: anybody who has the link may open it, at any moment.
    Raises WalletNotConfigured, or WalletUnavailable while Google does not take them.
    """
    google = _google(desk)
    if not desk.reaches(facts.business):
        raise WalletNotConfigured(wallet="Google Wallet")
    now = desk.world.now()
    drawn = draw(facts, desk.words, now)
    known = await desk.store.google_class(facts.program.id)
    found = await desk.store.installation(wallet="google", address=google.object_id(facts.card.id))
    installed = found is not None and found.gone_at is None
    ensure = google.ensure_class if installed else google.ensure
    match await ensure(drawn, known=known.digest if known else None, aside=True, http=desk.world.http, now=now):
        case Ensured(digest):
            if known is None or known.digest != digest:
                await desk.store.keep_google_class(
                    GoogleClass(program_id=facts.program.id, business_id=facts.business.id, digest=digest, at=now)
                )
        case Later(_, after):
            raise WalletUnavailable(wallet="Google Wallet", retry_after=round(after or LAST_SHOWN))
        case Misconfigured():
            raise WalletUnavailable(wallet="Google Wallet", retry_after=LAST_SHOWN)
        case _:
            raise WalletUnavailable(wallet="Google Wallet", retry_after=LAST_SHOWN)
    card = facts.card
    if found is not None and installed:
        if found.told < card.version:
            desk.bell()
        return google.save_link(drawn, now=now)
    installation = Installation(
        id=desk.world.new_id(),
        business_id=card.business_id,
        card_id=card.id,
        wallet="google",
        address=google.object_id(card.id),
        credential=google.issuer,
        registered_at=now,
        told=card.version,
        told_at=now,
        due_at=next_change(drawn, now),
    )
    await desk.store.register(installation, None)
    desk.bell()  # the card may have changed while Google was asked
    return google.save_link(drawn, now=now)


async def google_says(desk: Desk, callback: Callback) -> None:
    """A verified word from Google that a card was saved or deleted; an object that we do not know is no mistake of Google's."""
    found = await desk.store.installation(wallet="google", address=callback.object_id)
    if found is None:
        return
    now = desk.world.now()
    saved = callback.event == "save"
    facts = await desk.store.card_facts(business_id=found.business_id, card_id=found.card_id)
    if facts is None:
        return
    event = _event(desk, facts.card, "saved" if saved else "removed", now, "google")
    await desk.store.saved(found.id, at=now if saved else None, event=event, nonce=callback.nonce)


def _event(desk: Desk, card: Card, kind: str, now: datetime, wallet: str) -> Event:
    return Event(
        id=desk.world.new_id(),
        business_id=card.business_id,
        card_id=card.id,
        customer_id=card.customer_id,
        kind=kind,  # type: ignore[arg-type]
        at=now,
        wallet=wallet,  # type: ignore[arg-type]
    )
