"""The package of a pass: a design folder read once, its files laid out once, and a signed ZIP around what is new.

A ``.pkpass`` is a ZIP with a manifest of SHA-1 hashes and a signature over the manifest. Of its 150 KB only the pass itself
differs from card to card, so everything else is kept as it will lie in the file: headers, checksums and hashes included.
"""

import struct
from collections.abc import Callable, Mapping
from hashlib import sha1
from pathlib import Path
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec

CONTENT: Final = "pass.json"
WRITTEN: Final = frozenset(
    {"passTypeIdentifier", "teamIdentifier", "serialNumber", "authenticationToken", "webServiceURL", "barcodes", "description"}
)
"""Keys of pass.json that belong to a card, and that no design may set."""

# The ZIP format (PKWARE's APPNOTE, 4.3). Entries are stored: PNG is compressed already, and deflating costs more than signing.
# All are dated 1980-01-01, the format's first day: the same card at the same version is the same file.
_LOCAL: Final = struct.Struct("<4sHHHIIIIHH")
_CENTRAL: Final = struct.Struct("<4sHHHHIIIIHHHHHII")
_END: Final = struct.Struct("<4sHHHHIIH")
_FIRST_DAY: Final = 33 << 16
_VERSION: Final = 20
_UNIX: Final = 3 << 8 | _VERSION
_FILE_0644: Final = 0o100644 << 16


class Part(NamedTuple):
    """Files as they lie in the package: their bytes, their names, offsets, checksums and sizes, and their hashes for the manifest."""

    body: bytes
    entries: tuple[tuple[bytes, int, int, int], ...]
    hashes: bytes


class Layout(NamedTuple):
    """Everything of a package but the pass itself, the manifest and the signature."""

    bodies: tuple[bytes, ...]
    directory: bytes
    hashes: bytes
    size: int
    files: int


class Design(msgspec.Struct, frozen=True):
    """A folder of templates/cards: the static keys of pass.json, and files that take precedence over drawn ones."""

    skeleton: dict[str, Any]
    files: dict[str, bytes]


def read_designs(folder: Path) -> dict[str, Design]:
    """Every ``NAME.pass`` in the folder, by name. Raises ValueError naming the file that Apple's Wallet would refuse."""
    return {path.stem: _read_design(path) for path in sorted(folder.glob("*.pass"))}


def _read_design(folder: Path) -> Design:
    try:
        skeleton = msgspec.json.decode((folder / CONTENT).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise ValueError(f"{folder / CONTENT}: {error}") from error
    if skeleton.get("formatVersion") != 1 or not isinstance(skeleton.get("storeCard"), dict):
        raise ValueError(f'{folder / CONTENT}: needs "formatVersion": 1 and "storeCard": {{}}')
    if clash := WRITTEN & skeleton.keys():
        raise ValueError(f"{folder / CONTENT}: {', '.join(sorted(clash))} cannot be set by a design")
    return Design(skeleton, {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))})


def lay_out(files: Mapping[str, bytes]) -> Part:
    """Files by their paths, hashed and summed, ready to lie in any number of packages."""
    body: list[bytes] = []
    entries: list[tuple[bytes, int, int, int]] = []
    at = 0
    for path, content in files.items():
        name, checksum, size = path.encode(), crc32(content), len(content)
        head = _local(name, checksum, size)
        body += (head, content)
        entries.append((name, at, checksum, size))
        at += len(head) + size
    return Part(b"".join(body), tuple(entries), b"".join(_hash(msgspec.json.encode(path), files[path]) + b"," for path in files))


def combine(*parts: Part) -> Layout:
    """Parts, one after the other."""
    directory: list[bytes] = []
    at = 0
    for part in parts:
        directory += [_central(name, checksum, size, at + offset) for name, offset, checksum, size in part.entries]
        at += len(part.body)
    bodies, hashes = tuple(part.body for part in parts), b"".join(part.hashes for part in parts)
    return Layout(bodies, b"".join(directory), hashes, at, len(directory))


def seal(layout: Layout, content: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """The ``.pkpass``: the layout, then pass.json with this content, the manifest of all, and its signature."""
    manifest = b"{%b%b}" % (layout.hashes, _hash(_CONTENT_KEY, content))
    pieces = list(layout.bodies)
    directory = [layout.directory]
    at = layout.size
    for name, own in ((b"pass.json", content), (b"manifest.json", manifest), (b"signature", sign(manifest))):
        checksum, size = crc32(own), len(own)
        head = _local(name, checksum, size)
        pieces += (head, own)
        directory.append(_central(name, checksum, size, at))
        at += len(head) + size
    entries = b"".join(directory)
    count = layout.files + 3
    return b"".join((*pieces, entries, _END.pack(b"PK\x05\x06", 0, 0, count, count, len(entries), at, 0)))


_CONTENT_KEY: Final = msgspec.json.encode(CONTENT)


def _hash(key: bytes, content: bytes) -> bytes:
    return b'%b:"%b"' % (key, sha1(content, usedforsecurity=False).hexdigest().encode())  # SHA-1 is what the format says


def _local(name: bytes, checksum: int, size: int) -> bytes:
    return _LOCAL.pack(b"PK\x03\x04", _VERSION, 0, 0, _FIRST_DAY, checksum, size, size, len(name), 0) + name


def _central(name: bytes, checksum: int, size: int, offset: int) -> bytes:
    head = (b"PK\x01\x02", _UNIX, _VERSION, 0, 0, _FIRST_DAY, checksum, size, size, len(name))
    return _CENTRAL.pack(*head, 0, 0, 0, 0, _FILE_0644, offset) + name
