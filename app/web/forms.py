"""What a form says, as its Struct; and the few things that every page with a form needs."""

from typing import Annotated, Final, TypeVar

import msgspec

from app.desk import Desk
from app.problems import InvalidRequest
from app.store import Member
from app.web.pages import Connection
from app.web.wire import Ask

F = TypeVar("F", bound=msgspec.Struct)
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
Line = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00]*$")]
Secret = Annotated[str, msgspec.Meta(max_length=200)]
"""What is only hashed. Longer ones would only cost time."""
LONGEST_PATH: Final = 500


async def filled_in(request: Ask, form: type[F]) -> F:
    """What somebody filled in. Raises InvalidRequest naming the field, never what was written in it."""
    try:
        said = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        return msgspec.convert(said, form, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(errors=str(error)) from None


def path_within(path: str) -> str:
    """The path if it leads to a page of ours, else the front door: a sign-in never sends anybody to somebody else's site."""
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and len(path) <= LONGEST_PATH
    return path if ours and "\\" not in path else "/"


def kept(desk: Desk, member: Member) -> list[object]:
    """What a session holds of a person: who, with which version of the login, since when."""
    return [str(member.staff.id), member.login.version, desk.world.now().isoformat()]


def address_of(connection: Connection) -> str:
    """Where a request comes from. Behind a proxy: what the proxy says, if uvicorn is told to believe it (docs/runbook.md)."""
    return connection.client.host if connection.client else ""


def is_secure(desk: Desk) -> bool:
    """Whether cookies are for https only."""
    return desk.public_url.startswith("https:")
