"""The five calls of Apple's devices, exactly (PassKit Web Service Reference). The base is ``public_url/apple``; devices append ``/v1``."""

import re
from collections import Counter
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
import structlog
from litestar import HttpMethod, Response, Router, delete, get, post, route
from litestar.params import FromPath, JSONBody
from litestar.status_codes import (
    HTTP_200_OK,
    HTTP_201_CREATED,
    HTTP_204_NO_CONTENT,
    HTTP_304_NOT_MODIFIED,
    HTTP_401_UNAUTHORIZED,
)

from app.desk import wallets
from app.web.wire import Ask, Strict, bare, desk_of, modified_since, pass_response
from passes.cards import Card

log = structlog.get_logger()

SCHEME = "applepass"
DIGITS = 18
COMPLAINTS, LONGEST_COMPLAINT = 30, 300
SECRET = re.compile(r"[A-Za-z0-9_-]{12,}")  # tokens, device ids and serials; the words of a sentence are shorter


class Registration(msgspec.Struct, frozen=True):
    """What a device sends when it registers; other keys may come some day."""

    push_token: Annotated[str, msgspec.Meta(min_length=1, max_length=1000, pattern=r"^[0-9A-Za-z]+$(?!\n)")] = msgspec.field(
        name="pushToken"
    )


class Complaints(msgspec.Struct, frozen=True):
    """What a device logs."""

    logs: list[str]


class Updated(msgspec.Struct, frozen=True):
    """Which passes changed. ``lastUpdated`` must be a string: a device ignores a number and never fetches."""

    serial_numbers: tuple[str, ...] = msgspec.field(name="serialNumbers")
    last_updated: str = msgspec.field(name="lastUpdated")


def nobody() -> Response[Any]:
    """The token is wrong, or there is no such pass: which of the two is nobody's business."""
    return bare(HTTP_401_UNAUTHORIZED, {"WWW-Authenticate": "ApplePass"})


async def _card(request: Ask, pass_type: str, serial: str) -> Card | None:
    header = request.headers.get("authorization", "")
    scheme, _, token = header.partition(" ")
    token = token if scheme.lower() == SCHEME else ""
    return await wallets.authenticated(desk_of(request), pass_type=pass_type, serial=serial, token=token)


@post("/devices/{device:str}/registrations/{pass_type:str}/{serial:str}", dto=Strict[Registration], return_dto=None)
async def register(
    device: FromPath[str], pass_type: FromPath[str], serial: FromPath[str], data: JSONBody[Registration], request: Ask
) -> Response[Any]:
    """A device registers for a pass: 201 if new, 200 if known (its push token may be new all the same)."""
    card = await _card(request, pass_type, serial)
    if card is None:
        return nobody()
    new = await wallets.register(desk_of(request), card, device=unquote(device), pass_type=pass_type, push_token=data.push_token)
    return bare(HTTP_201_CREATED if new else HTTP_200_OK)


@get("/devices/{device:str}/registrations/{pass_type:str}")
async def updated(device: FromPath[str], pass_type: FromPath[str], request: Ask) -> Response[Updated | None]:
    """Which of a device's passes changed after its tag. The device's id is the secret: this call has no other."""
    tag = request.query_params.get("passesUpdatedSince", "")
    since = int(tag) if tag.isascii() and tag.isdigit() and len(tag) <= DIGITS else 0
    changed = await wallets.updated(desk_of(request), device=unquote(device), pass_type=pass_type, since=since)
    if changed is None:
        return bare(HTTP_204_NO_CONTENT)
    serials, newest = changed
    return Response(Updated(serials, str(newest)), status_code=HTTP_200_OK)


@route("/passes/{pass_type:str}/{serial:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def latest(pass_type: FromPath[str], serial: FromPath[str], request: Ask) -> Response[Any]:
    """The pass as it is now; wallets that never register may ask too."""
    card = await _card(request, pass_type, serial)
    if card is None:
        return nobody()
    desk = desk_of(request)
    facts = await wallets.current(desk, card)
    if modified_since(request, facts.card) is False:
        if request.method == HttpMethod.GET:
            await wallets.fetched(desk, facts.card)
        return bare(HTTP_304_NOT_MODIFIED)
    body = await wallets.apple_pass(desk, facts)
    if request.method == HttpMethod.GET:
        await wallets.fetched(desk, facts.card)
    return pass_response(body, facts.card, head=request.method == HttpMethod.HEAD)


@delete("/devices/{device:str}/registrations/{pass_type:str}/{serial:str}", status_code=HTTP_200_OK)
async def unregister(device: FromPath[str], pass_type: FromPath[str], serial: FromPath[str], request: Ask) -> Response[Any]:
    """A device gave a pass up."""
    card = await _card(request, pass_type, serial)
    if card is None:
        return nobody()
    await wallets.unregister(desk_of(request), card, device=unquote(device))
    return bare(HTTP_200_OK)


@post("/log", status_code=HTTP_200_OK, dto=Strict[Complaints], return_dto=None)
async def complain(data: JSONBody[Complaints], request: Ask) -> Response[Any]:
    """A device complains. Anybody may call this, so little of it is kept: a few lines a minute, without what may be a secret."""
    minute = desk_of(request).world.now().replace(second=0, microsecond=0)
    heard: Counter[datetime] = request.app.state.complaints
    for line in data.logs[: max(0, COMPLAINTS - heard[minute])]:
        said = "".join(char for char in line if char.isprintable())[:LONGEST_COMPLAINT]
        log.warning("a phone complains", said=SECRET.sub("…", said))
    heard[minute] += len(data.logs)
    for past in [each for each in heard if each != minute]:
        del heard[past]
    return bare(HTTP_200_OK)


router = Router("/v1", route_handlers=[register, updated, latest, unregister, complain], request_max_body_size=64 * 1024)
