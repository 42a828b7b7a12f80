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
from app.certs import Finding, worded
from app.db.engines import SQLITE, path_of
from app.desk import webhooks
from app.outbound import Outbound
from app.post import Undelivered
from app.settings import Settings
from app.store import Store
from app.world import real
from passes.wallets.apple import Apple
from passes.wallets.base import Ask, Http, Later, Misconfigured, Unreachable
from passes.words import N_

Topic = Literal["address", "apple", "google", "mail", "keys", "database", "clock"]
LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
APART: Final = timedelta(seconds=60)
"""How far this machine's clock may be from a vendor's: tokens and signatures bear its time."""
SET_THE_CLOCK: Final = N_("set this machine's clock (NTP): signatures and tokens bear its time")
CURES: Final = {
    "Invite ": (
        "google_not_invited",
        N_("invite {email} as a Developer in the Google Pay & Wallet Console (Users), and check the issuer id"),
    ),
    "Enable the Google Wallet API": (
        "google_api_disabled",
        N_("enable the Google Wallet API in the Cloud console for the project of {email}"),
    ),
    "Set this machine's clock": ("clock", SET_THE_CLOCK),
    "set it.": ("clock", SET_THE_CLOCK),
    "Make a new JSON key": ("google_key_refused", N_("make a new JSON key for the account in the Cloud console and use that")),
}
"""How the cure begins that Google's side says after a trouble; which trouble it is, and its cure. The others pass by themselves."""


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
    cure = N_("set COUNTERPASS_PUBLIC_URL to the https address of this service, without a path of Apple's: https://cards.example.com")
    split = urlsplit(url)
    if split.scheme not in {"http", "https"} or not split.hostname:
        return [_error("public_url_unreadable", N_("the public URL “{url}” is no web address"), cure, url=url)]
    found = []
    if "v1" in split.path.split("/"):
        problem = N_("the public URL {url} contains /v1, which Apple's devices append themselves")
        found.append(_error("public_url_v1", problem, cure, url=url))
    if split.scheme == "http" and split.hostname in LOCAL:
        problem = N_("the public URL is {url}: only this machine can reach it, and no real phone takes passes over plain HTTP")
        found.append(worded("warning", "public_url_local", problem, cure, url=url))
    elif split.scheme == "http":
        problem = N_("the public URL {url} is plain HTTP; phones refuse to update passes over it")
        found.append(_error("public_url_plain", problem, cure, url=url))
    return found


async def reachable(settings: Settings, http: Http) -> AsyncIterator[Finding]:
    """Whether the public address leads here, as far as this machine can see."""
    if not settings.public_url.startswith("https:"):
        return
    url = settings.public_url.rstrip("/") + "/health"
    cure = N_(
        "point the name at this machine and let the proxy in front pass requests on (docs/runbook.md); a firewall may keep only us from it"
    )
    try:
        answer = await http(Ask(method="GET", url=url))
    except Unreachable as error:
        yield worded("warning", "public_url_unreachable", N_("{url} does not answer: {why}"), cure, url=url, why=error)
        return
    if answer.status != HTTPStatus.OK or b"lagging" not in answer.body:
        problem = N_("{url} is answered with {status} by somebody else than this service")
        yield worded("warning", "public_url_elsewhere", problem, cure, url=url, status=answer.status)


def files(settings: Settings) -> Sequence[Finding]:
    """What is wrong with the files that settings name, before anything is asked of anybody."""
    found = []
    if settings.trust is not None and not settings.trust.is_file():
        problem = N_("COUNTERPASS_TRUST names {path}, which is not there: no vendor can be asked")
        cure = N_("correct COUNTERPASS_TRUST, or remove it to trust the system's roots")
        found.append(_error("trust_missing", problem, cure, path=settings.trust))
    if settings.apns_key is not None and not settings.apns_key.is_file():
        problem = N_("COUNTERPASS_APNS_KEY names {path}, which is not there")
        cure = N_("correct COUNTERPASS_APNS_KEY, or remove it to push with the certificate")
        found.append(_error("apns_key_missing", problem, cure, path=settings.apns_key))
    if settings.apns_key is not None and not settings.apns_key_id:
        problem = N_("there is a .p8 key without its id, and APNs takes no token without it")
        cure = N_("set COUNTERPASS_APNS_KEY_ID to the ten characters in the name of the file that Apple gave: AuthKey_XXXXXXXXXX.p8")
        found.append(_error("apns_key_id_missing", problem, cure))
    if settings.apns_key_id and settings.apns_key is None:
        problem = N_("COUNTERPASS_APNS_KEY_ID is set, and no key: it is not used")
        cure = N_("set COUNTERPASS_APNS_KEY to the .p8 file, or remove the id")
        found.append(worded("warning", "apns_key_id_alone", problem, cure))
    return found


def session_key(folder: Path) -> Sequence[Finding]:
    """Whether people stay signed in over a restart, and whether others could read the key that their sessions are encrypted with."""
    path = folder / certs.SESSION_KEY
    if not path.exists():
        problem = N_("there is no {path}: everybody is signed out at each start, and no process knows the sessions of another")
        if folder.is_dir():
            return [worded("note", "session_key_missing", problem, N_("start the service: it makes the key"), path=path)]
        cure = N_("make the folder {folder} (or correct COUNTERPASS_CERTS), then start the service: it makes the key")
        return [worded("warning", "session_key_missing", problem, cure, path=path, folder=folder)]
    if path.stat().st_mode & 0o077:
        problem = N_("others on this machine can read {path}, and sign in as anybody with it")
        cure = N_("chmod 600 {path}; if somebody did read it, remove it and restart: all sign in again")
        return [_error("session_key_open", problem, cure, path=path)]
    return []


async def mail(settings: Settings, http: Http, *, ask: bool = True) -> AsyncIterator[Finding]:
    """Does the mail server, where there is one, take what we would send? Nothing is sent."""
    try:
        post = credentials.post_office(settings, real(http))
    except ValueError as error:
        cure = N_("correct COUNTERPASS_SMTP_URL and COUNTERPASS_MAIL_FROM")
        yield _error("mail_unreadable", N_("the settings for e-mail cannot be read: {why}"), cure, why=error)
        return
    if post is None:
        cure = N_("set COUNTERPASS_SMTP_URL and COUNTERPASS_MAIL_FROM (docs/settings.md), or leave it: cards alone will do")
        yield worded("note", "no_mail", N_("there is no mail server: messages reach customers on the card alone"), cure)
        return
    try:
        if ask:
            await post.knock()
    except Undelivered as undelivered:
        cure = N_("correct COUNTERPASS_SMTP_URL and COUNTERPASS_MAIL_FROM, or ask who runs the mail server")
        yield _error("mail_refused", N_("the mail server takes no letter of ours: {why}"), cure, why=undelivered.why)
    finally:
        await post.close()


async def database(settings: Settings) -> AsyncIterator[Finding]:
    """Reachable, migrated, and is anybody behind or stopped?"""
    try:
        if absent := missing_file(settings.database_url):
            cure = N_("run `counterpass init`, or correct DATABASE_URL")
            yield _error("database_missing", N_("there is no database {path}"), cure, path=absent)
            return
        if open_ := open_to_all(settings.database_url):
            yield open_
        store = await db.open_store(settings.database_url, queue=settings.queue)
    except db.DatabaseProblem as error:
        cure = N_("start the database or correct DATABASE_URL")
        yield _error("database_unreachable", N_("the database cannot be used: {why}"), cure, why=error)
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
        problem, cure = N_("the database lacks migrations: {names}"), N_("run `counterpass migrate` (a new shop: `counterpass init`)")
        yield _error("migrations_missing", problem, cure, names=", ".join(missing))
        return
    async for finding in business(settings, store):
        yield finding
    async for finding in pass_types(settings, store):
        yield finding
    async for finding in phones(store):
        yield finding
    async for finding in told(store):
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
    problem = N_("every user of this machine may read {path}, which holds codes, keys of cards and customers' names")
    return worded("warning", "database_open_to_all", problem, N_("chmod 600 {path}*"), path=path)


async def business(settings: Settings, store: Store) -> AsyncIterator[Finding]:
    """Whether there is any, and whether the certificate that one names is there."""
    businesses = await store.businesses()
    if not businesses:
        yield worded("warning", "no_business", N_("there is no business yet"), N_("run `counterpass init`"))
    for one in businesses:
        folder = settings.certs / f"apple-{one.apple}"
        if one.apple and not (folder / "certificate.pem").exists():
            problem = N_("{business} has a certificate of its own, and {folder} does not hold it")
            cure = N_("`counterpass certs csr` and `certs import`, each with --certificate {name}, put it there")
            yield _error("business_certificate_missing", problem, cure, business=one.name, folder=folder, name=one.apple)


async def told(store: Store) -> AsyncIterator[Finding]:
    """Webhooks that do not get through."""
    for one in await store.businesses():
        if untold := await webhooks.untold(store, one.id):
            several = N_("{n} webhooks of {business} do not get through")
            problem = N_("1 webhook of {business} does not get through") if len(untold) == 1 else several
            cure = N_(
                "its page (Webhooks) says what the address answered; once that is right it goes on by itself, or is switched on there"
            )
            yield worded("note", "webhooks_untold", problem, cure, n=len(untold), business=one.name)


async def pass_types(settings: Settings, store: Store) -> AsyncIterator[Finding]:
    """Phones that know cards under another pass type than the one that their business has a certificate for."""
    try:
        wallet = credentials.apple_wallet(settings)
    except (OSError, ValueError):
        return  # which is named where the certificates are looked at
    certificates = wallet.certificates if wallet is not None else {}
    businesses = {one.id: one for one in await store.businesses()}
    for (business_id, pass_type), known in (await store.pass_types()).items():
        one = businesses.get(business_id)
        if one is None:
            continue  # test mode, in the sandbox
        certificate = certificates.get(one.apple)
        if certificate is None or certificate.pass_type != pass_type:
            has = certificate.pass_type if certificate is not None else ""
            problem = {
                (True, True): N_(
                    "1 phone holds a card of {business} under {held}, and the business has a certificate for {has}: it stays as it is"
                ),
                (True, False): N_(
                    "1 phone holds a card of {business} under {held}, and the business has no certificate: it stays as it is"
                ),
                (False, True): N_(
                    "{n} phones hold cards of {business} under {held}, and the business has a certificate for {has}: they stay as they are"
                ),
                (False, False): N_(
                    "{n} phones hold cards of {business} under {held}, and the business has no certificate: they stay as they are"
                ),
            }[known == 1, bool(has)]
            cure = N_("a card's type never changes: install a certificate for {held} again (`counterpass certs csr`, `certs import`)")
            yield _error("pass_type_without_certificate", problem, cure, business=one.name, held=pass_type, has=has, n=known)


async def phones(store: Store) -> AsyncIterator[Finding]:
    """Vendors that are stopped, and phones that are behind."""
    for alarm in await store.alarms():
        problem = N_("{wallet} is stopped since {since} UTC for {credential}: {why}")
        cure = N_("correct the credentials and restart; one card is tried every five minutes, and the rest follows by itself")
        facts = {"wallet": alarm.wallet, "since": f"{alarm.since:%Y-%m-%d %H:%M}", "credential": alarm.credential, "why": alarm.why}
        yield _error("wallet_stopped", problem, cure, **facts)
    lagging = await store.lagging()
    if lagging:
        problem = N_("1 phone is behind its card") if lagging == 1 else N_("{n} phones are behind their cards")
        cure = N_("if the number does not fall, is `counterpass serve` or `counterpass follow` running, and does the vendor answer?")
        yield worded("note", "phones_behind", problem, cure, n=lagging)


def certificate_folders(settings: Settings) -> Sequence[Path]:
    """The installation's certificate and those of businesses, wherever there is any."""
    return sorted(folder for folder in settings.certs.glob("apple*") if folder.is_dir())


async def apple(settings: Settings, http: Http, *, now: datetime, ask: bool = True) -> AsyncIterator[Finding]:
    """Certificates as they lie in their folders, whether Apple's push service takes them, and the clock."""
    found = [one for folder in certificate_folders(settings) for one in certs.check(folder, now=now)]
    for one in found:
        yield one
    try:
        wallet = credentials.apple_wallet(settings)
    except (OSError, ValueError) as error:
        if not any(one.level == "error" for one in found):
            cure = N_("correct the file or the setting that the sentence names")
            yield _error("apple_unreadable", N_("Apple's side cannot start: {why}"), cure, why=error)
        return
    if wallet is None:
        cure = N_("run `counterpass certs csr`, have Apple's portal sign it, then `counterpass certs import`")
        problem = N_("{folder} holds no Apple certificate: cards have no Apple side")
        yield worded("note", "no_apple", problem, cure, folder=settings.certs)
        return
    # Apple's own service would only say again that a development certificate is not Apple's.
    pretended = {one.word for one in found} >= {"development"} and settings.apns_url == Settings().apns_url
    if ask and not pretended:
        async for finding in pushes(wallet, http, now=now):
            yield finding
        if settings.google_account is None:  # with an account, Google is asked for the time anyway
            async for finding in clock(settings.google_keys_url, http, now=now):
                yield finding


async def pushes(wallet: Apple, http: Http, *, now: datetime) -> AsyncIterator[Finding]:
    """Whether the push service takes our credentials, asked with a device token that no device has."""
    for name, certificate in wallet.certificates.items():
        which = f"{name} ({certificate.pass_type})" if name else certificate.pass_type
        match await wallet.probe(certificate, http=http, now=now):
            case Misconfigured(why):
                problem = N_("Apple's push service refuses the certificate {which}: {why}")
                yield _error(
                    "apns_refuses", problem, N_("make a new certificate, or check the .p8 key, its id and its team"), which=which, why=why
                )
            case Later(why) if "SSL" in why:
                problem = N_("no TLS connection with the certificate {which}: {why}")
                cure = N_("the certificate is revoked or not Apple's, or COUNTERPASS_TRUST lacks the roots of the one who answers")
                yield _error("apns_refuses_tls", problem, cure, which=which, why=why)
            case Later(why):
                cure = N_("is the way out to api.push.apple.com port 443 open (HTTP/2)?")
                yield _error("apns_unreachable", N_("Apple's push service does not answer: {why}"), cure, why=why)
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
        problem = N_("this machine's clock and that of {host} are {seconds} seconds apart")
        yield _error("clock", problem, SET_THE_CLOCK, host=urlsplit(url).hostname, seconds=f"{apart.total_seconds():.0f}")


async def google(settings: Settings, http: Http, *, now: datetime, ask: bool = True) -> AsyncIterator[Finding]:
    """The service account, its invitation, the issuer, and the clock."""
    if settings.google_account is not None and not settings.google_issuer.isdecimal():
        issuer = settings.google_issuer
        problem = N_("COUNTERPASS_GOOGLE_ISSUER is “{issuer}”, not a number") if issuer else N_("COUNTERPASS_GOOGLE_ISSUER is not set")
        cure = N_("set it to the issuer id that the Google Pay & Wallet Console shows (digits only)")
        yield _error("google_issuer", problem, cure, issuer=issuer)
        return
    try:
        wallet = credentials.google_wallet(settings)
    except (OSError, ValueError) as error:
        cure = N_("COUNTERPASS_GOOGLE_ACCOUNT must name the JSON key file of a service account")
        yield _error("google_unreadable", N_("Google's side cannot start: {why}"), cure, why=error)
        return
    if wallet is None:
        cure = N_("set COUNTERPASS_GOOGLE_ACCOUNT and COUNTERPASS_GOOGLE_ISSUER (README, going live)")
        yield worded("note", "no_google", N_("there is no Google account: cards have no Google side"), cure)
        return
    for trouble in await wallet.check(http=http, now=now) if ask else ():
        begin = next((begin for begin in CURES if begin in trouble), None)
        if begin is None:
            cure = N_("is the way out to oauth2.googleapis.com and walletobjects.googleapis.com open? If so, try again in a few minutes")
            yield _error("google_unreachable", N_("Google was asked: {why}"), cure, why=trouble.rstrip("."))
        else:
            word, cure = CURES[begin]
            why = trouble.rpartition(begin)[0].rstrip(" :.")
            yield _error(word, N_("Google was asked: {why}"), cure, why=why, email=wallet.account.email)


def _error(word: str, problem: str, cure: str, **facts: object) -> Finding:
    return worded("error", word, problem, cure, **facts)
