"""The demo: the main job played to its end on a stage of its own, or the stage kept open for somebody to play on."""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from app.sandbox.page import Door, Holder, SandboxPage, Shelf, Try
from app.sandbox.stage import DOMAIN, PASSWORD, PINS, Customer, NotSeen, Stage
from passes.wallets.base import Ask, Unreachable

__all__ = ["NotSeen", "once", "stay"]

PAST: Final = 30
"""Days that lie behind the café when somebody comes to look."""


# --- Without a person ---


async def once(*, keep: Path | None, database: str | None) -> int:
    """Play the main job and say whether each step was seen on the phones' side; 0 only if every one was."""
    begun = time.monotonic()
    transcript: list[str] = []

    def say(step: str) -> None:
        transcript.append(f"{time.monotonic() - begun:6.2f} s  {step}")
        print(transcript[-1], flush=True)

    with tempfile.TemporaryDirectory(prefix="counterpass-demo-") as folder:
        stage = Stage(Path(folder), database=database, port=None)
        try:
            async with stage.open():
                say(f"the service answers at {stage.url} on {stage.database.partition(':')[0]}")
                await _play(stage, say, keep)
            status = 0
        except (NotSeen, Unreachable) as failure:
            say(f"NOT SEEN: {failure}")
            status = 1
        if keep:
            _write_down(transcript, keep, log=Path(folder) / "service.log" if status else None)
    return status


def _write_down(transcript: list[str], folder: Path, *, log: Path | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "transcript.txt").write_text("\n".join(transcript) + "\n")
    if log is not None and log.exists():
        shutil.copy(log, folder / "service.log")


async def _play(stage: Stage, say: Callable[[str], None], keep: Path | None) -> None:
    till = stage.till
    ann, hoa = await stage.join("Ann", "en"), await stage.join("Hoa", "vi")
    say("Ann (English) and Hoa (Vietnamese) joined; both have the card in Apple Wallet and in Google Wallet")
    for customer in (ann, hoa):
        took = await stage.shown(customer, "joined", progress="0/5", ready=None)
        say(f"{customer.phone.name}'s phones show 0/5 and the card's number ({took:.2f} s)")

    codes: dict[str, str] = {}
    for customer in (ann, hoa):
        for _ in range(4):
            await till.done(f"cards/{customer.card['id']}/earnings", {"count": 1})
        took = await stage.shown(customer, "four stamps", progress="4/5", ready=None)
        say(f"{customer.phone.name} got four stamps, one by one; both phones show 4/5 ({took:.2f} s)")
        earned = await till.done(f"cards/{customer.card['id']}/earnings", {"count": 1})
        codes[customer.phone.name] = earned["earned"][0]["code"]
        took = await stage.shown(customer, "reward", progress="5/10", ready=codes[customer.phone.name])
        status = customer.apple.fields["status"].value
        say(f"the fifth stamp: a reward is ready; both phones show {status!r} and its code ({took:.2f} s)")
    note = ann.phone.notifications[-1].text
    say(f"Ann's lock screen said: {note!r}; Hoa's: {hoa.phone.notifications[-1].text!r}")
    if keep:
        _keep(stage, ann, keep, link=await stage.link(ann.card), pkpass=await _pass_of(stage, ann))

    status_, verdict = await till.ask("POST", "look-ups", {"code": codes["Ann"]})
    _must(verdict["verdict"] == "redeemable", f"the look-up said {verdict}", status_)
    say("looked up: redeemable; nothing changed")

    typed = ann.apple.barcode.text.lower() if ann.apple.barcode else ""
    receipt = await till.done("redemptions", {"code": typed})
    say(f"Ann's code, typed as {_hidden(typed)}: {receipt['coupon']['offer']['action']!r}")
    photo = hoa.phone.drawing(hoa.apple.serial)
    by_photo = await till.done("redemptions/photo", photo=photo)
    say(f"Hoa's code, by a photo of her phone ({len(photo) // 1024} KB): {by_photo['coupon']['offer']['action']!r}")

    refused_status, refused = await till.ask("POST", "redemptions", {"code": codes["Ann"]})
    _must(refused.get("word") == "already_redeemed", f"the second try was answered {refused}", refused_status)
    _must(refused["facts"]["at"] == receipt["redemption"]["at"], "the refusal names another time", refused_status)
    say(f"the second try is refused: {refused['detail']!r}")

    for customer in (ann, hoa):
        took = await stage.shown(customer, "redeemed", progress="5/10", ready=None)
        say(f"{customer.phone.name}'s phones show the new face, without the reward ({took:.2f} s)")

    await till.done(f"redemptions/{receipt['redemption']['id']}/reversal", {})
    took = await stage.shown(ann, "reversed", progress="5/10", ready=codes["Ann"])
    say(f"taken back: both of Ann's phones show the reward again ({took:.2f} s)")

    _, story = await till.ask("GET", f"cards/{ann.card['id']}/story")
    apple = next(one for one in story["installations"] if one["wallet"] == "apple")
    _must(apple["up_to_date"], "the story does not say that the phone is up to date", 0)
    say(f"proof: told {apple['told_at'][11:23]} → asked {apple['asked_at'][11:23]} → fetched {apple['fetched_at'][11:23]}")
    chi = await stage.scan("Chi", "vi", stage.poster)
    shown = next(iter(chi.phone.passes.values())) if chi.phone else None
    _must(shown is not None and shown.fields["progress"].value == "0/5", "the poster's card is not on Chi's phone", 0)
    say("Chi scanned the poster: filled in the page, and has the card in both wallets")
    complaints = [line for phone in stage.phones for line in phone.logs]
    _must(not complaints, f"the phones complained: {complaints}", 0)
    say("no phone complained; every step was seen on the phones")


def _must(holds: bool, what: str, status: int) -> None:  # noqa: FBT001 (reads like an assertion)
    if not holds:
        raise NotSeen(f"{what} ({status})")


def _hidden(code: str) -> str:
    return code[:4] + "…"


async def _pass_of(stage: Stage, customer: Customer) -> bytes:
    answer = await stage.http(Ask(method="GET", url=customer.card["links"]["apple"]))
    return answer.body


def _keep(stage: Stage, customer: Customer, folder: Path, *, link: str, pkpass: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "apple.pkpass").write_bytes(pkpass)
    (folder / "phone.png").write_bytes(customer.phone.drawing(customer.apple.serial))
    (folder / "root.pem").write_bytes(stage.root)
    card = stage.google.objects[customer.google]
    for name, body in (("google-class.json", stage.google.classes[card["classId"]]), ("google-object.json", card)):
        (folder / name).write_text(json.dumps(body, ensure_ascii=False, indent=2) + "\n")
    (folder / "save-link.txt").write_text(link + "\n")


# --- To look at and to play with ---


async def stay(*, database: str | None, port: int) -> int:
    """The café with its customers, until somebody presses Ctrl-C; prints where to look and what to try."""
    print(f"Making a café with {PAST} days of visits behind it: this takes a moment …", flush=True)
    with tempfile.TemporaryDirectory(prefix="counterpass-demo-") as folder:
        stage = Stage(Path(folder), database=database, port=port, days=PAST)
        async with stage.open():
            shelf = Shelf(title="Cà Phê Sáng", google=stage.google)

            async def opened(name: str, language: str, link: str) -> None:
                shelf.show(await stage.scan(name, language, link))

            shelf.door = Door(link=stage.poster, open=opened)
            async with SandboxPage(shelf, http=stage.http, port=port + 1) as page:
                tries = await _people(stage, shelf)
                shelf.tries[:] = tries
                shelf.changes()
                print(f"\nThe phones of the demo:  {page.url}\nThe service:             {stage.url}")
                print(f"The poster to print:     {stage.url}/programs/{stage.program_id}/poster\nWhere it leads:          {stage.poster}\n")
                for one in tries:
                    print(f"# {one.what}\n{one.command}\n")
                print(f"A key, live:             {stage.till.secret}\nA key of test mode:      {stage.test_key}\n")
                print("Ctrl-C ends the demo" + (" and forgets everything." if database is None else "; the database stays."), flush=True)
                await asyncio.Event().wait()
    return 0


async def _people(stage: Stage, shelf: Shelf) -> list[Try]:
    """Customers in every state: new, half-way, ready, and with two rewards; in English and in Vietnamese."""
    ready: dict[str, Customer] = {}
    for name, language, stamps in (("Ann", "en", 5), ("Hoa", "vi", 10), ("Ben", "en", 7), ("Minh", "vi", 3)):
        customer = await stage.join(name, language)
        earned = await stage.till.done(f"cards/{customer.card['id']}/earnings", {"count": stamps})
        customer.card = earned["card"]
        ready[name] = customer
        shelf.show(Holder(name=name, language=language, phone=customer.phone, google=customer.google))

    def curl(path: str, body: Mapping[str, object]) -> str:
        return (
            f"curl -s {stage.url}/api/v1/{path} -H 'Authorization: Bearer {stage.till.secret}' "
            f"-H \"Idempotency-Key: $(date +%s%N)\" -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
        )

    ann, ben = ready["Ann"], ready["Ben"]
    code = ann.card["ready"][0]["shown"]
    return [
        Try(
            "Be a customer: join on the page that the poster leads to (or scan it with a new phone, on the page of the phones)",
            stage.poster,
        ),
        Try(f"Be the counter: make a browser one, choose An, PIN {PINS['An']}, then scan or type {code}", stage.doors["staff"]),
        Try(
            f"Be the owner: sign in as lan@{DOMAIN} with “{PASSWORD}”; Campaigns → Write to customers, then Insight", f"{stage.url}/sign-in"
        ),
        Try("Be a kiosk in another browser (or a private window)", stage.doors["kiosk"]),
        Try("Redeem Ann's cookie: watch both of her cards change", curl("redemptions", {"code": code})),
        Try("Try it once more: refused, with the time of the first", curl("redemptions", {"code": code})),
        Try("Give Ben a stamp (three to his coffee)", curl(f"cards/{ben.card['number']}/earnings", {"count": 1})),
        Try("What would this card give?", curl("look-ups", {"code": ready["Hoa"].card["shown"]})),
        Try(
            "See what a till can rely on: every published scenario, in test mode",
            f"counterpass scenarios {stage.url} {stage.test_key} --read-only {stage.looking_key} --live-card {ann.card['number']}",
        ),
    ]
