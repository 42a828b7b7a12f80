"""What was exported comes back: a file is laid down in sheets, and brought in one sheet after the other, as long work.

Customers come first, then coupons, redemptions and events: a line that names something is only brought in once that is there. What is
there already is left as it is, so that a file may be brought twice. What a line comes to: app.desk.laying.
"""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from anyio import to_thread
from msgspec.structs import replace

from app.desk import Desk, Once, Repeated, audit, portions
from app.desk.laying import FOREVER, LAY, WRONG, Bad, By, Laid, Wrong, here
from app.desk.lines import COLUMNS, FORMS, What, armed, encoding_of, separator_of
from app.store import Caller, Duplicate, Errand, Portion, Sheet
from passes.businesses import Business
from passes.problems import NotFound
from passes.words import N_

LARGEST: Final = 20 * 1024 * 1024
"""Bytes of a file."""
ON_A_SHEET: Final = 100
"""Lines that are brought in at a time: 20 ms in which nobody else is served."""
SHOWN: Final = 100
"""Bad lines that an answer has; a file has all of them."""
LATELY: Final = 10
"""Imports that a page shows."""
WIDEST: Final = 100
"""Columns of a file; those that we do not know are left out."""
LONGEST: Final = LARGEST // 50
"""Lines of a file: a shorter one than that on average has not even an id and a time."""
ORDER: Final = tuple(COLUMNS)
"""What comes first: the lines of a file name what is in those before it."""
WAIT: Final = timedelta(seconds=0.25)
"""How long a file rests, for each one that is not in, before it looks again whether those before it are."""
MOST_AT_ONCE: Final = 1000
"""Imports that are looked at, the newest first."""
LONG_AGO: Final = datetime(1900, 1, 1, tzinfo=UTC)
"""Before this, and after ``FOREVER``, is no time of a shop: at the calendar's ends a moment is in some zones and not in others."""


# --- What an errand of the kind "records" is about ---


class About(msgspec.Struct, frozen=True, kw_only=True):
    """A file of records, who brought it and where: what it does not say itself was done by them."""

    what: What
    columns: tuple[str, ...]
    sheets: int
    by: By
    bad: tuple[Bad, ...] = ()


class SoFar(msgspec.Struct, frozen=True, kw_only=True):
    """Where the next portion begins; what was there already, the first lines that were bad, and those of this portion."""

    sheet: int = 0
    skipped: int = 0
    bad: tuple[Bad, ...] = ()
    these: tuple[Bad, ...] = ()


class BadLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line (counted from 1) that was not brought in: ``word`` says why to programs, ``detail`` to people."""

    line: int
    word: Wrong
    column: str
    detail: str


class ImportMade(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is being brought in: how far that is, ``GET /imports/{id}`` says."""

    id: UUID


class ImportView(msgspec.Struct, frozen=True, kw_only=True):
    """How far an import is. ``done`` lines came in, ``skipped`` ones were there already, ``failed`` ones are bad."""

    id: UUID
    what: What
    state: Literal["waits", "goes", "ended", "stopped"]
    at: datetime
    total: int
    done: int
    skipped: int
    failed: int
    bad: tuple[BadLine, ...]


# --- From a file to an errand ---


class _File(msgspec.Struct):
    columns: tuple[str, ...]
    sheets: list[bytes]
    lines: int
    bad: list[Bad]


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record of a CSV file with the line it begins on; cells may have line ends in them.

    Spreadsheets leave out what is empty at the end of a line: it is there again, unless the file ends in the middle of the line.
    """
    lines = io.StringIO(text, newline="")  # one after the other: a file of nothing but line ends must not fill the memory
    separator = separator_of(lines.readline(WIDEST * 100))
    lines.seek(0)
    # Strict: else a quote that nobody closes has all other lines in its cell.
    reader, width, whole = csv.reader(lines, delimiter=separator or ",", strict=True), 0, text.endswith(("\n", "\r"))
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield begins, []
            continue
        if cells:
            width = width or len(cells)
            if len(cells) < width and (whole or lines.tell() < len(text)):
                cells += [""] * (width - len(cells))
            yield begins, cells[: WIDEST + 1]  # of a line that has more it is enough that it has too many


def _read(body: bytes, what: What) -> _File:
    """A file cut into sheets of lines. Without its columns there is nothing in it that could be brought in."""
    try:
        text = body.decode(encoding_of(body[:4]))
    except UnicodeDecodeError:
        return _File((), [], 0, [Bad(1, "encoding")])
    records = _records(text)
    _, columns = next(records, (1, []))
    named = [one for one in columns if one]  # a spreadsheet's lines are as long as its longest, with or without names above
    needed = {field.encode_name for field in msgspec.structs.fields(FORMS[what]) if field.required}
    if len(columns) > WIDEST or not needed <= set(columns) or len(set(named)) < len(named):
        return _File((), [], 0, [Bad(1, "columns")])
    sheets, some, lines = [], list[tuple[int, list[str]]](), 0
    for number, cells in records:
        lines += 1
        if lines > LONGEST:
            return _File((), [], 0, [Bad(number, "unreadable")])
        some.append((number, cells))
        if len(some) == ON_A_SHEET:
            sheets.append(msgspec.msgpack.encode(some))
            some.clear()
    if some:
        sheets.append(msgspec.msgpack.encode(some))
    return _File(tuple(columns), sheets, lines, [])


async def bring(desk: Desk, caller: Caller, what: What, body: bytes, *, once: Once) -> ImportMade:
    """Lay a file down, all of it, to be brought in from now on by itself."""
    file = await to_thread.run_sync(_read, body, what)
    now, person, business = desk.world.now(), caller.person, caller.business
    about = About(
        what=what,
        columns=file.columns,
        sheets=len(file.sheets),
        by=By(staff_id=person.staff_id, location_id=person.location_id, counter_id=person.counter_id),
        bad=tuple(file.bad),
    )
    errand = Errand(
        id=desk.world.new_id(),
        business_id=business.id,
        kind="records",
        body=msgspec.json.encode(about).decode(),
        made_by=person.staff_id,
        made_at=now,
        total=file.lines,
        due_at=now,
    )
    sheets = [
        Sheet(id=desk.world.new_id(), business_id=business.id, errand_id=errand.id, number=number, content=content)
        for number, content in enumerate(file.sheets)
    ]
    said = audit.done(desk, person.staff_id, "business.brought", business, of_id=errand.id, file=what, total=file.lines)
    made = ImportMade(id=errand.id)
    try:
        await desk.commit(now, rows=(errand, *sheets, said, *once.done(made, caller, now)))
    except Duplicate as duplicate:
        raise Repeated from duplicate
    return made


async def _import(desk: Desk, business: Business, import_id: UUID) -> tuple[Errand, Portion | None]:
    found = await desk.store.errand(business.id, import_id)
    if found is None or found[0].kind != "records":
        raise NotFound(what=N_("import"))
    return found


async def how_far(desk: Desk, business: Business, import_id: UUID, *, language: str) -> ImportView:
    """How far an import is. Raises NotFound."""
    return _view(desk, business, *await _import(desk, business, import_id), language=language)


async def lately(desk: Desk, business: Business, *, language: str) -> Sequence[ImportView]:
    """The newest imports, the last one first."""
    return [_view(desk, business, *one, language=language) for one in await desk.store.errands(business.id, kind="records", limit=LATELY)]


def skipped(portion: Portion | None) -> int:
    """How many lines of an import were there already, after this portion of it."""
    return _so_far(portion).skipped


async def bad_lines(desk: Desk, business: Business, import_id: UUID, *, language: str) -> AsyncIterator[Sequence[str]]:
    """The rows of a file of all lines that were not brought in so far, and why. What stands in them is not kept. Raises NotFound."""
    errand, last = await _import(desk, business, import_id)

    async def rows() -> AsyncIterator[Sequence[str]]:
        yield BadLine.__struct_fields__
        for one in _about(errand).bad:
            yield _row(_bad(desk, one, language))
        for number in range(last.number + 1 if last else 0):
            for one in _so_far(await desk.store.portion(errand.id, number)).these:
                yield _row(_bad(desk, one, language))

    return rows()


def _row(line: BadLine) -> Sequence[str]:
    return [str(cell) for cell in msgspec.structs.astuple(line)]


def _bad(desk: Desk, one: Bad, language: str) -> BadLine:
    return BadLine(line=one.line, word=one.word, column=one.column, detail=desk.words.said(language, WRONG[one.word]))


def _view(desk: Desk, business: Business, errand: Errand, portion: Portion | None, *, language: str) -> ImportView:
    about, been = _about(errand), _so_far(portion)
    state: Literal["waits", "goes", "ended", "stopped"] = "goes" if portion else "waits"
    if errand.stopped_at is not None:
        state = "stopped"
    elif errand.ended_at is not None or (portion and portion.last):
        state = "ended"
    bad = about.bad + been.bad
    return ImportView(
        id=errand.id,
        what=about.what,
        state=state,
        at=errand.made_at.astimezone(business.tz),
        total=errand.total,
        done=portion.done if portion else 0,
        skipped=skipped(portion),
        failed=(portion.failed if portion else 0) + len(about.bad),
        bad=tuple(_bad(desk, one, language) for one in bad),
    )


def _about(errand: Errand) -> About:
    about: About = msgspec.json.decode(errand.body, type=About)
    return about


def _so_far(portion: Portion | None) -> SoFar:
    known: SoFar = msgspec.json.decode(portion.after, type=SoFar) if portion and portion.after else SoFar()
    return known


# --- One portion ---


async def portion(desk: Desk, errand: Errand, last: Portion | None) -> Portion | timedelta:
    """The next portion of an import: a sheet (app.errands); or how long it rests, while what its lines name is still being brought in."""
    about, been = _about(errand), _so_far(last)
    if last is None and (wait := await _too_early(desk, errand, about.what)):
        return wait
    business = await desk.store.business(errand.business_id)
    if business is None:
        raise ValueError("an errand of no business")
    sheet = await desk.store.sheet(errand.id, been.sheet)
    lines: list[tuple[int, list[str]]] = msgspec.msgpack.decode(sheet.content, type=list[tuple[int, list[str]]]) if sheet else []
    laid = Laid()
    await LAY[about.what](desk, await here(desk, business, about.by), laid, list(_decoded(about, lines, laid)))
    if laid.foreign_codes and not business.imported:
        await audit.revise(desk, about.by.staff_id, "business.changed", (business, replace(business, imported=True)))
    now = desk.world.now()
    bad = tuple(sorted(laid.bad, key=lambda one: one.line))
    after = SoFar(sheet=been.sheet + 1, skipped=been.skipped + laid.skipped, bad=(*been.bad, *bad)[:SHOWN], these=bad)
    begins = msgspec.json.encode(after).decode()
    more = after.sheet < about.sheets
    came = portions.following(desk, errand, last, now, done=laid.done, failed=len(laid.bad), after=begins, more=more)
    await desk.commit(
        now, changes=laid.changes, tallies=laid.tallies, counts=laid.counts, rows=(*laid.rows, came), touches=sorted(laid.touches)
    )
    return came


async def _too_early(desk: Desk, errand: Errand, what: What) -> timedelta:
    """How long it waits for an import that was brought before this one, that its lines may name, and that goes on; 0 if there is none.

    All that are there look four times a second together, however many they are: or who brings hundreds would leave no time to any.
    """
    first, known = ORDER[: ORDER.index(what)], await desk.store.errands(errand.business_id, kind="records", limit=MOST_AT_ONCE)
    going = [one for one, _ in known if one.ended_at is None and one.stopped_at is None]
    early = any((one.made_at, one.id) < (errand.made_at, errand.id) and _about(one).what in first for one in going)
    return WAIT * len(going) if early else timedelta()


def _decoded(about: About, lines: Sequence[tuple[int, list[str]]], laid: Laid) -> Iterator[tuple[int, Any]]:
    """The lines that can be read, as what they say."""
    form = FORMS[about.what]
    known = set(COLUMNS[about.what])
    for number, cells in lines:
        if len(cells) != len(about.columns):
            laid.bad.append(Bad(number, "cells"))
            continue
        said = {name: armed(cell) for name, cell in zip(about.columns, cells, strict=True) if cell and name in known}
        try:
            line = msgspec.convert(said, form, strict=False)
        except msgspec.ValidationError as error:
            named = re.search(r"`\$\.(\w+)", str(error)) or re.search(r"field `(\w+)`", str(error))
            laid.bad.append(Bad(number, "unreadable", named[1] if named else ""))
            continue
        never = [name for name in said if isinstance(at := getattr(line, name), datetime) and not LONG_AGO <= at <= FOREVER]
        if never:
            laid.bad.append(Bad(number, "unreadable", never[0]))
        else:
            yield number, line
