"""Who works for a business, and what they prove it with."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from passes.businesses import Business, Location, Role


class Staff(msgspec.Struct, frozen=True, kw_only=True):
    """A person who works for a business."""

    id: UUID
    business_id: UUID
    name: str
    email: str = ""
    role: Role
    suspended_at: datetime | None = None
    counter: bool = False
    """Not a person: a kiosk or an autopilot, which works by itself under its own name."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a member of staff proves who they are with. One row a person, made with the person; its id is the person's.

    ``password`` and ``pin`` are Argon2id in PHC format, or empty: then that way in is closed. ``version`` is written into
    every session; whatever changes here raises it, and that ends them all.
    """

    id: UUID
    business_id: UUID
    email: str = ""
    """In lower case. Unique within a business only: who has two shops may use one address for both."""
    password: str = ""
    pin: str = ""
    version: int = 0
    locked_at: datetime | None = None
    """Since when the PIN is locked, after too many wrong ones; a manager unlocks it."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A member of staff with what they sign in with, and their business."""

    staff: Staff
    login: Login
    business: Business


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey of a person (WebAuthn): the credential's id and public key as the browser gave them."""

    id: UUID
    business_id: UUID
    staff_id: UUID
    credential: bytes
    public_key: bytes
    sign_count: int
    name: str
    created_at: datetime
    used_at: datetime | None = None


CounterKind = Literal["staff", "kiosk", "autopilot"]


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """A browser enrolled for a location. Only the SHA-256 of the secret in its cookie is stored.

    On a ``staff`` counter people say who they are by PIN; a ``kiosk`` faces the customer and an ``autopilot`` has only a
    hardware scanner: both work as the staff row ``machine_id``.
    """

    id: UUID
    business_id: UUID
    location_id: UUID
    name: str
    kind: CounterKind
    machine_id: UUID | None = None
    secret_hash: bytes
    created_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


class Counting(msgspec.Struct, frozen=True, kw_only=True):
    """An enrolled browser with its location and its business."""

    counter: Counter
    location: Location
    business: Business


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A link that works once, until it expires: to enrol a browser as a counter, or to let a person set password and PIN.

    For a counter ``location_id``, ``name`` and ``counter`` say what it becomes; for a person ``staff_id`` says who.
    """

    id: UUID
    business_id: UUID
    kind: Literal["counter", "person"]
    secret_hash: bytes
    made_by: UUID
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    staff_id: UUID | None = None
    location_id: UUID | None = None
    name: str = ""
    counter: CounterKind = "staff"


class Strikes(msgspec.Struct, frozen=True):
    """How many wrong guesses were counted under a key, and when the last one was."""

    n: int = 0
    last: datetime | None = None
