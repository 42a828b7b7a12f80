"""Everything known to go wrong, looked for, each with its cure: for whoever operates this at three in the morning."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from app import asgi, certs, db
from app.certs import Finding
from app.outbound import Outbound
from app.settings import Settings
from app.store import Store
from passes.wallets.apple import Apple
from passes.wallets.base import Gone, Http, Later, Misconfigured

LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


async def examine(settings: Settings, *, now: datetime) -> AsyncIterator[Finding]:
    """Each finding as it is made; nothing is changed."""
    for finding in public_url(settings.public_url):
        yield finding
    outbound = Outbound(trust=settings.trust)
    try:
        async for finding in database(settings):
            yield finding
        async for finding in apple(settings, outbound, now=now):
            yield finding
        async for finding in google(settings, outbound, now=now):
            yield finding
    finally:
        await outbound.close()


def public_url(url: str) -> Sequence[Finding]:
    """What is wrong with the address that phones are given."""
    cure = "set COUNTERPASS_PUBLIC_URL to the https address of this service, without a path of Apple's: https://cards.example.com"
    split = urlsplit(url)
    found = []
    if split.scheme not in {"http", "https"} or not split.hostname:
        found.append(Finding(level="error", word="public_url_unreadable", problem=f"the public URL {url!r} is no web address", cure=cure))
    if "v1" in split.path.split("/"):
        problem = f"the public URL {url} contains /v1, which Apple's devices append themselves"
        found.append(Finding(level="error", word="public_url_v1", problem=problem, cure=cure))
    if split.scheme == "http" and split.hostname in LOCAL:
        problem = f"the public URL is {url}: only this machine can reach it, and no real phone takes passes over plain HTTP"
        found.append(Finding(level="warning", word="public_url_local", problem=problem, cure=cure))
    elif split.scheme == "http":
        problem = f"the public URL {url} is plain HTTP; phones refuse to update passes over it"
        found.append(Finding(level="error", word="public_url_plain", problem=problem, cure=cure))
    return found


async def database(settings: Settings) -> AsyncIterator[Finding]:
    """Reachable, migrated, and is anybody behind or stopped?"""
    try:
        store = await db.open_store(settings.database_url, queue=settings.queue)
    except db.DatabaseProblem as error:
        cure = "start the database or correct DATABASE_URL; for new tables run `counterpass migrate`"
        yield Finding(level="error", word="database_unreachable", problem=str(error), cure=cure)
        return
    try:
        missing = await store.migrations_missing()
        if missing:
            problem = f"the database lacks {len(missing)} migrations ({', '.join(missing)})"
            yield Finding(level="error", word="migrations_missing", problem=problem, cure="run `counterpass migrate`")
            return
        async for finding in phones(store):
            yield finding
    finally:
        await store.close()


async def phones(store: Store) -> AsyncIterator[Finding]:
    """Vendors that are stopped, and phones that are behind."""
    for alarm in await store.alarms():
        problem = f"{alarm.wallet} is stopped since {alarm.since:%Y-%m-%d %H:%M} UTC for {alarm.credential}: {alarm.why}"
        cure = "correct the credentials and restart; one card is tried every five minutes, and the rest follows by itself"
        yield Finding(level="error", word="wallet_stopped", problem=problem, cure=cure)
    lagging = await store.lagging()
    if lagging:
        cure = "if the number does not fall, is `counterpass serve` or `counterpass follow` running, and does the vendor answer?"
        yield Finding(level="note", word="phones_behind", problem=f"{lagging} phones are behind their card", cure=cure)


async def apple(settings: Settings, http: Http, *, now: datetime) -> AsyncIterator[Finding]:
    """Certificates as they lie in their folders, and whether Apple's push service takes them."""
    folders = sorted(folder for folder in settings.certs.glob("apple*") if folder.is_dir())
    for folder in folders:
        for finding in certs.check(folder, now=now):
            yield finding
    try:
        wallet = asgi.apple_wallet(settings)
    except (OSError, ValueError) as error:
        yield Finding(
            level="error", word="apple_unreadable", problem=f"Apple's side cannot start: {error}", cure="run `counterpass certs check`"
        )
        return
    if wallet is None:
        cure = "run `counterpass certs csr`, have Apple's portal sign it, then `counterpass certs import`"
        yield Finding(level="note", word="no_apple", problem="there is no Apple certificate: cards have no Apple side", cure=cure)
        return
    async for finding in pushes(wallet, http, now=now):
        yield finding


async def pushes(wallet: Apple, http: Http, *, now: datetime) -> AsyncIterator[Finding]:
    """Whether the push service takes our credentials, asked with a device token that no device has."""
    for name, certificate in wallet.certificates.items():
        match await wallet.probe(certificate, http=http, now=now):
            case Gone():
                continue
            case Misconfigured(why):
                cure = "check the certificate and its key (`counterpass certs check`), or the .p8 key and its id"
                yield Finding(
                    level="error",
                    word="apns_refuses",
                    problem=f"Apple's push service refuses {name or 'the'} certificate: {why}",
                    cure=cure,
                )
            case Later(why):
                cure = "is the way out to api.push.apple.com port 443 open (HTTP/2)?"
                yield Finding(level="error", word="apns_unreachable", problem=f"Apple's push service does not answer: {why}", cure=cure)
            case _:
                continue


async def google(settings: Settings, http: Http, *, now: datetime) -> AsyncIterator[Finding]:
    """The service account, its invitation, and the clock."""
    try:
        wallet = asgi.google_wallet(settings)
    except (OSError, ValueError) as error:
        cure = "COUNTERPASS_GOOGLE_ACCOUNT must name the JSON key file of a service account"
        yield Finding(level="error", word="google_unreadable", problem=f"Google's side cannot start: {error}", cure=cure)
        return
    if wallet is None:
        cure = "set COUNTERPASS_GOOGLE_ACCOUNT and COUNTERPASS_GOOGLE_ISSUER (README, going live)"
        yield Finding(level="note", word="no_google", problem="there is no Google account: cards have no Google side", cure=cure)
        return
    for trouble in await wallet.check(http=http, now=now):
        yield Finding(level="error", word="google_refuses", problem=trouble, cure="see the sentence above")
