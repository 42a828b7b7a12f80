"""How cards look: of one program, and of the whole business. Chosen in a form, and drawn beside it as each wallet draws it."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from anyio.to_thread import run_sync
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from msgspec.structs import replace

from app.desk import designs, pictures, programs
from app.desk.designs import State
from app.web import brand as paint
from app.web import errands
from app.web.forms import Words, Wrong, filled_in, wrong
from app.web.pages import go, is_fragment, language_of, render
from app.web.saying import Saying
from app.web.sessions import managers, owners
from app.web.signing_in import me
from app.web.wire import Ask, desk_of
from passes import artwork, scan
from passes.artwork import HERO, Art
from passes.businesses import Brand, Business
from passes.colours import readable_brand
from passes.designs import DEFAULT, FOLDERS, MAY_HIDE, Design, Fact, FactKey, Picture, Spot, Symbol, dressed, facts, overfull
from passes.face import Face, Line
from passes.offers import FreeItem, Offer
from passes.programs import ByVisit, Goal, Program
from passes.wallets.apple import fit, placed
from passes.wallets.google import Drafts
from passes.words import N_, Text

Hex = Annotated[str, msgspec.Meta(pattern="^#[0-9a-fA-F]{6}$")]
NAMES: Final[Mapping[FactKey, str]] = {
    "progress": N_("Stamps or points"),
    "status": N_("“Ready”"),
    "reward": N_("The reward that is ready"),
    "until": N_("Until when it is valid"),
    "next": N_("The next reward"),
    "holder": N_("The customer’s name"),
    "latest": N_("What happened last"),
    "member": N_("The customer’s name, once more"),
    "number": N_("The card’s number"),
    "terms": N_("Terms"),
    "contact": N_("How to reach you"),
}
SPOTS: Final[Mapping[Spot, str]] = {
    "header": N_("At the top right"),
    "primary": N_("Large, over the picture"),
    "secondary": N_("In the row below the picture"),
    "auxiliary": N_("In that row, after the others"),
    "back": N_("On the back"),
    "hidden": N_("Not at all"),
}
ROW_NAMES: Final[Mapping[Spot, str]] = {
    "header": N_("At the top right there is room for {most} only, at one time. Put this somewhere else."),
    "primary": N_("Over the picture there is room for {most} only. Put this somewhere else."),
    "secondary": N_("In the row below the picture there is room for {most} only, at one time. Put this somewhere else."),
}
STATES: Final[Mapping[State, str]] = {
    "empty": N_("New"),
    "half": N_("Half full"),
    "ready": N_("Reward ready"),
    "expired": N_("Reward expired"),
}
SYMBOLS: Final[Mapping[Symbol, str]] = {
    "": N_("The business’s"),
    "cup": N_("Cup"),
    "bag": N_("Bag"),
    "scissors": N_("Scissors"),
    "car": N_("Car"),
    "star": N_("Star"),
}
EXAMPLE: Final = UUID(int=1)


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """Which card is looked at, and what the button says."""

    state: State = "half"
    seen: str = ""
    """The language of the phone."""
    do: Literal["save", "preview"] = "save"


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a fact stands, and its name."""

    key: FactKey
    spot: Spot | Literal[""] = ""
    label: Words | None = None


class Chosen(Looked, frozen=True, kw_only=True):
    """The form of a program's design; the colours count only if they are its own."""

    folder: str = ""
    colours: Literal["brand", "own"] = "brand"
    background: Hex
    foreground: Hex
    label: Hex
    symbol: Symbol = ""
    logo: Picture = ""
    strip: Picture = ""
    stamp: Picture = ""
    place: Picture = ""
    facts: tuple[Placed, ...] = ()


class Branded(Looked, frozen=True, kw_only=True):
    """The form of the business's look."""

    design: str = DEFAULT
    background: Hex
    foreground: Hex
    label: Hex
    symbol: Literal["cup", "bag", "scissors", "car", "star"] = "star"
    logo: Picture = ""
    strip: Picture = ""
    stamp: Picture = ""
    place: Picture = ""


# --- What is drawn ---


def _said(value: object, saying: Saying, language: str, *, clock: bool = False, front: bool = False) -> str:
    match value:
        case Text():
            return value.said(language)
        case datetime() as moment:
            return saying.dated(moment) if clock else saying.day(moment)
        case plain:
            return fit(str(plain)) if front else str(plain)


def _pair(line: Line, saying: Saying, language: str) -> tuple[str, str, str]:
    label = line.label.said(language) if line.label else ""
    return line.key, label, _said(line.value, saying, language, clock=line.clock, front=line.place != "back")


def _data(png: bytes) -> str:
    return "data:image/png;base64," + b64encode(png).decode()


def _drawn(face: Face, art: Art) -> dict[str, str]:
    """The pictures of a face for both wallets."""
    shown = artwork.progress(face.unit, face.goals, face.balance, ready=bool(face.ready))
    quiet = replace(shown, ready=False)  # Google fetches one picture for a balance, whatever is ready
    return {
        "strip": _data(artwork.sketch(face.brand, shown, own=art)) if artwork.has_strip(face.brand) else "",
        "hero": _data(artwork.sketch(face.brand, quiet, HERO, art)),
        "logo": _data(artwork.logo(face.brand, 2, art)),
        "round": _data(artwork.program_logo(face.brand, art)),
    }


async def preview(request: Ask, business: Business, program: Program, offers: Mapping[UUID, Offer], looked: Looked) -> dict[str, Any]:
    """Both drawings of a card that nobody has, in its state and on a phone of its language."""
    desk = desk_of(request)
    language = looked.seen if looked.seen in desk.words.languages else business.languages[0]
    (seen,) = await drawings(request, business, designs.example(desk, business, program, offers, looked.state), (language,))
    return {"state": looked.state, **seen}


async def drawings(request: Ask, business: Business, face: Face, languages: Sequence[str]) -> list[dict[str, Any]]:
    """A face in each language as drawn_macros.html draws it, from what would be sent to Apple's and Google's wallets."""
    art = await pictures.art(desk_of(request), face.brand)
    shown = await run_sync(_drawn, face, art, limiter=request.app.state.photos)
    return [{"pictures": shown, **_in(request, business, face, language)} for language in languages]


def _in(request: Ask, business: Business, face: Face, language: str) -> dict[str, Any]:
    desk = desk_of(request)
    saying = Saying(desk.words, language, business.tz, desk.world.now())
    rows = placed(face.lines)
    drafts = Drafts(issuer="0", public_url=desk.public_url)
    cls, card = drafts.class_body(face), drafts.object_body(replace(face, language=language))
    return {
        "seen": language,
        "face": face,
        "code": scan.draw_barcode(face.barcode.format, face.barcode.message),
        "paint": paint.paint_address(face.brand),
        "said": face.latest.said(language),
        "apple": {place: [_pair(line, saying, language) for line in lines] for place, lines in rows.items()},
        "google": {
            "issuer": cls["issuerName"],
            "program": _localized(cls["localizedProgramName"], language),
            "points": [
                (_localized(card[one]["localizedLabel"], language), card[one]["balance"]["string"])
                for one in ("loyaltyPoints", "secondaryLoyaltyPoints")
            ],
            "rows": [
                (_localized(one["localizedHeader"], language), _localized(one["localizedBody"], language))
                for one in (*card["textModulesData"], *cls["textModulesData"])
            ],
        },
    }


def _localized(said: Mapping[str, Any], language: str) -> str:
    every = [said["defaultValue"], *said["translatedValues"]]
    found: str = next((one["value"] for one in every if one["language"] == language), said["defaultValue"]["value"])
    return found


# --- One program's ---


async def _program(request: Ask, program_id: UUID) -> Program:
    return await programs.one(desk_of(request), me(request).business.id, program_id)


def _shifted(brand: Brand) -> tuple[Brand, tuple[tuple[str, str], ...]]:
    """The brand as it can be read, and which of its colours had to be shifted for that."""
    shown = readable_brand(brand)
    pairs = (("foreground", shown.foreground), ("label", shown.label))
    return shown, tuple((name, colour) for name, colour in pairs if colour != getattr(brand, name).lower())


def _design(business: Business, said: Chosen) -> tuple[Design, tuple[tuple[str, str], ...]]:
    """The design that a form says, with its colours shifted until they can be read, and which were."""
    folder = said.folder if said.folder in FOLDERS else ""
    colours = ("background", "foreground", "label") if said.colours == "own" else ()
    design = Design(
        folder=folder,
        symbol=said.symbol,
        logo=said.logo,
        strip=said.strip,
        stamp=said.stamp,
        place=said.place,
        facts=tuple(Fact(key=one.key, spot=one.spot, label=one.label) for one in said.facts if one.spot or one.label),
        **{name: getattr(said, name).lower() for name in colours},
    )
    if not colours:
        return design, ()
    shown, shifted = _shifted(dressed(business.brand, design))
    return replace(design, foreground=shown.foreground, label=shown.label), shifted


async def _checked(request: Ask, business: Business, design: Design, said: Chosen) -> None:
    """Raises Wrong for facts that no wallet would show, beside each of them."""
    rows = {one.key: number for number, one in enumerate(said.facts)}
    errors: dict[str, tuple[str, int]] = {}
    for key, (row, most) in overfull(design.folder or business.brand.design, design.facts).items():
        errors[f"facts.{rows[key]}.spot" if key in rows else "facts"] = (ROW_NAMES[row[0]], most)
    for number, one in enumerate(said.facts):
        if one.spot == "hidden" and one.key not in MAY_HIDE:
            errors[f"facts.{number}.spot"] = (N_("This must stand somewhere on the card."), 0)
    if errors:
        raised = [await wrong(request, {field: sentence}, most=most) for field, (sentence, most) in errors.items()]
        raise Wrong({field: said for one in raised for field, said in one.errors.items()}, raised[0].typed)


def _spots(key: FactKey, t: Callable[[str], str]) -> list[tuple[str, str]]:
    return [(spot, t(name)) for spot, name in SPOTS.items() if spot != "hidden" or key in MAY_HIDE]


async def _page(
    request: Ask,
    program: Program,
    design: Design,
    looked: Looked,
    *,
    template: str = "design.html",
    shifted: tuple[tuple[str, str], ...] = (),
    wrong: Wrong | None = None,
    errand: errands.ErrandView | None = None,
    done: bool = False,
    taken: bool = False,
) -> Response[str]:
    desk, business = desk_of(request), me(request).business
    brand = dressed(business.brand, design)
    offers = await designs.offers_of(desk, program)
    t = partial(desk.words.said, language_of(request, desk.words))
    return render(
        request,
        template,
        program=program,
        design=design,
        dress=brand,
        folders=FOLDERS,
        placed=facts(brand.design, design.facts),
        own={fact.key: fact.spot for fact in design.facts},
        names=NAMES,
        spots=SPOTS,
        fact_spots={key: [("", t(N_("Where the design has it"))), *_spots(key, t)] for key in NAMES},
        symbols=[(key, t(name)) for key, name in SYMBOLS.items()],
        states=STATES,
        shifted=shifted,
        wrong=wrong,
        seen=await preview(request, business, replace(program, design=design), offers, looked),
        errand=errand,
        done=done,
        taken=taken,
    )


@get("/programs/{program_id:uuid}/design", guards=[managers])
async def page(request: Ask, program_id: FromPath[UUID], *, done: FromQuery[bool] = False) -> Response[str]:
    """The design of a program's cards."""
    program = await _program(request, program_id)
    errand = await _newest(request, program_id) if done else None
    return await _page(request, program, program.design, Looked(seen=_spoken(request)), errand=errand, done=done)


def _spoken(request: Ask) -> str:
    """The page's own language, if the business speaks it: its preview begins there."""
    language = language_of(request, desk_of(request).words)
    return language if language in me(request).business.languages else ""


async def _newest(request: Ask, program_id: UUID | None = None) -> errands.ErrandView | None:
    """How far the newest redesign is."""
    for errand, portion in await desk_of(request).store.errands(me(request).business.id, kind="redraw", limit=3):
        if program_id is None or program_id in msgspec.json.decode(errand.body, type=designs.Redraw).programs:
            return errands.view(errand, portion)
    return None


@post("/programs/{program_id:uuid}/design", guards=[managers], status_code=HTTPStatus.OK)
async def save(request: Ask, program_id: FromPath[UUID]) -> Response[Any]:
    """Save the design, or draw it (for the page's script as a fragment, else as the whole page)."""
    program, business = await _program(request, program_id), me(request).business
    try:
        said = await filled_in(request, Chosen)
    except Wrong as error:
        return await _page(request, program, program.design, Looked(), wrong=error)
    design, shifted = _design(business, said)
    template = "design_preview.html" if is_fragment(request) else "design.html"
    try:
        await _checked(request, business, design, said)
    except Wrong as error:
        return await _page(request, program, design, said, template=template, shifted=shifted, wrong=error)
    if said.do == "preview" or is_fragment(request):
        return await _page(request, program, design, said, template=template, shifted=shifted)
    await designs.save(desk_of(request), me(request).staff.id, program, design)
    return go(f"/programs/{program_id}/design?done=true")


@get("/programs/{program_id:uuid}/design.zip", guards=[managers])
async def export(request: Ask, program_id: FromPath[UUID]) -> Response[bytes]:
    """The design as one file, for another program or another shop."""
    program = await _program(request, program_id)
    packed = await designs.pack(desk_of(request), me(request).business, program)
    headers = {"Content-Disposition": 'attachment; filename="design.zip"', "Cache-Control": "no-store"}
    return Response(packed, media_type="application/zip", headers=headers)


@post("/programs/{program_id:uuid}/design.zip", guards=[managers], request_max_body_size=designs.LARGEST_FILE, status_code=HTTPStatus.OK)
async def take(request: Ask, program_id: FromPath[UUID]) -> Response[str]:
    """The form filled in with what a file says, to be looked at and saved; nothing is saved by this."""
    program, business = await _program(request, program_id), me(request).business
    design = await designs.unpack(desk_of(request), business.id, await request.body())
    shown, shifted = _shifted(dressed(business.brand, design))
    design = designs.without_the_usual(replace(design, foreground=shown.foreground, label=shown.label), business.brand)
    return await _page(request, program, design, Looked(seen=_spoken(request)), template="design_form.html", shifted=shifted, taken=True)


# --- The whole business's ---


async def _first(request: Ask) -> tuple[Program, Mapping[UUID, Offer]]:
    """The program on whose card the brand is shown: the first one, or an example where there is none."""
    desk, business = desk_of(request), me(request).business
    running = [one for one in await desk.store.programs(business.id) if one.state != "archived"]
    if running:
        return running[0], await designs.offers_of(desk, running[0])
    said = {one: desk.words.said(one, N_("A free coffee")) for one in business.languages}
    gift = Text(tuple(sorted(said.items())))
    offer = Offer(id=EXAMPLE, business_id=business.id, title=gift, benefit=FreeItem(gift), action=gift)
    name = Text(tuple(sorted((one, business.name) for one in business.languages)))
    program = Program(id=EXAMPLE, business_id=business.id, name=name, unit="stamps", earning=ByVisit(), goals=(Goal(10, EXAMPLE),))
    return program, {EXAMPLE: offer}


async def _brand_page(
    request: Ask,
    brand: Brand,
    looked: Looked,
    *,
    template: str = "brand.html",
    shifted: tuple[tuple[str, str], ...] = (),
    wrong: Wrong | None = None,
    done: bool = False,
) -> Response[str]:
    business = me(request).business
    program, offers = await _first(request)
    t = partial(desk_of(request).words.said, language_of(request, desk_of(request).words))
    return render(
        request,
        template,
        dress=brand,
        program=program,
        folders=FOLDERS,
        symbols=[(key, t(name)) for key, name in SYMBOLS.items() if key],
        states=STATES,
        shifted=shifted,
        wrong=wrong,
        done=done,
        errand=await _newest(request) if done else None,
        seen=await preview(request, replace(business, brand=brand), replace(program, design=Design()), offers, looked),
    )


@get("/settings/brand", guards=[owners])
async def brand_page(request: Ask, *, done: FromQuery[bool] = False) -> Response[str]:
    """The look of the business."""
    return await _brand_page(request, me(request).business.brand, Looked(seen=_spoken(request)), done=done)


@post("/settings/brand", guards=[owners], status_code=HTTPStatus.OK)
async def save_brand(request: Ask) -> Response[Any]:
    """Save the look, or draw it."""
    business = me(request).business
    try:
        said = await filled_in(request, Branded)
    except Wrong as error:
        return await _brand_page(request, business.brand, Looked(), wrong=error)
    brand, shifted = _shifted(
        Brand(
            background=said.background.lower(),
            foreground=said.foreground.lower(),
            label=said.label.lower(),
            symbol=said.symbol,
            design=said.design if said.design in FOLDERS else DEFAULT,
            logo=said.logo,
            strip=said.strip,
            stamp=said.stamp,
            place=said.place,
        )
    )
    if said.do == "preview" or is_fragment(request):
        template = "design_preview.html" if is_fragment(request) else "brand.html"
        return await _brand_page(request, brand, said, template=template, shifted=shifted)
    await designs.save_brand(desk_of(request), me(request).staff.id, business, brand)
    return go("/settings/brand?done=true")


handlers: Final = (page, save, export, take, brand_page, save_brand)
