"""A private Internet for one process: a name server that changes its mind, a receiver outside and one inside, and our own way out.

Run by test_outbound.py as a process of its own, which takes namespaces for itself (no privileges are needed where the kernel gives them
to users): in there a public address is ours, port 53 is free, and nothing leads anywhere. It writes what came of each story as JSON.
"""

import asyncio
import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from collections import Counter
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from app.outbound import Outbound
from passes.wallets.base import Ask, Unreachable

OUTSIDE, OUTSIDE6, PORT = "93.184.216.34", "2606:2800:220:1::1", 8080
NEW_USER, NEW_MOUNTS, NEW_NET = 0x10000000, 0x00020000, 0x40000000
BIND, PRIVATE = 4096, 0x4000 | 1 << 18
A, CNAME, AAAA = 1, 5, 28

ANSWERS: dict[str, Sequence[Sequence[str]]] = {
    "rebinds.example": [[OUTSIDE], ["127.0.0.1"]],
    "both.example": [["127.0.0.1", OUTSIDE]],
    "six.example": [["::1", OUTSIDE]],
    "chain.example": [["second.example", "third.example", "10.0.0.1", "127.0.0.1"]],
    "carried.example": [["::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::7f00:1"]],
    "unspecified.example": [["0.0.0.0", "::"]],
    "outside6.example": [[OUTSIDE6]],
}
"""What a name is answered with: the first time, the second, …; the last for ever. A name among addresses is a CNAME. All with TTL 0."""


def take_namespaces(folder: Path) -> None:
    """From here on this process has a network of its own. Raises OSError where the kernel does not give it."""
    libc, uid, gid = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()

    def do(result: int) -> None:
        if result:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    do(libc.unshare(NEW_USER | NEW_MOUNTS | NEW_NET))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    resolver = folder / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:20 attempts:1\n")
    do(libc.mount(b"none", b"/", None, PRIVATE, None))
    do(libc.mount(str(resolver).encode(), b"/etc/resolv.conf", None, BIND, None))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
        fcntl.ioctl(four, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))  # up and running
        fcntl.ioctl(four, 0x8916, struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, ip_address(OUTSIDE).packed))
        fcntl.ioctl(six, 0x8916, struct.pack("16sIi", ip_address(OUTSIDE6).packed, 128, socket.if_nametoindex("lo")))


class NameServer(asyncio.DatagramProtocol):
    """It says what ANSWERS say."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, int]] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, who: tuple[str, int]) -> None:
        name, at = [], 12
        while size := data[at]:
            name.append(data[at + 1 : at + 1 + size])
            at += size + 1
        of, question = b".".join(name).decode().lower(), data[12 : at + 5]
        kind = struct.unpack(">H", question[-4:-2])[0]
        turns = ANSWERS.get(of, [[]])
        said = turns[min(self.asked[of, kind], len(turns) - 1)]
        self.asked[of, kind] += 1
        records, owner = [], of
        for one in said:
            try:
                address = ip_address(one)
            except ValueError:
                records.append(_record(owner, CNAME, _name(one)))
                owner = one
                continue
            if (A if address.version == 4 else AAAA) == kind:
                records.append(_record(owner, kind, address.packed))
        head = data[:2] + struct.pack(">HHHHH", 0x8180, 1, len(records), 0, 0)
        self._transport.sendto(head + question + b"".join(records), who)  # type: ignore[attr-defined]


def _name(name: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def _record(owner: str, kind: int, data: bytes) -> bytes:
    return _name(owner) + struct.pack(">HHIH", kind, 1, 0, len(data)) + data


async def stories() -> dict[str, object]:
    """Who got what, and what the sender said of it."""
    got: Counter[str] = Counter()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got[writer.get_extra_info("sockname")[0]] += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    for host in ("0.0.0.0", "::"):
        await asyncio.start_server(serve, host, PORT)
    _, names = await asyncio.get_running_loop().create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 53))

    async def told(out: Outbound, name: str) -> str:
        got.clear()
        ask = Ask(method="POST", url=f"http://{name}:{PORT}/hook", body=b"{}", public_only=True, timeout=20)
        try:
            said = str((await out(ask)).status)
        except Unreachable as unreachable:
            said = str(unreachable)
        return f"{said}; reached: {' '.join(sorted(got))}".strip()

    first, second = Outbound(), Outbound()
    found: dict[str, object] = {
        "while it leads outside": await told(first, "rebinds.example"),
        "to whoever asks again": await told(second, "rebinds.example"),
    }
    for name in ANSWERS:
        if name != "rebinds.example":
            found[name] = await told(first, name)
    found["inside, where that is allowed"] = str((await first(Ask(method="POST", url=f"http://both.example:{PORT}/", timeout=20))).status)
    found["asked"] = names.asked["rebinds.example", A]
    await first.close()
    await second.close()
    return found


if __name__ == "__main__":
    try:
        take_namespaces(Path(sys.argv[1]))
    except OSError as error:
        sys.stdout.write(json.dumps({"no namespaces": str(error)}))
    else:
        sys.stdout.write(json.dumps(asyncio.run(stories())))
