"""Where nothing is sent: no webhook leads inside, however its address is written and whatever it turns into."""

import socket
from typing import Any

import pytest
from hooks import follows, log_of, told
from msgspec.structs import replace
from receivers import Receiver
from shop import Shop

from app.desk import Desk, webhooks
from app.outbound import Outbound, is_public
from passes.problems import WebhookRefused
from passes.wallets.base import Ask, Unreachable

PUBLIC = "https://till.example/hook"


@pytest.mark.parametrize(
    "url",
    [
        "http://till.example/hook",
        "ftp://till.example/hook",
        "https://",
        "https://127.0.0.1/hook",
        "https://10.1.2.3/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/hook",
        "https://[::ffff:10.0.0.1]/hook",
        "https://localhost/hook",
        "https://localhost./hook",
        "https://till.localhost/hook",
        "https://127.1/hook",
        "https://2130706433/hook",
        "https://0x7f000001/hook",
        "https://0177.0.0.1/hook",
        "https://127.0.0.1./hook",
        "https://./hook",
        "https://db.internal/hook",
        "https://lan:secret@till.example/hook",
        "https://till.example/hook#part",
        "https://till.example/ho ok",
        "https://till.example\\@127.0.0.1/",
        "https://till.example:0/hook",
        "https://[::1",
        "https://tíll.example/hook",
        "https://till.example/" + "a" * 500,
    ],
)
def test_an_address_that_cannot_be_told_is_refused_when_it_is_written(url: str, shop_desk: Desk) -> None:
    with pytest.raises(WebhookRefused):
        webhooks.check(shop_desk, url)
    webhooks.check(shop_desk, PUBLIC)


@pytest.fixture
def shop_desk() -> Desk:
    """Nothing of a desk but its settings."""
    nothing: Any = None
    return Desk(store=nothing, world=nothing, words=nothing, apple=None, google=None, public_url="https://cards.example", bell=lambda: None)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255",
        "::1", "::", "::7f00:1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::",
        "2002:a00:1::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1",
    ],
)  # fmt: skip
def test_an_address_inside_is_not_public_however_it_is_written(address: str) -> None:
    assert not is_public(address)
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1::1")


async def test_nothing_is_sent_inside_by_whatever_way(till: Receiver) -> None:
    """On real sockets: each of these leads to the receiver, and would get there."""
    out, port = Outbound(), till.url.rpartition(":")[2]
    ways = ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]", "[::]")
    for host in (*ways, "localhost.", socket.gethostname()):
        ask = Ask(method="POST", url=f"http://{host}:{port}", body=b"{}", public_only=True, timeout=5)
        with pytest.raises(Unreachable):
            await out(ask)
    assert till.got == []
    await out.close()


async def test_what_leads_inside_is_a_failure_that_does_not_say_where(shop: Shop, till: Receiver) -> None:
    one = await follows(shop, till, "card.earned")
    await shop.stamp(await shop.join())
    await told(replace(shop.desk, webhooks_private=False))
    (kept,) = await log_of(shop, one)
    assert (kept.state, kept.status, kept.said, till.got) == ("due", None, "not a public address", [])
