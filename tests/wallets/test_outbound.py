"""The one way out, over real sockets."""

import asyncio
import gzip
import json
import subprocess
import sys
import threading
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import private_internet
import pytest
from bare_http import bare_http
from chains import NOW, chain
from msgspec.structs import replace
from servers import free_port

from app.outbound import LARGEST, Outbound, is_public
from app.sandbox.apns import ApnsSandbox
from passes.wallets.base import Ask, Unreachable

HOT, OTHER = "pass.example.cafe", "pass.example.bakery"
TOKEN = "ab" * 32


def push(apns: ApnsSandbox, *, pass_type: str = HOT, token: str = TOKEN, timeout: float = 30.0) -> Ask:
    folder = chain(pass_type)
    return Ask(
        method="POST",
        url=f"{apns.url}/3/device/{token}",
        headers=(("apns-topic", pass_type), ("apns-push-type", "background"), ("apns-priority", "5")),
        body=b"{}",
        certificate=(folder / "certificate.pem").read_bytes(),
        key=(folder / "key.pem").read_bytes(),
        http2=True,
        timeout=timeout,
    )


@pytest.fixture
async def apns() -> AsyncIterator[ApnsSandbox]:
    async with ApnsSandbox(chain(HOT), others=[chain(OTHER)], now=lambda: NOW, port=free_port()) as apns:
        yield apns


@pytest.fixture
async def out() -> AsyncIterator[Outbound]:
    out = Outbound(trust=chain(HOT) / "root.pem")
    yield out
    await out.close()


async def test_two_hundred_pushes_travel_on_one_connection(apns: ApnsSandbox, out: Outbound) -> None:
    answers = await asyncio.gather(*(out(push(apns)) for _ in range(200)))
    assert [answer.status for answer in answers] == [200] * 200
    assert (apns.connections, len(apns.pushes)) == (1, 200)
    await out(push(apns))
    assert apns.connections == 1


async def test_two_certificates_never_share_a_connection(apns: ApnsSandbox, out: Outbound) -> None:
    for _ in range(2):
        answers = await asyncio.gather(*(out(push(apns, pass_type=kind)) for kind in (HOT, OTHER) * 50))
        assert [answer.status for answer in answers] == [200] * 100
    assert apns.connections == 2
    assert {(sent.connection, sent.topic) for sent in apns.pushes} in ({(1, HOT), (2, OTHER)}, {(2, HOT), (1, OTHER)})


async def test_without_a_client_certificate_nobody_gets_in(apns: ApnsSandbox, out: Outbound) -> None:
    ask = Ask(method="POST", url=f"{apns.url}/3/device/{TOKEN}", headers=(("apns-topic", HOT),), body=b"{}", http2=True)
    with pytest.raises(Unreachable):
        await out(ask)
    assert apns.connections == 0


async def test_a_server_that_nobody_trusts_is_not_spoken_to(apns: ApnsSandbox) -> None:
    out = Outbound(trust=chain(OTHER) / "root.pem")
    with pytest.raises(Unreachable, match="certificate"):
        await out(push(apns))
    await out.close()


async def test_a_server_whose_certificate_is_for_another_name_is_not_spoken_to(apns: ApnsSandbox, out: Outbound) -> None:
    right = push(apns)
    wrong = replace(right, url=right.url.replace("127.0.0.1", "till.localhost"))
    with pytest.raises(Unreachable, match=r"till\.localhost: .*name"):
        await out(wrong)
    assert (await out(right)).status == 200
    assert len(apns.pushes) == 1


async def test_a_restarted_service_is_found_again(apns: ApnsSandbox, out: Outbound) -> None:
    assert (await out(push(apns))).status == 200
    await apns.down()
    with pytest.raises(Unreachable, match="connect"):
        await out(push(apns))
    await apns.up()
    assert (await out(push(apns))).status == 200
    assert apns.connections == 2


async def test_pushes_that_a_goaway_left_unprocessed_go_again_on_a_new_connection(apns: ApnsSandbox, out: Outbound) -> None:
    await out(push(apns))
    apns.goaway()
    assert (await out(push(apns))).status == 200
    apns.script(None, 0, how="goaway")
    answers = await asyncio.gather(*(out(push(apns)) for _ in range(20)))
    assert [answer.status for answer in answers] == [200] * 20
    assert len([sent for sent in apns.pushes if sent.status == 200]) == 22


async def test_a_connection_broken_in_the_middle_is_unreachable_or_tried_again_and_the_next_push_works(
    apns: ApnsSandbox, out: Outbound
) -> None:
    apns.script(None, 0, how="close")
    with pytest.raises(Unreachable):
        await out(push(apns))
    assert (await out(push(apns))).status == 200


async def test_silence_times_out_and_costs_the_connection_since_it_may_be_dead(apns: ApnsSandbox, out: Outbound) -> None:
    assert (await out(push(apns))).status == 200
    apns.script(None, 0, how="silence", times=3)
    outcomes = await asyncio.gather(*(out(push(apns, timeout=0.2)) for _ in range(3)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unreachable}
    assert (await out(push(apns))).status == 200
    assert apns.connections == 2


async def test_slow_answers_do_not_hold_up_others(apns: ApnsSandbox, out: Outbound) -> None:
    apns.script(TOKEN, 0, how="silence")
    apns.script("ef" * 32, 200, slow=0.3)
    endless, slow = (asyncio.ensure_future(out(push(apns, token=token, timeout=60))) for token in (TOKEN, "ef" * 32))
    await apns.until(lambda: len(apns.pushes) == 2)
    await asyncio.gather(*(out(push(apns, token="cd" * 32)) for _ in range(20)))
    assert (await slow).status == 200
    assert not endless.done()
    endless.cancel()


async def test_a_cancelled_request_is_taken_back_and_hurts_nobody(apns: ApnsSandbox, out: Outbound) -> None:
    apns.script(TOKEN, 0, how="silence")
    lost = asyncio.ensure_future(out(push(apns, timeout=60)))
    await apns.until(lambda: bool(apns.pushes))
    lost.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lost
    answers = await asyncio.gather(*(out(push(apns)) for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert apns.connections == 1


async def test_closing_ends_what_is_under_way_and_leaves_no_thread(apns: ApnsSandbox) -> None:
    out = Outbound(trust=chain(HOT) / "root.pem")
    before = set(threading.enumerate())
    apns.script(None, 0, how="silence")
    waiting = asyncio.ensure_future(out(push(apns, timeout=60)))
    await apns.until(lambda: bool(apns.pushes))
    await out.close()
    with pytest.raises(Unreachable, match="closed"):
        await waiting
    with pytest.raises(Unreachable, match="closed"):
        await out(push(apns))
    assert set(threading.enumerate()) <= before


async def test_methods_headers_and_bodies_arrive_as_asked(out: Outbound) -> None:
    seen: list[bytes] = []

    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        body = b"" if request.startswith(b"HEAD") else b"hello"
        writer.write(b"HTTP/1.1 200 OK\r\nX-Odd:  Value \r\nETag: caf\xe9\r\nContent-Length: 5\r\n\r\n" + body)

    async with bare_http(serve) as url:
        for method, body in (
            ("POST", b"a=b"),
            ("GET", b""),
            ("HEAD", b""),
            ("PATCH", b"{}"),
            ("PUT", b"\x00"),
            ("DELETE", b""),
            ("GET", b""),
        ):
            answer = await out(Ask(method=method, url=f"{url}/x?y=%20", headers=(("X-Empty", ""), ("Accept", "text/x")), body=body))
            assert (answer.status, answer.headers["x-odd"], answer.headers["etag"]) == (200, "Value", "café")
            assert answer.body == (b"" if method == "HEAD" else b"hello")
    assert [request.split(b" ")[0] for request in seen] == [b"POST", b"GET", b"HEAD", b"PATCH", b"PUT", b"DELETE", b"GET"]
    assert [request.partition(b"\r\n\r\n")[2] for request in seen] == [b"a=b", b"", b"", b"{}", b"\x00", b"", b""]
    assert all(b" /x?y=%20 HTTP/1.1" in request and b"\r\nX-Empty:" in request for request in seen)
    assert not any(b"form-urlencoded" in request or b"Accept: */*" in request or b"Expect" in request for request in seen)


async def test_redirects_are_answers_and_are_not_followed(out: Outbound) -> None:
    async def serve(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")

    async with bare_http(serve) as url:
        answer = await out(Ask(method="GET", url=url))
    assert (answer.status, answer.headers["location"]) == (302, "http://127.0.0.1:1/")


async def test_interim_answers_are_passed_over(out: Outbound) -> None:
    async def serve(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\nHTTP/1.1 204 No Content\r\nX-Late: 1\r\n\r\n")

    async with bare_http(serve) as url:
        answer = await out(Ask(method="GET", url=url))
    assert (answer.status, answer.headers) == (204, {"x-late": "1"})


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_above_a_megabyte_is_not_swallowed(out: Outbound, announced: bool) -> None:
    async def serve(_: bytes, writer: asyncio.StreamWriter) -> None:
        length = b"Content-Length: %d\r\n" % (LARGEST + 1) if announced else b"Connection: close\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + b"x" * (LARGEST + 1))
        if not announced:
            writer.close()

    async with bare_http(serve) as url:
        with pytest.raises(Unreachable):
            await out(Ask(method="GET", url=url))


async def test_plain_http_uses_several_connections_and_keeps_them(out: Outbound) -> None:
    addresses: set[object] = set()

    async def serve(_: bytes, writer: asyncio.StreamWriter) -> None:
        addresses.add(writer.get_extra_info("peername"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with bare_http(serve) as url:
        for _ in range(5):
            await asyncio.gather(*(out(Ask(method="GET", url=url)) for _ in range(30)))
    assert 1 < len(addresses) <= 6


async def test_private_addresses_are_refused_at_connect_time_where_only_public_ones_are_wanted(out: Outbound) -> None:
    async def serve(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with bare_http(serve) as url:
        port = url.rpartition(":")[2]
        assert (await out(Ask(method="GET", url=url))).status == 200
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "2130706433", "0x7f.1", "0.0.0.0"):
            with pytest.raises(Unreachable, match="not a public address"):
                await out(Ask(method="GET", url=f"http://{host}:{port}/", public_only=True))


def test_a_name_that_changes_its_mind_leads_nowhere_inside(tmp_path: Path) -> None:
    """A name server that answers differently each time (TTL 0), with several addresses, with chains of names: see private_internet.py."""
    ran = subprocess.run([sys.executable, private_internet.__file__, tmp_path], capture_output=True, check=True, timeout=60)
    came = json.loads(ran.stdout)
    if set(came) == {"no namespaces"}:
        warnings.warn(f"nobody's name was made to change its mind: this kernel gives no namespaces ({came})", stacklevel=1)
        return
    refused = "is not a public address; reached:"
    assert came.pop("asked") == 2, "once a request: what was looked at is what is connected to"
    assert {story: said.removesuffix(refused) + "refused" if said.endswith(refused) else said for story, said in came.items()} == {
        "while it leads outside": "200; reached: 93.184.216.34",
        "to whoever asks again": "rebinds.example: 127.0.0.1 refused",
        "both.example": "200; reached: 93.184.216.34",
        "six.example": "200; reached: 93.184.216.34",
        "chain.example": "chain.example: 10.0.0.1 refused",
        "carried.example": "carried.example: ::127.0.0.1 refused",
        "unspecified.example": "unspecified.example: 0.0.0.0 refused",
        "outside6.example": "200; reached: 2606:2800:220:1::1",
        "inside, where that is allowed": "200",
    }


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("head", "again", "becomes"),
    [
        (OK, b"X-A: " + b"a" * 1000 + b"\r\n", "response headers"),
        (OK + b"X-A: ", b"a" * 1000, "larger than allowed"),
        (b"", b"HTTP/1.1 103 Wait\r\nX: y\r\n\r\n" * 50, "response headers"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 1000, "has no end"),
        (b"HTTP/1.1 200 ", b"a" * 1000, "larger than allowed"),
        (b"hello", b" world" * 100, "HTTP/0.9"),
        (OK + b"\r\n", b"x" * 1000, (200, 1024)),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(10**7)), b"x" * 1000, (200, 1024)),
    ],
)
async def test_an_answer_without_end_has_one(out: Outbound, head: bytes, again: bytes, becomes: str | tuple[int, int]) -> None:
    """A thousand bytes of it are read, and a megabyte of what says nothing; nothing is unpacked."""

    async def serve(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(again)
            await writer.drain()

    async with bare_http(serve) as url:
        ask = Ask(method="POST", url=url, body=b"{}", timeout=30, most=1024)
        if isinstance(becomes, str):
            with pytest.raises(Unreachable, match=becomes):
                await out(ask)
        else:
            answer = await out(ask)
            assert (answer.status, len(answer.body)) == becomes


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"),
        "192.0.0.192",
        *(
            "::1",
            "::",
            "fe80::1%eth0",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "2002:7f00:1::",
            "64:ff9b::a00:1",
            "2001:0:0:0:0:0:f5ff:fffe",
        ),
    ],
)
def test_addresses_inside_somebodys_house_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["17.188.143.34", "2620:149:208:4306::7", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "rotocol"),
        ("gopher://127.0.0.1/", "rotocol"),
        ("http://127.0.0.1:1/", "connect"),
        ("http://[/", "IPv6"),
        ("nonsense://name", "rotocol"),
        ("http://", "host"),
        ("http://quán.example/", "ASCII"),
    ],
)
async def test_what_cannot_be_reached_says_why(out: Outbound, url: str, why: str) -> None:
    with pytest.raises(Unreachable, match=why):
        await out(Ask(method="GET", url=url))


@pytest.mark.parametrize("header", [("X-A", "b\r\nX-Injected: 1"), ("X-A\nB", "c"), ("X-A", "b\0c")])
async def test_a_header_cannot_smuggle_another(out: Outbound, header: tuple[str, str]) -> None:
    with pytest.raises(Unreachable, match="line break"):
        await out(Ask(method="GET", url="http://127.0.0.1:1/", headers=(header,)))


async def test_a_broken_client_key_is_named_without_being_shown(apns: ApnsSandbox, out: Outbound) -> None:
    broken = Ask(method="POST", url=apns.url, certificate=b"-----BEGIN nonsense", key=b"secret-secret", http2=True)
    with pytest.raises(Unreachable, match="certificate") as refused:
        await out(broken)
    assert "secret-secret" not in str(refused.value)


async def test_proxies_of_the_environment_are_not_used(out: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with bare_http(serve) as url:
        assert (await out(Ask(method="GET", url=url))).status == 200


def test_it_works_in_uvloop_too() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def story() -> int:
        out = Outbound(trust=chain(HOT) / "root.pem")
        async with ApnsSandbox(chain(HOT), now=lambda: NOW) as apns:
            await asyncio.gather(*(out(push(apns)) for _ in range(50)))
            await out.close()
            return apns.connections

    assert uvloop.run(story()) == 1
