"""The look of a business and of its cards: changed, shown beforehand, brought to every card, taken out and in as one file."""

import io
import itertools
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import structlog
from msgspec.structs import replace

from app.desk import Desk, pictures, portions
from app.desk.audit import revise
from app.desk.wallets import draw
from app.store import CardFacts, Errand, GoogleClass, Portion
from passes import codes
from passes.businesses import Brand, Business
from passes.campaigns import Campaign, Rules
from passes.cards import Card, Customer, Event
from passes.coupons import Coupon, issue
from passes.designs import FOLDERS, Design
from passes.face import Face
from passes.offers import Offer
from passes.problems import BadDesign, NotFound
from passes.programs import Program
from passes.wallets.base import Later
from passes.wallets.google import Ensured
from passes.words import N_, Text

log = structlog.get_logger()

PORTION: Final = 100
"""Cards of one unit: three milliseconds of the writer, so that nobody at a counter notices."""
WAIT: Final = 5.0
"""Seconds until Google is asked again for a class that it could not take."""

State = Literal["empty", "half", "ready", "expired"]
STATES: Final[tuple[State, ...]] = get_args(State)
NOBODY: Final = UUID(int=0)
EXAMPLE: Final = "Hoa Nguyễn"


# --- Shown beforehand ---


async def offers_of(desk: Desk, program: Program) -> dict[UUID, Offer]:
    """The offers that a program's cards may show."""
    return dict(await desk.store.offers(program.business_id, [goal.offer_id for goal in program.goals]))


def example(
    desk: Desk, business: Business, program: Program, offers: Mapping[UUID, Offer], state: State, *, says: Campaign | None = None
) -> Face:
    """The face of a card that nobody has, in one of its states, as any card of this program would have it.

    With ``says`` it is one that this campaign has reached; then ``offers`` has what that gives, too.
    """
    now = desk.world.now()
    goal = program.goals[-1] if len(program.goals) == 1 else program.goals[0]
    balance = {"empty": 0, "half": program.round // 2, "ready": goal.at % program.round, "expired": min(2, program.round - 1)}[state]
    card = Card(
        id=NOBODY,
        business_id=business.id,
        program_id=program.id,
        customer_id=NOBODY,
        number=_number(),
        serial="",
        token="",
        key="",
        balance=balance,
        joined_at=now - timedelta(days=40),
        changed_at=now,
    )
    coupons: list[Coupon] = []
    if state in ("ready", "expired"):
        zone, made = business.tz, now - timedelta(minutes=1)
        coupon = issue(offers[goal.offer_id], coupon_id=NOBODY, code=_code(), now=made, zone=zone, card_id=NOBODY, customer_id=NOBODY)
        over = {"issued_at": now - timedelta(days=31), "expires_at": now - timedelta(days=1)}
        coupons.append(replace(coupon, **over) if state == "expired" else replace(coupon, valid_from=None))
    kinds: dict[State, tuple[str, UUID | None]] = {
        "empty": ("joined", None),
        "half": ("stamped", None),
        "ready": ("earned", NOBODY),
        "expired": ("earned", NOBODY),
    }
    kind, coupon_id = kinds[state]
    event = Event(
        id=NOBODY,
        business_id=business.id,
        card_id=NOBODY,
        customer_id=NOBODY,
        coupon_id=coupon_id,
        kind=kind,  # type: ignore[arg-type]
        at=now - timedelta(days=31) if state == "expired" else now,
        amount=1,
    )
    customer = Customer(id=NOBODY, business_id=business.id, name=EXAMPLE, language=business.languages[0], joined_at=now)
    messages: dict[UUID, Text] = {}
    if says is not None and says.offer_id is not None:
        gift = issue(offers[says.offer_id], coupon_id=says.id, code=_code(), now=now, zone=business.tz, card_id=NOBODY, customer_id=NOBODY)
        coupons.append(gift)
        event = replace(event, kind="issued", coupon_id=gift.id, at=now)
    if says is not None and says.message is not None:
        messages[says.id] = says.message
        event = replace(event, kind="message", campaign_id=says.id, at=now)
    facts = CardFacts(
        card=card,
        customer=customer,
        program=program,
        business=business,
        offers=offers,
        coupons=coupons,
        events=[event],
        messages=messages,
    )
    return draw(facts, desk.words, now)


def _code() -> str:
    """A code with a right check character that is always the same."""
    return codes.mint(_pick())


def _number() -> str:
    return codes.mint_number(_pick())


def _pick() -> Callable[[Sequence[str]], str]:
    turns = itertools.count(5)
    return lambda letters: letters[next(turns) * 7 % len(letters)]


# --- Changed ---


async def save(desk: Desk, staff_id: UUID, program: Program, design: Design) -> Errand | None:
    """A program's cards look like this from now on. What brings it to them, or None if nothing is different.

    Raises ChangedMeanwhile.
    """
    became = replace(program, design=design)
    if became == program:
        return None
    errand = await redrawing(desk, program.business_id, (program.id,), staff_id)
    await revise(desk, staff_id, "program.changed", (program, became), rows=(errand,) if errand else ())
    await instead_of_older(desk, errand)
    return errand


async def save_brand(desk: Desk, staff_id: UUID, business: Business, brand: Brand) -> Errand | None:
    """A business looks like this from now on, and so do its cards. Raises ChangedMeanwhile."""
    became = replace(business, brand=brand)
    if became == business:
        return None
    errand = await redrawing(desk, business.id, [one.id for one in await desk.store.programs(business.id)], staff_id)
    await revise(desk, staff_id, "business.changed", (business, became), rows=(errand,) if errand else ())
    await instead_of_older(desk, errand)
    return errand


# --- Brought to every card ---


class Redraw(msgspec.Struct, frozen=True):
    """What a redraw is about: the programs whose cards have another face now."""

    programs: tuple[UUID, ...]


async def redrawing(desk: Desk, business_id: UUID, program_ids: Sequence[UUID], staff_id: UUID) -> Errand | None:
    """What brings what changes about programs (their design, name, terms, or their business's brand) to all of their cards.

    It is committed with the change; None if there are no cards. ``instead_of_older`` comes next.
    """
    if not program_ids:
        return None
    now = desk.world.now()
    zone = _zone(await desk.store.program_with_business(program_ids[0]))
    total = sum([await desk.store.segment_size(business_id, Rules(program_id=one), now=now, zone=zone) for one in program_ids])
    if not total:
        return None
    return Errand(
        id=desk.world.new_id(),
        business_id=business_id,
        kind="redraw",
        body=msgspec.json.encode(Redraw(tuple(program_ids))).decode(),
        made_by=staff_id,
        made_at=now,
        total=total,
        due_at=now,
    )


async def instead_of_older(desk: Desk, errand: Errand | None) -> None:
    """An older redraw of the same programs that has not ended is stopped: this one does its work."""
    if errand is None or errand.kind != "redraw":
        return
    programs = set(msgspec.json.decode(errand.body, type=Redraw).programs)
    for older, portion in await desk.store.errands(errand.business_id, kind="redraw", limit=10):
        over = older.ended_at or older.stopped_at or (portion and portion.last)
        if not over and older.id != errand.id and set(msgspec.json.decode(older.body, type=Redraw).programs) <= programs:
            await desk.store.stop_errand(errand.business_id, older.id, errand.made_at)


def _zone(found: tuple[Program, Business] | None) -> ZoneInfo:
    if found is None:
        raise NotFound(what=N_("program"))
    return found[1].tz


async def redraw(desk: Desk, errand: Errand, last: Portion | None) -> Portion | timedelta:
    """The story of a redraw (app.errands): some hundred cards have another face, and whoever follows them is told.

    A program's class at Google goes before its cards: what is the same on all of them stands there.
    """
    programs = msgspec.json.decode(errand.body, type=Redraw).programs
    which, _, after = (last.after if last else "0.").partition(".")
    program_id = programs[int(which)]
    now = desk.world.now()
    cards = await desk.store.card_ids(program_id, after=UUID(after) if after else None, limit=PORTION)
    if cards and not after and (wait := await _google_first(desk, cards[0], program_id)):
        return wait
    whole = len(cards) < PORTION
    ends = f"{int(which) + 1}." if whole else f"{which}.{cards[-1]}"
    over = whole and int(which) + 1 == len(programs)
    portion = portions.following(desk, errand, last, now, done=len(cards), after=ends, more=not over)
    await desk.commit(now, rows=(portion,), touches=cards)
    return portion


async def _google_first(desk: Desk, card_id: UUID, program_id: UUID) -> timedelta | None:
    """Bring the program's class at Google up to date, if there is one; how long to wait if Google cannot take it now."""
    known = await desk.store.google_class(program_id)
    if desk.google is None or known is None:
        return None
    now = desk.world.now()
    facts = (await desk.store.cards_facts((card_id,)))[card_id]
    match await desk.google.ensure_class(draw(facts, desk.words, now), known=known.digest, http=desk.world.http, now=now):
        case Ensured(digest) if digest != known.digest:
            await desk.store.keep_google_class(GoogleClass(program_id=program_id, business_id=known.business_id, digest=digest, at=now))
        case Later(why, after):
            log.info("a class at Google will be changed later", why=why)
            return timedelta(seconds=after or WAIT)
        case _:  # refused credentials raise their alarm with the first card that is told
            pass
    return None


# --- As one file ---

LARGEST_FILE: Final = 40 * 1024 * 1024
MOST_UNPACKED: Final = 48 * 1024 * 1024
SAID: Final = "design.json"
FORMAT: Final = "counterpass-design-1"
_PICTURES: Final = ("logo", "strip", "stamp", "place")
_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)


class Packed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``design.json``: the design, whose pictures are files named by their digests."""

    format: Literal["counterpass-design-1"] = FORMAT
    design: Design


async def pack(desk: Desk, business: Business, program: Program) -> bytes:
    """A program's design as a ZIP: ``design.json``, with everything that it has of the brand in it, and its pictures."""
    brand, own = business.brand, program.design
    names = ("background", "foreground", "label", "symbol", *_PICTURES)
    design = replace(own, folder=own.folder or brand.design, **{name: getattr(own, name) or getattr(brand, name) for name in names})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        file.writestr(zipfile.ZipInfo(SAID, _FIRST_DAY), msgspec.json.format(msgspec.json.encode(Packed(design=design))))
        for digest in sorted({getattr(design, name) for name in _PICTURES} - {""}):
            picture = await pictures.brought(desk, digest)
            file.writestr(zipfile.ZipInfo(f"{digest}{_ENDING[picture.kind]}", _FIRST_DAY), picture.content)
    return out.getvalue()


_ENDING: Final = {"image/png": ".png", "image/jpeg": ".jpg"}


async def unpack(desk: Desk, business_id: UUID, data: bytes) -> Design:
    """The design in such a file, with its pictures taken in like any others (checked and drawn anew). Raises BadDesign and UnusablePicture.

    Nothing looks different by this: the design is shown, and saved by whoever likes it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            if len(file.infolist()) > len(_PICTURES) + 1 or sum(one.file_size for one in file.infolist()) > MOST_UNPACKED:
                raise BadDesign(why=N_("it holds more than a design and its pictures"))
            design = msgspec.json.decode(file.read(SAID), type=Packed).design
            files = {name.partition(".")[0]: file.read(name) for name in file.namelist() if name != SAID}
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadDesign(why=N_("its design.json is not one of ours")) from error
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, ValueError, EOFError, OSError, zlib.error) as error:
        raise BadDesign(why=N_("it is not a ZIP file with a design.json")) from error
    if design.folder not in FOLDERS:
        raise BadDesign(why=N_("there is no design of that name here"))
    taken = {digest: await pictures.bring(desk, business_id, content) for digest, content in files.items()}
    wanted = {name: getattr(design, name) for name in _PICTURES}
    if {digest for digest in wanted.values() if digest} - taken.keys():
        raise BadDesign(why=N_("a picture is missing"))
    return replace(design, **{name: taken[digest].digest if digest else "" for name, digest in wanted.items()})


def without_the_usual(design: Design, brand: Brand) -> Design:
    """The same design, with nothing of its own where that is the brand's anyway: so that it follows the brand from now on."""
    names = ("background", "foreground", "label", "symbol", *_PICTURES)
    same = {name: "" for name in names if getattr(design, name) == getattr(brand, name)}
    folder = "" if design.folder == brand.design else design.folder
    return replace(design, folder=folder, **same)
