"""Long work: what is to do, how far it is, and the file that it is about."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

ErrandKind = Literal["redraw", "campaign", "issue", "import", "change", "records"]


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """Long work that goes on by itself, a portion at a time, whoever leaves (app.errands). How far it is, its portions say.

    ``body`` is JSON of what it is about, as its kind's story reads it; ``total`` is how many there are to do, as far as is known.
    """

    id: UUID
    business_id: UUID
    kind: ErrandKind
    body: str
    made_by: UUID
    made_at: datetime
    total: int
    due_at: datetime
    lease_until: datetime | None = None
    stopped_at: datetime | None = None
    ended_at: datetime | None = None


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """So far an errand has come: recorded in the unit that makes it true, and a second one of the same number is a Duplicate.

    ``after`` is where the next portion begins (as the kind's story reads it); ``done`` and ``failed`` are sums over all portions.
    """

    id: UUID
    business_id: UUID
    errand_id: UUID
    number: int
    after: str
    done: int
    failed: int = 0
    last: bool = False
    at: datetime


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a file that was brought (lines of an import), kept until its errand has ended."""

    id: UUID
    business_id: UUID
    errand_id: UUID
    number: int
    content: bytes
