"""Codes that a business brings: a file is read and checked line by line, shown, and imported into an offer's pool when somebody says so.

The lines as they were read are the errand's sheets; each portion of the errand imports one. Nothing is imported unless it was asked for.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.desk import Desk, audit, portions
from app.desk import read as reading
from app.desk.lines import encoding_of, separator_of
from app.desk.read import running
from app.store import Duplicate, Errand, Member, Portion, Sheet
from passes import codes
from passes.businesses import Business
from passes.codes import Number
from passes.coupons import Coupon
from passes.offers import LAST_YEAR, end_of_day, over
from passes.problems import ChangedMeanwhile, NotFound, UnknownCode
from passes.words import N_

Why = Literal["", "empty", "long", "unreadable", "twice", "known", "card", "date", "over"]
WHY: Final[Mapping[Why, str]] = {
    "empty": N_("Empty: there is no code on this line"),
    "long": N_("Too long: a code has at most 64 letters and digits"),
    "unreadable": N_("Not readable: there are characters that no code has"),
    "twice": N_("Twice in this file"),
    "known": N_("Known already: the business has this code"),
    "card": N_("Looks like the number of a loyalty card: scanned, it would be taken for one"),
    "date": N_("Not a day: write it as 2026-12-31 or 31/12/2026"),
    "over": N_("Over already: its last day has passed"),
}
"""Why a line is not imported."""
MOST_LINES: Final = 200_000
LARGEST: Final = 20 * 1024 * 1024
"""Bytes of a file."""
ON_A_SHEET: Final = 1000
SHOWN: Final = 10
"""Lines that are shown as they were read."""
KEPT_FOR: Final = timedelta(days=1)
"""How long a file waits for somebody to say yes."""
SEPARATORS: Final = frozenset(" ._/")
"""What may stand between the letters and digits of a code, beside dashes."""
LONGEST_LINE: Final = 2000
LONGEST_SHOWN: Final = 80
CODES: Final = frozenset(
    {"code", "codes", "coupon", "couponcode", "voucher", "vouchercode", "promocode", "barcode", "serial", "mã", "mãphiếu"}
)
ENDS: Final = frozenset({"validuntil", "validto", "until", "expires", "expiry", "expiresat", "expirydate", "hạn", "hạndùng", "hếthạn"})
"""What the columns are called, without spaces, in small letters."""
_ISO: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")
_DAY_FIRST: Final = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})")


class Line(msgspec.Struct, frozen=True, array_like=True):
    """A line of the file as it was read, counted from 1. ``text`` is what stands there if it is bad; ``also``: where else it is."""

    number: int
    code: str
    until: date | None = None
    why: Why = ""
    text: str = ""
    also: int = 0


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How the file was understood: columns count from 0; ``code_name`` and ``until_name`` are what the header calls them."""

    encoding: str = ""
    delimiter: str = ""
    header: bool = False
    code: int = 0
    until: int | None = None
    code_name: str = ""
    until_name: str = ""


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """What an errand of the kind "import" is about: how a file was read. ``bad`` counts the lines of each kind that cannot be imported."""

    offer_id: UUID
    layout: Layout
    sheets: int
    first: tuple[Line, ...]
    bad: dict[Why, int]

    @property
    def failed(self) -> int:
        """How many lines are bad."""
        return sum(self.bad.values())


class SoFar(msgspec.Struct, frozen=True, kw_only=True):
    """Where the next portion begins, and what was bad: counted up to it, and the lines of this portion."""

    sheet: int = 0
    bad: dict[Why, int] = {}
    lines: tuple[Line, ...] = ()


def brought(errand: Errand) -> Brought:
    """What an errand of the kind "import" is about."""
    what: Brought = msgspec.json.decode(errand.body, type=Brought)
    return what


def so_far(portion: Portion | None) -> SoFar:
    """What is known of an import that goes on, or is over."""
    known: SoFar = msgspec.json.decode(portion.after, type=SoFar) if portion and portion.after else SoFar()
    return known


# --- Reading ---


class TooManyLines(Exception):
    """More lines than are imported at once."""


class Reader:
    """Lines out of bytes, however they are cut, in memory that does not grow with the file but for the codes it has seen."""

    def __init__(self, business: Business, now: datetime) -> None:
        self._business, self._now = business, now
        self._decoder: io.IncrementalNewlineDecoder | None = None
        self._encoding = self._text = ""
        self._bytes = b""
        self._number = 0
        self._seen: dict[str, int] = {}
        self.layout: Layout | None = None

    @property
    def lines(self) -> int:
        """How many lines there were, without the header."""
        return self._number - (1 if self.layout and self.layout.header else 0)

    def feed(self, chunk: bytes, *, last: bool = False) -> Iterator[Line]:
        """The lines that are whole now. Raises TooManyLines."""
        for text in self._split(self._decoded(chunk, last=last), last=last):
            self._number += 1
            if self._number > MOST_LINES + 1:
                raise TooManyLines
            if self.layout is None and text.strip():
                self.layout = _layout(text, self._encoding)
                if self.layout.header:
                    continue
            yield self._read(self._number, text)

    def _decoded(self, chunk: bytes, *, last: bool) -> str:
        if self._decoder is None:
            self._bytes += chunk
            if len(self._bytes) < len(codecs.BOM_UTF8) + 1 and not last:
                return ""
            chunk, self._encoding = self._bytes, encoding_of(self._bytes)
            decoder = codecs.getincrementaldecoder(self._encoding)(errors="replace")
            self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        return self._decoder.decode(chunk, final=last)

    def _split(self, text: str, *, last: bool) -> Iterator[str]:
        """Whole lines. What is longer than any line of codes is cut: it is bad anyhow, and must not fill the memory."""
        *whole, rest = (self._text + text).split("\n")
        yield from whole
        if last and rest:
            yield rest
        self._text = "" if last else rest[: LONGEST_LINE + 1]

    def _read(self, number: int, text: str) -> Line:
        layout = self.layout or Layout()
        cells = _cells(text, layout.delimiter)
        raw = cells[layout.code].strip() if layout.code < len(cells) else ""
        line = self._checked(number, raw, cells[layout.until].strip() if layout.until is not None and layout.until < len(cells) else "")
        return line if not line.why else replace(line, text=_printable(text))

    def _checked(self, number: int, raw: str, until: str) -> Line:  # noqa: PLR0911 (one line for each thing that may be wrong)
        if not raw:
            return Line(number, "", why="empty")
        if not all(map(_fits, raw)):
            return Line(number, "", why="unreadable")
        try:
            code = codes.clean(raw)
        except UnknownCode:
            return Line(number, "", why="long" if len(raw) > codes.LONGEST else "unreadable")
        if code in self._seen:
            return Line(number, code, why="twice", also=self._seen[code])
        self._seen[code] = number
        if isinstance(codes.read(code, prefixes=self._business.prefixes, imported=True), Number):
            return Line(number, code, why="card")
        try:
            day = _day(until)
        except ValueError:
            return Line(number, code, why="date")
        if day is not None and over(end_of_day(day, self._business.tz), self._now):
            return Line(number, code, day, why="over")
        return Line(number, code, day)


def _fits(char: str) -> bool:
    """Whether a character may stand in a code: a letter, a digit, an accent, or what keeps them apart and is left out."""
    return char.isalnum() or char in SEPARATORS or unicodedata.category(char) in ("Mn", "Pd")


def _cells(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text[:LONGEST_LINE]], delimiter=delimiter or "\t"), []) if text else []


def _layout(first: str, encoding: str) -> Layout:
    """How a file is laid out, by its first line: a header, if one of its cells is a name that we know."""
    delimiter = separator_of(first)
    cells = [cell.strip() for cell in _cells(first, delimiter)]
    names = ["".join(char for char in cell.lower() if char.isalnum()) for cell in cells]
    code = next((at for at, name in enumerate(names) if name in CODES), None)
    until = next((at for at, name in enumerate(names) if name in ENDS), None)
    if code is None and until is None:
        dated = next((at for at, cell in enumerate(cells[1:], 1) if _ISO.fullmatch(cell) or _DAY_FIRST.fullmatch(cell)), None)
        return Layout(encoding=encoding, delimiter=delimiter, until=dated)
    code = code if code is not None else next((at for at in range(len(cells)) if at != until), 0)
    return Layout(
        encoding=encoding,
        delimiter=delimiter,
        header=True,
        code=code,
        until=until,
        code_name=_printable(cells[code]) if code < len(cells) else "",
        until_name=_printable(cells[until]) if until is not None else "",
    )


def _day(text: str) -> date | None:
    """A day as people and tills write it; None for no end. Raises ValueError."""
    if not text:
        return None
    if found := _ISO.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := _DAY_FIRST.fullmatch(text):
        day, month, year = map(int, found.groups())
    else:
        raise ValueError
    return date(year, month, day) if year <= LAST_YEAR else None  # tills write 9999-12-31 for never


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text[:LONGEST_SHOWN])


# --- From a file to an errand that waits ---


async def bring(desk: Desk, member: Member, offer_id: UUID, chunks: AsyncIterator[bytes]) -> UUID:
    """Read a file into sheets, all of it or nothing; the id of the errand that would import it. Raises NotFound, Paused, TooManyLines."""
    business, now = member.business, desk.world.now()
    await running(desk, business.id, offer_id)
    errand_id = desk.world.new_id()
    reader = Reader(business, now)
    bad: Counter[Why] = Counter()
    sheets: list[Sheet] = []
    first: list[Line] = []
    waiting: list[Line] = []

    async def lay_down() -> None:
        """What waits becomes a sheet: with the codes among it that the business has already."""
        nonlocal waiting
        checked, waiting = _marked(waiting, await _known(desk, business, waiting)), []
        first.extend(checked[: SHOWN - len(first)])
        bad.update(line.why for line in checked if line.why)
        sheets.append(
            Sheet(
                id=desk.world.new_id(),
                business_id=business.id,
                errand_id=errand_id,
                number=len(sheets),
                content=msgspec.msgpack.encode(checked),
            )
        )

    async for chunk in _to_the_end(chunks):
        for line in reader.feed(chunk or b"", last=chunk is None):
            waiting.append(line)
            if len(waiting) == ON_A_SHEET:
                await lay_down()
    if waiting:
        await lay_down()
    what = Brought(offer_id=offer_id, layout=reader.layout or Layout(), sheets=len(sheets), first=tuple(first), bad=dict(bad))
    errand = Errand(
        id=errand_id,
        business_id=business.id,
        kind="import",
        body=msgspec.json.encode(what).decode(),
        made_by=member.staff.id,
        made_at=now,
        total=reader.lines,
        due_at=now + KEPT_FOR,
    )
    await desk.commit(now, rows=(errand, *sheets))
    return errand_id


async def _to_the_end(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes | None]:
    async for chunk in chunks:
        yield chunk
    yield None


async def _known(desk: Desk, business: Business, lines: Sequence[Line]) -> frozenset[str]:
    return await desk.store.known_codes(business.id, [line.code for line in lines if not line.why])


def _marked(lines: Sequence[Line], known: frozenset[str]) -> list[Line]:
    return [replace(line, why="known", text=line.code) if not line.why and line.code in known else line for line in lines]


async def sheet(desk: Desk, errand_id: UUID, number: int) -> Sequence[Line]:
    """The lines of a sheet, as they were read."""
    found = await desk.store.sheet(errand_id, number)
    return msgspec.msgpack.decode(found.content, type=list[Line]) if found else ()


async def bad_lines(desk: Desk, errand: Errand, portion: Portion | None) -> AsyncIterator[Line]:
    """Every line that is not imported and why: as it is read before the import is over, as its portions found it afterwards."""
    if errand.ended_at is not None or (portion and portion.last):
        for number in range(1, portion.number + 1 if portion else 0):
            for line in so_far(await desk.store.portion(errand.id, number)).lines:
                yield line
        return
    for number in range(brought(errand).sheets):
        for line in await sheet(desk, errand.id, number):
            if line.why:
                yield line


# --- The import ---


async def confirm(desk: Desk, member: Member, errand_id: UUID) -> None:
    """Import it: the first portion says that somebody asked. The offer gives its imported codes from now on.

    Raises NotFound, and ChangedMeanwhile for a file that was discarded, or forgotten after a day.
    """
    business = member.business
    found = await desk.store.errand(business.id, errand_id)
    if found is None or found[0].kind != "import":
        raise NotFound(what=N_("import"))
    errand, portion = found
    if errand.stopped_at is not None or errand.ended_at is not None:
        raise ChangedMeanwhile
    if portion is not None:  # asked for already, by somebody who fell before the errand was told
        await desk.store.put_errand(errand.id, due_at=desk.world.now())
        return
    offer = await running(desk, business.id, brought(errand).offer_id)
    await audit.revise(desk, member.staff.id, "business.changed", (business, replace(business, imported=True)))
    await audit.revise(desk, member.staff.id, "offer.changed", (offer, replace(offer, source="pool")))
    now = desk.world.now()
    asked = portions.following(desk, errand, None, now, done=0, more=True)
    name = offer.title.by[0][1]
    said = audit.done(desk, member.staff.id, "codes.imported", business, of_id=errand.id, name=name, total=errand.total)
    try:
        await desk.commit(now, rows=(asked, said))
    except Duplicate:
        raise ChangedMeanwhile from None
    await desk.store.put_errand(errand.id, due_at=now)


async def portion(desk: Desk, errand: Errand, last: Portion | None) -> Portion:
    """The next portion of an import: a sheet (app.errands). One that nobody asked for in a day is over."""
    now = desk.world.now()
    if last is None:
        over_ = portions.following(desk, errand, None, now, done=0)
        await desk.commit(now, rows=(over_,))
        return over_
    what, been = brought(errand), so_far(last)
    business = await reading.business(desk, errand.business_id)
    read = await sheet(desk, errand.id, been.sheet)
    lines = _marked(read, await _known(desk, business, read))
    good = [
        Coupon(
            id=desk.world.new_id(),
            business_id=business.id,
            offer_id=what.offer_id,
            card_id=None,
            customer_id=None,
            code=line.code,
            state="pooled",
            issued_at=now,
            expires_at=end_of_day(line.until, business.tz) if line.until else None,
            batch_id=errand.id,
        )
        for line in lines
        if not line.why
    ]
    bad = [line for line in lines if line.why]
    after = SoFar(sheet=been.sheet + 1, bad=dict(Counter(been.bad) + Counter(line.why for line in bad)), lines=tuple(bad))
    begins = msgspec.json.encode(after).decode()
    came = portions.following(desk, errand, last, now, done=len(good), failed=len(bad), after=begins, more=after.sheet < what.sheets)
    await desk.commit(now, rows=(*good, came))
    return came
