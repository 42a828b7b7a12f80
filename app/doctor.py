"""Everything known to go wrong, looked for, each with its cure: for whoever operates this at three in the morning."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from app import certs, credentials, db
from app.certs import Finding
from app.db.engines import SQLITE, path_of
from app.outbound import Outbound
from app.post import Undelivered
from app.settings import Settings
from app.store import Store
from app.world import real
from passes.wallets.apple import Apple
from passes.wallets.base import Ask, Http, Later, Misconfigured, Unreachable

Topic = Literal["address", "apple", "google", "mail", "keys", "database", "clock"]
LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
APART: Final = timedelta(seconds=60)
"""How far this machine's clock may be from a vendor's: tokens and signatures bear its time."""
CURES: Final = {
    "Invite ": "google_not_invited",
    "Enable the Google Wallet API": "google_api_disabled",
    "Set this machine's clock": "clock",
    "set it.": "clock",
    "Make a new JSON key": "google_key_refused",
}
"""How the cure begins that Google's side says after a trouble, and which trouble it is. The others pass by themselves."""
WAY_OUT: Final = "is the way out to oauth2.googleapis.com and walletobjects.googleapis.com open? If so, try again in a few minutes"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one subject, in a word: ``fine``, or the worst of its findings. ``until``: when a certificate ends."""

    topic: Topic
    level: Literal["fine", "note", "warning", "error"]
    findings: tuple[Finding, ...] = ()
    until: datetime | None = None


async def checks(settings: Settings, store: Store, *, now: datetime, ask: bool) -> Sequence[Check]:
    """What stands between this installation and customers' phones, for a page: the findings of ``examine`` by subject.

    Without ``ask`` nobody outside is asked, so that the answer takes no longer than a page may.
    """
    outbound = Outbound(trust=settings.trust)
    try:
        apple_ = [one async for one in apple(settings, outbound, now=now, ask=ask)]
        google_ = [one async for one in google(settings, outbound, now=now, ask=ask)]
        mail_ = [one async for one in mail(settings, outbound, ask=ask)]
        address = [*public_url(settings.public_url), *([one async for one in reachable(settings, outbound)] if ask else ())]
    finally:
        await outbound.close()
    found: dict[Topic, list[Finding]] = {
        "address": address,
        "apple": apple_,
        "google": google_,
        "mail": mail_,
        "keys": [*files(settings), *session_key(settings.certs)],
        "database": [one async for one in looked_at(settings, store)],
    }
    if ask:
        found["clock"] = [one for findings in found.values() for one in findings if one.word == "clock"]
    ends = [certs.ends(folder) for folder in certificate_folders(settings)]
    until = min((end for end in ends if end is not None), default=None)
    return [
        Check(topic=topic, level=_worst(findings), findings=tuple(findings), until=until if topic == "apple" else None)
        for topic, findings in found.items()
    ]


def _worst(findings: Sequence[Finding]) -> Literal["fine", "note", "warning", "error"]:
    levels = {finding.level for finding in findings}
    return "error" if "error" in levels else "warning" if "warning" in levels else "note" if levels else "fine"


async def examine(settings: Settings, *, now: datetime) -> AsyncIterator[Finding]:
    """Each finding as it is made; nothing is changed."""
    for finding in (*public_url(settings.public_url), *files(settings), *session_key(settings.certs)):
        yield finding
    outbound = Outbound(trust=settings.trust)
    try:
        async for finding in reachable(settings, outbound):
            yield finding
        async for finding in database(settings):
            yield finding
        async for finding in apple(settings, outbound, now=now):
            yield finding
        async for finding in google(settings, outbound, now=now):
            yield finding
        async for finding in mail(settings, outbound):
            yield finding
    finally:
        await outbound.close()


def public_url(url: str) -> Sequence[Finding]:
    """What is wrong with the address that phones are given."""
    cure = "set COUNTERPASS_PUBLIC_URL to the https address of this service, without a path of Apple's: https://cards.example.com"
    split = urlsplit(url)
    if split.scheme not in {"http", "https"} or not split.hostname:
        return [_error("public_url_unreadable", f"the public URL {url!r} is no web address", cure)]
    found = []
    if "v1" in split.path.split("/"):
        found.append(_error("public_url_v1", f"the public URL {url} contains /v1, which Apple's devices append themselves", cure))
    if split.scheme == "http" and split.hostname in LOCAL:
        problem = f"the public URL is {url}: only this machine can reach it, and no real phone takes passes over plain HTTP"
        found.append(_finding("warning", "public_url_local", problem, cure))
    elif split.scheme == "http":
        found.append(_error("public_url_plain", f"the public URL {url} is plain HTTP; phones refuse to update passes over it", cure))
    return found


async def reachable(settings: Settings, http: Http) -> AsyncIterator[Finding]:
    """Whether the public address leads here, as far as this machine can see."""
    if not settings.public_url.startswith("https:"):
        return
    url = settings.public_url.rstrip("/") + "/health"
    cure = (
        "point the name at this machine and let the proxy in front pass requests on (docs/runbook.md); a firewall may keep only us from it"
    )
    try:
        answer = await http(Ask(method="GET", url=url))
    except Unreachable as error:
        yield _finding("warning", "public_url_unreachable", f"{url} does not answer: {error}", cure)
        return
    if answer.status != HTTPStatus.OK or b"lagging" not in answer.body:
        yield _finding(
            "warning", "public_url_elsewhere", f"{url} is answered with {answer.status} by somebody else than this service", cure
        )


def files(settings: Settings) -> Sequence[Finding]:
    """What is wrong with the files that settings name, before anything is asked of anybody."""
    found = []
    if settings.trust is not None and not settings.trust.is_file():
        cure = "correct COUNTERPASS_TRUST, or remove it to trust the system's roots"
        found.append(_error("trust_missing", f"COUNTERPASS_TRUST names {settings.trust}, which is not there: no vendor can be asked", cure))
    if settings.apns_key is not None and not settings.apns_key.is_file():
        cure = "correct COUNTERPASS_APNS_KEY, or remove it to push with the certificate"
        found.append(_error("apns_key_missing", f"COUNTERPASS_APNS_KEY names {settings.apns_key}, which is not there", cure))
    if settings.apns_key is not None and not settings.apns_key_id:
        cure = "set COUNTERPASS_APNS_KEY_ID to the ten characters in the name of the file that Apple gave: AuthKey_XXXXXXXXXX.p8"
        found.append(_error("apns_key_id_missing", "there is a .p8 key without its id, and APNs takes no token without it", cure))
    if settings.apns_key_id and settings.apns_key is None:
        cure = "set COUNTERPASS_APNS_KEY to the .p8 file, or remove the id"
        found.append(_finding("warning", "apns_key_id_alone", "COUNTERPASS_APNS_KEY_ID is set, and no key: it is not used", cure))
    return found


def session_key(folder: Path) -> Sequence[Finding]:
    """Whether people stay signed in over a restart, and whether others could read the key that their sessions are encrypted with."""
    path = folder / certs.SESSION_KEY
    if not path.exists():
        problem = f"there is no {path}: everybody is signed out at each start, and no process knows the sessions of another"
        made = "start the service: it makes the key"
        cure = made if folder.is_dir() else f"make the folder {folder} (or correct COUNTERPASS_CERTS), then {made}"
        return [_finding("note" if folder.is_dir() else "warning", "session_key_missing", problem, cure)]
    if path.stat().st_mode & 0o077:
        problem = f"others on this machine can read {path}, and sign in as anybody with it"
        return [_error("session_key_open", problem, f"chmod 600 {path}; if somebody did read it, remove it and restart: all sign in again")]
    return []


async def mail(settings: Settings, http: Http, *, ask: bool = True) -> AsyncIterator[Finding]:
    """Does the mail server, where there is one, take what we would send? Nothing is sent."""
    try:
        post = credentials.post_office(settings, real(http))
    except ValueError as error:
        yield _error("mail_unreadable", str(error), "correct COUNTERPASS_SMTP_URL and COUNTERPASS_MAIL_FROM")
        return
    if post is None:
        cure = "set COUNTERPASS_SMTP_URL and COUNTERPASS_MAIL_FROM (docs/settings.md), or leave it: cards alone will do"
        yield _finding("note", "no_mail", "there is no mail server: messages reach customers on the card alone", cure)
        return
    try:
        if ask:
            await post.knock()
    except Undelivered as undelivered:
        cure = "correct COUNTERPASS_SMTP_URL and COUNTERPASS_MAIL_FROM, or ask who runs the mail server"
        yield _error("mail_refused", f"the mail server takes no letter of ours: {undelivered.why}", cure)
    finally:
        await post.close()


async def database(settings: Settings) -> AsyncIterator[Finding]:
    """Reachable, migrated, and is anybody behind or stopped?"""
    try:
        if absent := missing_file(settings.database_url):
            yield _error("database_missing", f"there is no database {absent}", "run `counterpass init`, or correct DATABASE_URL")
            return
        if finding := open_to_all(settings.database_url):
            yield finding
        store = await db.open_store(settings.database_url, queue=settings.queue)
    except db.DatabaseProblem as error:
        yield _error("database_unreachable", str(error), "start the database or correct DATABASE_URL")
        return
    try:
        async for finding in looked_at(settings, store):
            yield finding
    finally:
        await store.close()


async def looked_at(settings: Settings, store: Store) -> AsyncIterator[Finding]:
    """What an open database says."""
    missing = await store.migrations_missing()
    if missing:
        problem = f"the database lacks {len(missing)} migrations ({', '.join(missing)})"
        yield _error("migrations_missing", problem, "run `counterpass migrate` (a new shop: `counterpass init`)")
        return
    async for finding in business(settings, store):
        yield finding
    async for finding in pass_types(settings, store):
        yield finding
    async for finding in phones(store):
        yield finding


def missing_file(url: str) -> Path | None:
    """The file of a SQLite database that does not exist: opening it would make an empty one. Raises DatabaseProblem for no URL at all."""
    path = Path(path_of(url)) if url.startswith(SQLITE) else None
    return path if path is not None and not path.exists() else None


def open_to_all(url: str) -> Finding | None:
    """A SQLite file that every user of this machine may read. Raises DatabaseProblem for no URL at all."""
    path = Path(path_of(url)) if url.startswith(SQLITE) else None
    if path is None or not path.stat().st_mode & 0o007:
        return None
    problem = f"every user of this machine may read {path}, which holds codes, keys of cards and customers' names"
    return _finding("warning", "database_open_to_all", problem, f"chmod 600 {path}*")


async def business(settings: Settings, store: Store) -> AsyncIterator[Finding]:
    """Whether there is any, and whether the certificate that one names is there."""
    businesses = await store.businesses()
    if not businesses:
        yield _finding("warning", "no_business", "there is no business yet", "run `counterpass init`")
    for one in businesses:
        folder = settings.certs / f"apple-{one.apple}"
        if one.apple and not (folder / "certificate.pem").exists():
            cure = f"`counterpass certs csr` and `certs import`, each with --certificate {one.apple}, put it there"
            yield _error("business_certificate_missing", f"{one.name} has a certificate of its own, and {folder} does not hold it", cure)


async def pass_types(settings: Settings, store: Store) -> AsyncIterator[Finding]:
    """Phones that know cards under another pass type than the one that their business has a certificate for."""
    try:
        wallet = credentials.apple_wallet(settings)
    except (OSError, ValueError):
        return  # which is named where the certificates are looked at
    certificates = wallet.certificates if wallet is not None else {}
    businesses = {one.id: one for one in await store.businesses()}
    for (business_id, pass_type), known in (await store.pass_types()).items():
        one = businesses[business_id]
        certificate = certificates.get(one.apple)
        if certificate is None or certificate.pass_type != pass_type:
            hold = "1 phone holds a card" if known == 1 else f"{known} phones hold cards"
            has = f"a certificate for {certificate.pass_type}" if certificate is not None else "no certificate"
            problem = f"{hold} of {one.name} under {pass_type}, and the business has {has}: these cards stay as they are"
            cure = f"a card's type never changes: install a certificate for {pass_type} again (`counterpass certs csr`, `certs import`)"
            yield _error("pass_type_without_certificate", problem, cure)


async def phones(store: Store) -> AsyncIterator[Finding]:
    """Vendors that are stopped, and phones that are behind."""
    for alarm in await store.alarms():
        problem = f"{alarm.wallet} is stopped since {alarm.since:%Y-%m-%d %H:%M} UTC for {alarm.credential}: {alarm.why}"
        cure = "correct the credentials and restart; one card is tried every five minutes, and the rest follows by itself"
        yield _error("wallet_stopped", problem, cure)
    lagging = await store.lagging()
    if lagging:
        behind = "1 phone is behind its card" if lagging == 1 else f"{lagging} phones are behind their cards"
        cure = "if the number does not fall, is `counterpass serve` or `counterpass follow` running, and does the vendor answer?"
        yield _finding("note", "phones_behind", behind, cure)


def certificate_folders(settings: Settings) -> Sequence[Path]:
    """The installation's certificate and those of businesses, wherever there is any."""
    return sorted(folder for folder in settings.certs.glob("apple*") if folder.is_dir())


async def apple(settings: Settings, http: Http, *, now: datetime, ask: bool = True) -> AsyncIterator[Finding]:
    """Certificates as they lie in their folders, whether Apple's push service takes them, and the clock."""
    found = [finding for folder in certificate_folders(settings) for finding in certs.check(folder, now=now)]
    for finding in found:
        yield finding
    try:
        wallet = credentials.apple_wallet(settings)
    except (OSError, ValueError) as error:
        if not any(finding.level == "error" for finding in found):
            cure = "correct the file or the setting that the sentence names"
            yield _error("apple_unreadable", f"Apple's side cannot start: {error}", cure)
        return
    if wallet is None:
        cure = "run `counterpass certs csr`, have Apple's portal sign it, then `counterpass certs import`"
        yield _finding("note", "no_apple", f"{settings.certs} holds no Apple certificate: cards have no Apple side", cure)
        return
    # Apple's own service would only say again that a development certificate is not Apple's.
    pretended = {finding.word for finding in found} >= {"development"} and settings.apns_url == Settings().apns_url
    if ask and not pretended:
        async for finding in pushes(wallet, http, now=now):
            yield finding
        if settings.google_account is None:  # with an account, Google is asked for the time anyway
            async for finding in clock(settings.google_keys_url, http, now=now):
                yield finding


async def pushes(wallet: Apple, http: Http, *, now: datetime) -> AsyncIterator[Finding]:
    """Whether the push service takes our credentials, asked with a device token that no device has."""
    for name, certificate in wallet.certificates.items():
        which = f"the certificate {name} ({certificate.pass_type})" if name else f"the certificate ({certificate.pass_type})"
        match await wallet.probe(certificate, http=http, now=now):
            case Misconfigured(why):
                cure = "make a new certificate, or check the .p8 key, its id and its team"
                yield _error("apns_refuses", f"Apple's push service refuses {which}: {why}", cure)
            case Later(why) if "SSL" in why:
                cure = "the certificate is revoked or not Apple's, or COUNTERPASS_TRUST lacks the roots of the one who answers"
                yield _error("apns_refuses_tls", f"no TLS connection with {which}: {why}", cure)
            case Later(why):
                cure = "is the way out to api.push.apple.com port 443 open (HTTP/2)?"
                yield _error("apns_unreachable", f"Apple's push service does not answer: {why}", cure)
            case _:  # it knows no such device, so it has accepted who asks
                continue


async def clock(url: str, http: Http, *, now: datetime) -> AsyncIterator[Finding]:
    """Whether this machine's clock agrees with that of a server that is right. A server that says no time is no finding."""
    try:
        answer = await http(Ask(method="HEAD", url=url))
        apart = abs(parsedate_to_datetime(answer.headers["date"]) - now)
    except (Unreachable, KeyError, ValueError, TypeError):
        return
    if apart > APART:
        problem = f"this machine's clock and that of {urlsplit(url).hostname} are {apart.total_seconds():.0f} seconds apart"
        yield _error("clock", problem, "set this machine's clock (NTP): signatures and tokens bear its time")


async def google(settings: Settings, http: Http, *, now: datetime, ask: bool = True) -> AsyncIterator[Finding]:
    """The service account, its invitation, the issuer, and the clock."""
    if settings.google_account is not None and not settings.google_issuer.isdecimal():
        said = f"is {settings.google_issuer!r}, not a number" if settings.google_issuer else "is not set"
        cure = "set it to the issuer id that the Google Pay & Wallet Console shows (digits only)"
        yield _error("google_issuer", f"COUNTERPASS_GOOGLE_ISSUER {said}", cure)
        return
    try:
        wallet = credentials.google_wallet(settings)
    except (OSError, ValueError) as error:
        cure = "COUNTERPASS_GOOGLE_ACCOUNT must name the JSON key file of a service account"
        yield _error("google_unreadable", f"Google's side cannot start: {error}", cure)
        return
    if wallet is None:
        cure = "set COUNTERPASS_GOOGLE_ACCOUNT and COUNTERPASS_GOOGLE_ISSUER (README, going live)"
        yield _finding("note", "no_google", "there is no Google account: cards have no Google side", cure)
        return
    for trouble in await wallet.check(http=http, now=now) if ask else ():
        begin = next((begin for begin in CURES if begin in trouble), None)
        if begin is None:
            yield _error("google_unreachable", trouble, WAY_OUT)
        else:
            problem, _, rest = trouble.rpartition(begin)
            yield _error(CURES[begin], problem.rstrip(" :"), (begin + rest).rstrip("."))


def _finding(level: Literal["error", "warning", "note"], word: str, problem: str, cure: str) -> Finding:
    return Finding(level=level, word=word, problem=problem, cure=cure)


def _error(word: str, problem: str, cure: str) -> Finding:
    return _finding("error", word, problem, cure)
