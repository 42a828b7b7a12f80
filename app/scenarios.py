"""The published scenarios: what a till and an installation must do together, played through HTTP alone, in test mode.

One list: ``counterpass scenarios`` plays it, and ``/api/scenarios`` prints it for whoever plays it by hand at their own till.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec

from app.world import World
from passes import codes
from passes.wallets.base import Answer, Ask, Unreachable

Wait = Callable[[float], Awaitable[None]]
IMPATIENT: Final = 0.02
"""Seconds after which a till gives an answer up, where one is to be lost."""
TRIES: Final = 50
"""How often a request that is still being worked on is sent again."""
A_MINUTE: Final = 61.0
REFUSED: Final = 400
IN_FLIGHT: Final = 409
TOO_MANY: Final = 429
AT_ONCE: Final = {"stamps": 100, "points": 1_000_000}
"""So many can be added by one earning."""
TEST: Final = "cp_test_"
NEEDED: Final = ("read", "earn", "redeem", "manage")
"""Scopes of a key with which all scenarios can be played."""


class NotAsPublished(Exception):
    """A step came out otherwise than the scenario says. The text says which, and how."""


class LeftOut(Exception):
    """A scenario that cannot be played with what was given. The text says what it needs."""


class Reply(msgspec.Struct, frozen=True):
    """What came back: the body decoded if it is JSON, and as it came."""

    status: int
    headers: Mapping[str, str]
    body: Any
    raw: bytes


class Till:
    """A till that plays: the calls of the API, and what several scenarios need from them.

    ``narrow`` is a key that may only read, ``live_card`` the number of a card of live mode, ``patient`` whether a minute may pass.
    """

    def __init__(
        self, world: World, url: str, key: str, *, wait: Wait, narrow: str = "", live_card: str = "", patient: bool = False
    ) -> None:
        self.world, self.url, self.key = world, url.rstrip("/"), key
        self.narrow, self.live_card, self.patient = narrow, live_card, patient
        self.wait = wait
        self.lacks: list[str] = []
        """Scopes that its key has not and scenarios need."""
        self._programs: list[Any] = []

    def new(self) -> str:
        """A text that nobody has used: an idempotency key, a transaction, a receipt."""
        return self.world.token()

    async def ask(
        self,
        method: Literal["GET", "POST"],
        path: str,
        body: object = None,
        *,
        once: str = "",
        bearer: str | None = None,
        headers: Mapping[str, str] = {},
        patience: float = 10.0,
    ) -> Reply:
        """One request under /api/v1, with an idempotency key (``once``) if one is given; again if the key has asked too often.

        Raises Unreachable.
        """
        said = {"Accept-Language": "en", "Content-Type": "application/json", **headers}
        bearer = self.key if bearer is None else bearer
        if bearer:
            said["Authorization"] = f"Bearer {bearer}"
        if once:
            said["Idempotency-Key"] = once
        asked = Ask(
            method=method,
            url=f"{self.url}/api/v1/{path}",
            headers=tuple(said.items()),
            body=b"" if body is None else msgspec.json.encode(body),
            timeout=patience,
        )
        answer: Answer = await self.world.http(asked)
        for _ in range(TRIES):
            if answer.status != TOO_MANY:
                break
            await self.wait(float(answer.headers["retry-after"]))
            answer = await self.world.http(asked)
        kind = answer.headers.get("content-type", "")
        decoded = msgspec.json.decode(answer.body) if "json" in kind and answer.body else None
        return Reply(answer.status, answer.headers, decoded, answer.body)

    async def get(self, path: str, status: int = 200, *, word: str = "") -> Any:
        """The body of a GET that is answered so."""
        return expected(await self.ask("GET", path), f"GET {path}", status, word).body

    async def post(self, path: str, body: object, status: int = 201, *, word: str = "", once: str | None = None) -> Any:
        """The body of a POST that is answered so, under a new idempotency key if none is given."""
        once = self.new() if once is None else once
        return expected(await self.ask("POST", path, body, once=once), f"POST {path}", status, word).body

    async def said(self, action: str, *, accepted: bool = True, word: str = "", **more: object) -> Any:
        """What the till's own endpoint answers: always 200, and whether it was accepted."""
        body = {"action": action, "transaction_id": self.new(), **more}
        answer = expected(await self.ask("POST", "till", body), f"POST till, {action}", 200, "").body
        must(answer["accepted"] == accepted, f"{action} is {'accepted' if accepted else 'not accepted'}", answer)
        if word:
            must(answer["problem"]["word"] == word, f"{action} is refused as {word}", answer)
        return answer

    async def program(self) -> Any:
        """The first program that runs and has more than one step to go."""
        if not self._programs:
            there = (await self.get("programs?limit=200"))["data"]
            self._programs = [one for one in there if one["state"] == "running" and one["goals"][-1]["at"] > 1]
        if not self._programs:
            raise NotAsPublished("there should be a program that runs, with a goal of 2 or more")
        return self._programs[0]

    async def joined(self, **more: str) -> Any:
        """A new customer's card."""
        program = await self.program()
        return (await self.post("join", {"program_id": program["id"], "name": "Test customer", **more}))["card"]

    async def rewarded(self) -> Any:
        """A new card on which a reward is ready, with what the earning that reached it answered."""
        card = await self.joined()
        while True:
            count = min(card["goal"] - card["balance"], AT_ONCE[card["unit"]])
            earned = await self.post(f"cards/{card['id']}/earnings", {"count": count})
            if earned["earned"]:
                return earned
            card = earned["card"]

    async def code(self) -> str:
        """The code of a reward that is ready on a new card."""
        return str((await self.rewarded())["earned"][0]["code"])

    async def redeemed(self, code: str) -> Any:
        """What redeeming a code answers."""
        return await self.post("redemptions", {"code": code})

    async def lose(self, path: str, body: object, *, once: str = "") -> None:
        """Send a request and do not wait for its answer: it may have arrived or not, as in life."""
        try:
            await self.ask("POST", path, body, once=once, patience=IMPATIENT)
        except Unreachable:
            return

    async def again(self, path: str, body: object, *, once: str = "") -> Reply:
        """The same request, until it is not being worked on any more."""
        for _ in range(TRIES):
            reply = await self.ask("POST", path, body, once=once)
            if reply.status != IN_FLIGHT or reply.body["word"] != "idempotency_key_in_flight":
                return reply
            await self.wait(float(reply.headers["retry-after"]))
        raise NotAsPublished(f"POST {path} was being worked on {TRIES} times in a row")


def expected(reply: Reply, what: str, status: int, word: str) -> Reply:
    """The reply, if it is so. Raises NotAsPublished."""
    found = reply.body.get("word", "") if reply.status >= REFUSED and isinstance(reply.body, dict) else ""
    if reply.status != status or (word and found != word):
        why = f": {reply.body['detail']}" if found else ""
        raise NotAsPublished(f"{what} was answered {f'{reply.status} {found}'.strip()}, not {f'{status} {word}'.strip()}{why}")
    return reply


def must(fact: object, what: str, found: object) -> None:
    """Raises NotAsPublished unless it is a fact. What was found is shown without codes and names: by its shape."""
    if not fact:
        shape = sorted(found) if isinstance(found, dict) else found
        raise NotAsPublished(f"it should be so that {what}; found {shape}")


Play = Callable[[Till], Awaitable[None]]


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One of the list: its name, why a till needs it, what to do and to see, and the code that does and looks."""

    name: str
    why: str
    steps: tuple[str, ...]
    play: Play


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a scenario, in how many seconds; ``why`` it did not pass."""

    scenario: Scenario
    said: Literal["pass", "fail", "left out"]
    why: str
    seconds: float


SCENARIOS: list[Scenario] = []


def scenario(name: str, why: str, *steps: str) -> Callable[[Play], Play]:
    """Put what a function plays on the list."""

    def listed(play: Play) -> Play:
        SCENARIOS.append(Scenario(name=name, why=why, steps=steps, play=play))
        return play

    return listed


async def played(till: Till, one: Scenario) -> Outcome:
    """Play a scenario; whatever goes wrong is its outcome."""
    begun = till.world.now()
    said: Literal["pass", "fail", "left out"] = "fail"
    try:
        await one.play(till)
        said, why = "pass", ""
    except LeftOut as lacking:
        said, why = "left out", str(lacking)
    except (NotAsPublished, Unreachable) as wrong:
        why = str(wrong)
    except (KeyError, IndexError, TypeError, ValueError, msgspec.MsgspecError) as odd:  # an answer of another shape
        why = f"an answer lacks what it should have: {type(odd).__name__} {odd}"
    return Outcome(scenario=one, said=said, why=why, seconds=(till.world.now() - begun).total_seconds())


async def is_test_mode(till: Till) -> bool:
    """Whether the key belongs to test mode, as the key itself and the installation say. Raises NotAsPublished and Unreachable."""
    reply = await till.ask("GET", "me")
    ours = isinstance(reply.body, dict) and not {"test", "word"}.isdisjoint(reply.body)
    must(ours, f"Counterpass answers at {till.url}", f"something else (HTTP {reply.status})")
    me = expected(reply, "GET me", 200, "").body
    till.lacks = [scope for scope in NEEDED if scope not in me["scopes"]]
    return till.key.startswith(TEST) and bool(me["test"])


# --- Keys ---


@scenario(
    "The key says whose it is",
    "Before anything else: the right shop, the right location, and test mode.",
    "GET /me with your key.",
    "The answer names the business, the location, the scopes, and says whether it is test mode.",
)
async def _me(till: Till) -> None:
    me = await till.get("me")
    must({"name", "scopes", "test", "location", "business"} <= set(me), "a key knows its name, scopes, mode, location and business", me)


@scenario(
    "A stranger is told nothing",
    "A key that was mistyped, revoked or never made must not tell which of these it is.",
    "GET /me without a key, and with a made-up one.",
    "Both are answered 401 unauthorized, in the same words.",
)
async def _stranger(till: Till) -> None:
    answers = [expected(await till.ask("GET", "me", bearer=one), "GET me", 401, "unauthorized") for one in ("", f"{TEST}{till.new()}")]
    must(answers[0].raw == answers[1].raw, "both are told the same", [one.status for one in answers])


@scenario(
    "A key does only what it may",
    "The till in the garden that only looks must not be able to redeem.",
    "With a key of the scope read alone, try to redeem.",
    "The answer is 403 wrong_scope; its facts say which scope is needed and which the key has.",
)
async def _scope(till: Till) -> None:
    if not till.narrow:
        raise LeftOut("it needs --read-only KEY: a test key with the scope read and no other")
    reply = await till.ask("POST", "redemptions", {"code": await till.code()}, once=till.new(), bearer=till.narrow)
    facts = expected(reply, "POST redemptions", 403, "wrong_scope").body["facts"]
    must(facts["has"] == ["read"] and "redeem" in facts["needed"], "the facts name both", facts)


@scenario(
    "A test key sees nothing live",
    "You may play as much as you like: no customer is found, touched or counted.",
    "Ask for a card of live mode by its number, and look its number up as a code.",
    "Both are answered as if there were no such card.",
)
async def _nothing_live(till: Till) -> None:
    if not till.live_card:
        raise LeftOut("it needs --live-card NUMBER: a card of live mode")
    await till.get(f"cards/{quote(till.live_card, safe='')}", 404, word="not_found")
    verdict = await till.post("look-ups", {"code": till.live_card}, 200)
    must(verdict["verdict"] in {"unknown_code", "mistyped_code"}, "a look-up does not know it", verdict["verdict"])


# --- Customers and cards ---


@scenario(
    "A customer joins",
    "An e-mail address is one customer's: joining twice gives the card that they have.",
    "POST /join with a name and an e-mail address: 201 and a card.",
    "Join once more with the same address and a new key: 200 and the same card.",
)
async def _join(till: Till) -> None:
    email = f"{till.new().lower()}@example.com"
    first = await till.joined(email=email)
    body = {"program_id": (await till.program())["id"], "name": "Test customer", "email": email}
    second = await till.post("join", body, 200)
    must(second["card"]["id"] == first["id"], "it is the same card", second["card"])


@scenario(
    "A customer is found",
    "A customer whose phone is dead says an address or a number; it never stands in a URL, where logs would keep it.",
    "Join a customer with an e-mail address.",
    "POST /cards/search with the card's number, and with the address: both find the card.",
    "POST /customers/search with the address: it finds the customer.",
)
async def _find(till: Till) -> None:
    email = f"{till.new().lower()}@example.com"
    card = await till.joined(email=email)
    for sought in ({"number": card["number"]}, {"email": email}):
        found = await till.post("cards/search", sought, 200, once="")
        must([one["id"] for one in found["data"]] == [card["id"]], f"{next(iter(sought))} finds the card", found)
    found = await till.post("customers/search", {"email": email}, 200, once="")
    must(len(found["data"]) == 1, "the address finds one customer", found)


@scenario(
    "A card earns a reward",
    "The main job, first half: the stamps that lead to a goal become a coupon with a code.",
    "Join a customer, and add what is missing to the first goal.",
    "The answer holds a coupon, active, with a code; the card shows it as ready.",
)
async def _earn(till: Till) -> None:
    earned = await till.rewarded()
    must(earned["earned"][0]["state"] == "active", "the coupon is active", earned["earned"][0])
    ready = [one["id"] for one in earned["card"]["ready"]]
    must(earned["earned"][0]["id"] in ready, "the card shows it as ready", ready)


# --- Codes ---


@scenario(
    "Look up, then redeem",
    "The main job, second half. Looking a code up gives exactly the verdict that redeeming would give, and changes nothing.",
    "POST /look-ups with a ready code, twice: redeemable, both times.",
    "POST /redemptions with the code: 201, with what to give and to whom.",
    "Look it up once more: already_redeemed.",
)
async def _redeem(till: Till) -> None:
    code = await till.code()
    for _ in range(2):
        verdict = await till.post("look-ups", {"code": code}, 200)
        must(verdict["verdict"] == "redeemable", "it is redeemable", verdict["verdict"])
    given = await till.redeemed(code)
    must(given["coupon"]["state"] == "redeemed", "the coupon is redeemed", given["coupon"])
    verdict = await till.post("look-ups", {"code": code}, 200)
    must(verdict["verdict"] == "already_redeemed", "it is used up", verdict["verdict"])


@scenario(
    "A code may be typed in any way",
    "Cashiers type in small letters, with spaces and without dashes.",
    "Redeem a ready code in small letters with a space after every third character.",
    "It is redeemed.",
)
async def _typed(till: Till) -> None:
    code = await till.code()
    await till.redeemed(" ".join(code[at : at + 3] for at in range(0, len(code), 3)).lower())


@scenario(
    "A code is presented twice",
    "The second time is refused, and the answer says when, where and by whom it was used.",
    "Redeem a ready code, and redeem it again with a new key.",
    "The second answer is 409 already_redeemed with at, location, staff and redemption_id.",
)
async def _twice(till: Till) -> None:
    code = await till.code()
    first = await till.redeemed(code)
    facts = (await till.post("redemptions", {"code": code}, 409, word="already_redeemed"))["facts"]
    must(facts["redemption_id"] == first["redemption"]["id"], "the facts name the redemption", facts)
    must({"at", "location", "staff"} <= set(facts), "the facts say when, where and by whom", facts)


@scenario(
    "Eight tills present one code at once",
    "Exactly one gives the reward.",
    "Redeem one ready code eight times at the same moment, each time with a key of its own.",
    "One answer is 201; seven are 409 already_redeemed.",
)
async def _race(till: Till) -> None:
    code = await till.code()
    replies = await asyncio.gather(*(till.ask("POST", "redemptions", {"code": code}, once=till.new()) for _ in range(8)))
    found = sorted(one.status for one in replies)
    must(found == [201] + [409] * 7, "one wins", found)


@scenario(
    "A mistyped code is told from an unknown one",
    "Mistyped: look again. Unknown: it is not from here. The cashier says different things.",
    "Change one character of a ready code and redeem it: 422 mistyped_code.",
    "Redeem a well-formed code that nobody has: 404 unknown_code.",
)
async def _mistyped(till: Till) -> None:
    code = await till.code()
    wrong = "3" if code[-2] != "3" else "4"
    await till.post("redemptions", {"code": f"{code[:-2]}{wrong}{code[-1]}"}, 422, word="mistyped_code")
    await till.post("redemptions", {"code": codes.mint(till.world.pick)}, 404, word="unknown_code")


@scenario(
    "A card is presented where a code is needed",
    "Customers show the card itself. The answer says which of its codes are ready.",
    "Redeem a card's own number.",
    "The answer is 422 card_presented; its facts hold the codes that are ready.",
)
async def _card_presented(till: Till) -> None:
    card = (await till.rewarded())["card"]
    facts = (await till.post("redemptions", {"code": card["number"]}, 422, word="card_presented"))["facts"]
    must(len(facts["ready"]) == len(card["ready"]), "the facts hold the ready codes", facts)


# --- Retries ---


@scenario(
    "The same request again",
    "After a time-out a till sends the request again with the same key: it gets the first answer, and nothing happens twice.",
    "Add one stamp with a key, and send the same request with the same key.",
    "The second answer is the first, byte for byte, with Idempotent-Replayed: true; the card has one stamp more, not two.",
    "Do the same with a redemption that is refused: the refusal is replayed, too.",
)
async def _replayed(till: Till) -> None:
    card, once = await till.joined(), till.new()
    path, body = f"cards/{card['id']}/earnings", {"count": 1}
    first, second = [expected(await till.ask("POST", path, body, once=once), f"POST {path}", 201, "") for _ in range(2)]
    must(first.raw == second.raw, "both answers are the same", [len(first.raw), len(second.raw)])
    must(second.headers.get("idempotent-replayed") == "true", "the second says that it is replayed", sorted(second.headers))
    must((await till.get(f"cards/{card['id']}"))["balance"] == card["balance"] + 1, "there is one stamp more", first.body["card"])
    once, unknown = till.new(), {"code": codes.mint(till.world.pick)}
    refused = [expected(await till.ask("POST", "redemptions", unknown, once=once), "POST redemptions", 404, "") for _ in range(2)]
    must(refused[0].raw == refused[1].raw, "both refusals are the same", [len(one.raw) for one in refused])


@scenario(
    "The same key for another request",
    "A till that uses a key twice by mistake is told so, instead of being given somebody else's answer.",
    "Add one stamp with a key; add two with the same key.",
    "The second answer is 422 idempotency_key_reused, and nothing was added.",
)
async def _reused(till: Till) -> None:
    card, once = await till.joined(), till.new()
    path = f"cards/{card['id']}/earnings"
    await till.post(path, {"count": 1}, once=once)
    await till.post(path, {"count": 2}, 422, word="idempotency_key_reused", once=once)
    must((await till.get(f"cards/{card['id']}"))["balance"] == card["balance"] + 1, "nothing was added", card)


@scenario(
    "No key at all",
    "A change without a key could not be repeated safely, so it is not made.",
    "Add a stamp without an Idempotency-Key.",
    "The answer is 400 idempotency_key_missing, and nothing was added.",
)
async def _no_key(till: Till) -> None:
    card = await till.joined()
    await till.post(f"cards/{card['id']}/earnings", {"count": 1}, 400, word="idempotency_key_missing", once="")


@scenario(
    "The answer is lost",
    "The network breaks after the request has left. The till does not know whether it arrived, and need not.",
    "Redeem a ready code, and give the answer up after 20 milliseconds.",
    "Send the same request with the same key, again after Retry-After while the answer is 409 idempotency_key_in_flight.",
    "The answer is 201: the reward is given once, whether the first request had arrived or not.",
    "GET /requests/{key}: finished, with the status 201.",
)
async def _lost(till: Till) -> None:
    body, once = {"code": await till.code()}, till.new()
    await till.lose("redemptions", body, once=once)
    expected(await till.again("redemptions", body, once=once), "POST redemptions", 201, "")
    became = await till.get(f"requests/{quote(once, safe='')}")
    must((became["state"], became["status"]) == ("finished", 201), "the request is known as finished", became)


# --- Baskets, reservations, receipts ---


@scenario(
    "A basket, all or nothing",
    "Two rewards on one bill: either both are given, or none is and both can still be used.",
    "POST /redemptions with a ready code, one that is used up, and mode all: 409 basket_refused; its facts say which and why.",
    "Look the ready one up: still redeemable.",
    "Redeem two ready codes together: 201, under one basket_id.",
)
async def _all(till: Till) -> None:
    ready, used, other = [await till.code() for _ in range(3)]
    await till.redeemed(used)
    refused = await till.post("redemptions", {"codes": [ready, used], "mode": "all"}, 409, word="basket_refused")
    words = [one["word"] for one in refused["facts"]["refusals"]]
    must(words == ["already_redeemed"], "the facts say which is refused and why", words)
    verdict = await till.post("look-ups", {"code": ready}, 200)
    must(verdict["verdict"] == "redeemable", "the other is untouched", verdict["verdict"])
    basket = await till.post("redemptions", {"codes": [ready, other], "mode": "all"})
    must(basket["basket_id"], "the basket has an id", basket)


@scenario(
    "A basket, each by itself",
    "What can be given is given; the till shows the rest.",
    "POST /redemptions with a ready code, one that is used up, and mode each.",
    "The answer has a result for each, in their order: a redemption, and the problem already_redeemed.",
)
async def _each(till: Till) -> None:
    ready, used = await till.code(), await till.code()
    await till.redeemed(used)
    basket = await till.post("redemptions", {"codes": [ready, used], "mode": "each"})
    good, bad = basket["results"]
    must(good["redemption"] and not good.get("problem"), "the first is redeemed", good)
    must(bad["problem"]["word"] == "already_redeemed", "the second says why not", bad)


@scenario(
    "A coupon is held for a basket",
    "Between scanning and paying nobody else may use the reward.",
    "POST /reservations with a ready code: 201, held until a time.",
    "Redeem the code without naming the reservation: 409 reserved, with until.",
    "Redeem with the reservation_id: 201.",
)
async def _held(till: Till) -> None:
    code = await till.code()
    held = await till.post("reservations", {"codes": [code]})
    must(held["state"] == "held" and held["until"], "it is held until a time", held["state"])
    await till.post("redemptions", {"code": code}, 409, word="reserved")
    await till.post("redemptions", {"reservation_id": held["id"]})
    must((await till.get(f"reservations/{held['id']}"))["state"] == "redeemed", "the reservation is redeemed", held)


@scenario(
    "A held coupon is released",
    "The customer changes their mind.",
    "Hold a ready code, and POST /reservations/{id}/release.",
    "Redeeming with the reservation is 410 not_held; the code itself is redeemable again.",
)
async def _released(till: Till) -> None:
    code = await till.code()
    held = await till.post("reservations", {"codes": [code]})
    await till.post(f"reservations/{held['id']}/release", {}, 200)
    await till.post("redemptions", {"reservation_id": held["id"]}, 410, word="not_held")
    await till.redeemed(code)


@scenario(
    "A reservation ends by itself",
    "A till that went dark must not keep a reward from its owner.",
    "Hold a ready code for one minute, and wait for it to pass.",
    "Redeeming with the reservation is 410 not_held; the code itself is redeemable again.",
)
async def _ended(till: Till) -> None:
    if not till.patient:
        raise LeftOut("it takes a minute: --patient")
    code = await till.code()
    held = await till.post("reservations", {"codes": [code], "minutes": 1})
    await till.wait(A_MINUTE)
    await till.post("redemptions", {"reservation_id": held["id"]}, 410, word="not_held")
    await till.redeemed(code)


@scenario(
    "A redemption is taken back",
    "The bill is cancelled: the customer has their reward again.",
    "Redeem a ready code, and POST /redemptions/{id}/reversal: 201, the coupon is active.",
    "Take it back once more with a new key: 409 nothing_to_reverse.",
    "Redeem the code again: 201.",
)
async def _reversed(till: Till) -> None:
    code = await till.code()
    path = f"redemptions/{(await till.redeemed(code))['redemption']['id']}/reversal"
    back = await till.post(path, {})
    must(back["coupon"]["state"] == "active", "the coupon is active again", back["coupon"])
    await till.post(path, {}, 409, word="nothing_to_reverse")
    await till.redeemed(code)


@scenario(
    "A basket is taken back",
    "The whole bill is cancelled, or one line of it.",
    "Redeem two codes as one basket; POST /baskets/{id}/reversal naming one of its redemptions: that one is active again.",
    "The same without naming any: the other is active again, too.",
)
async def _basket_reversed(till: Till) -> None:
    both = [await till.code() for _ in range(2)]
    basket = await till.post("redemptions", {"codes": both, "mode": "all"})
    path, first = f"baskets/{basket['basket_id']}/reversal", basket["redemptions"][0]["redemption"]["id"]
    await till.post(path, {"redemption_ids": [first]})
    verdicts = [(await till.post("look-ups", {"code": code}, 200))["verdict"] for code in both]
    must(verdicts == ["redeemable", "already_redeemed"], "one of the two is back", verdicts)
    await till.post(path, {})
    verdicts = [(await till.post("look-ups", {"code": code}, 200))["verdict"] for code in both]
    must(verdicts == ["redeemable"] * 2, "both are back", verdicts)


@scenario(
    "A receipt comes back",
    "Goods are returned: what their receipt earned is taken off the card, once.",
    "Add one stamp with a receipt number.",
    "POST /returns with that receipt: 201, and the card has what it had before.",
    "Return it once more with a new key: 409 nothing_to_return.",
)
async def _returned(till: Till) -> None:
    card, receipt = await till.joined(), till.new()
    await till.post(f"cards/{card['id']}/earnings", {"count": 1, "receipt": receipt})
    await till.post("returns", {"receipt": receipt})
    must((await till.get(f"cards/{card['id']}"))["balance"] == card["balance"], "the card has what it had", card)
    await till.post("returns", {"receipt": receipt}, 409, word="nothing_to_return")


@scenario(
    "Another currency",
    "A till that is set up for another country must not count its cents as ours.",
    "Redeem a ready code with an amount in a currency that is not the business's.",
    "The answer is 422 wrong_currency, and its facts name the right one; the code is still redeemable.",
)
async def _currency(till: Till) -> None:
    code = await till.code()
    facts = (await till.post("redemptions", {"code": code, "amount": 100, "currency": "XTS"}, 422, word="wrong_currency"))["facts"]
    must(len(facts["currency"]) == 3, "the facts name the currency", facts)  # noqa: PLR2004 (ISO 4217)
    await till.redeemed(code)


# --- The till's own endpoint ---


@scenario(
    "One endpoint: search",
    "For a till that speaks a loyalty contract of five actions. Nothing found is no error.",
    "POST /till with the action search and a card's number: accepted, with the card.",
    "Search for an e-mail address that nobody has: accepted, with no card.",
)
async def _search(till: Till) -> None:
    card = await till.joined()
    answer = await till.said("search", card=card["number"])
    must([one["id"] for one in answer["cards"]] == [card["id"]], "the number finds the card", answer)
    answer = await till.said("search", email=f"{till.new().lower()}@example.com")
    must(not answer.get("cards"), "nobody is found", answer)


@scenario(
    "One endpoint: inquire",
    "What would this bill get? Nothing changes, however often it is asked.",
    "POST /till with the action inquire, a card with a ready reward, and a code of it.",
    "The answer has the card, the verdict redeemable, and what one more stamp would earn; asked again, it is the same.",
)
async def _inquire(till: Till) -> None:
    card = (await till.rewarded())["card"]
    asked = {"card": card["number"], "codes": [card["ready"][0]["code"]], "count": 1}
    first, second = [await till.said("inquire", **asked) for _ in range(2)]
    must([one["verdict"] for one in first["verdicts"]] == ["redeemable"], "the code is redeemable", first["verdicts"][0]["verdict"])
    must(first["would_earn"]["added"] == 1, "it says what would be earned", first["would_earn"])
    must({**first, "transaction_id": ""} == {**second, "transaction_id": ""}, "both answers are the same", first)


@scenario(
    "One endpoint: redeem",
    "A refusal is an answer, not an error: a till that treats HTTP errors as outages stays online.",
    "POST /till with the action redeem and a ready code: accepted.",
    "The same code under a new transaction: 200, not accepted, with the problem already_redeemed.",
)
async def _till_redeem(till: Till) -> None:
    code = await till.code()
    answer = await till.said("redeem", codes=[code])
    must(answer["redemptions"][0]["coupon"]["state"] == "redeemed", "the coupon is redeemed", answer)
    await till.said("redeem", codes=[code], accepted=False, word="already_redeemed")


@scenario(
    "One endpoint: accrue",
    "Stamps or points of a bill, with its receipt number.",
    "POST /till with the action accrue, a card, a count and a receipt: accepted, with the card after it.",
)
async def _accrue(till: Till) -> None:
    card = await till.joined()
    answer = await till.said("accrue", card=card["number"], count=1, receipt=till.new())
    must(answer["card"]["balance"] == card["balance"] + 1, "the card has one more", answer)


@scenario(
    "One endpoint: reverse",
    "The bill is cancelled: the till names the transaction, and all that it did is taken back, once.",
    "Accrue and redeem, each under a transaction of its own; reverse both: the stamp is gone, the code is redeemable.",
    "Reverse the redemption once more under a new transaction: not accepted, nothing_to_reverse.",
)
async def _till_reverse(till: Till) -> None:
    rewarded = await till.rewarded()
    card, code, redeem, accrue = rewarded["card"], rewarded["earned"][0]["code"], till.new(), till.new()
    await till.said("accrue", transaction_id=accrue, card=card["number"], count=1)
    await till.said("redeem", transaction_id=redeem, codes=[code])
    for one in (accrue, redeem):
        await till.said("reverse", reverses=one)
    must((await till.get(f"cards/{card['id']}"))["balance"] == card["balance"], "the stamp is gone", card["balance"])
    verdict = await till.post("look-ups", {"code": code}, 200)
    must(verdict["verdict"] == "redeemable", "the code is redeemable", verdict["verdict"])
    await till.said("reverse", reverses=redeem, accepted=False, word="nothing_to_reverse")


@scenario(
    "One endpoint: given up",
    "A till that gives a transaction up reverses it at once. If it arrives after that, nothing may be used.",
    "POST /till with the action reverse and a transaction that was not sent yet: not accepted, not_found.",
    "Now send that transaction, to redeem a ready code: 200, not accepted, called_off. The code is still redeemable.",
)
async def _till_given_up(till: Till) -> None:
    code, late = await till.code(), till.new()
    await till.said("reverse", reverses=late, accepted=False, word="not_found")
    await till.said("redeem", transaction_id=late, codes=[code], accepted=False, word="called_off")
    verdict = await till.post("look-ups", {"code": code}, 200)
    must(verdict["verdict"] == "redeemable", "the code is redeemable", verdict["verdict"])


@scenario(
    "One endpoint: the answer is lost",
    "Such tills give up after five seconds and send the same transaction again.",
    "POST /till to redeem a ready code, and give the answer up; send the same transaction until it is answered.",
    "It is accepted, and the reward is given once. Sent again, the answer is the same, byte for byte.",
    "Send another request under the same transaction_id: 422 idempotency_key_reused.",
)
async def _till_lost(till: Till) -> None:
    body = {"action": "redeem", "transaction_id": till.new(), "codes": [await till.code()]}
    await till.lose("till", body)
    first, second = [expected(await till.again("till", body), "POST till", 200, "") for _ in range(2)]
    must(first.body["accepted"], "it is accepted", first.body)
    must(first.raw == second.raw, "both answers are the same", [len(first.raw), len(second.raw)])
    other = {**body, "codes": [codes.mint(till.world.pick)]}
    expected(await till.ask("POST", "till", other), "POST till", 422, "idempotency_key_reused")


# --- Reading ---


@scenario(
    "Lists go on",
    "Nothing is missed and nothing comes twice while customers join meanwhile.",
    "GET /cards?limit=1; join a customer; GET the next page with the cursor.",
    "The second page holds another card, the older one.",
)
async def _pages(till: Till) -> None:
    older, newer = await till.joined(), await till.joined()
    first = await till.get("cards?limit=1")
    await till.joined()
    second = await till.get(f"cards?limit=1&after={quote(first['next'], safe='')}")
    found = [one["id"] for page in (first, second) for one in page["data"]]
    must(found == [newer["id"], older["id"]], "the pages follow each other", found)


@scenario(
    "Nothing has changed",
    "A till that keeps the catalogue asks whether it is still the same, and need not read it again.",
    "GET a card, and GET it again with If-None-Match: the ETag of the answer.",
    "The second answer is 304 without a body.",
)
async def _unchanged(till: Till) -> None:
    path = f"cards/{(await till.joined())['id']}"
    tag = expected(await till.ask("GET", path), f"GET {path}", 200, "").headers["etag"]
    again = await till.ask("GET", path, headers={"If-None-Match": tag})
    must((again.status, again.raw) == (304, b""), "it is 304", again.status)


@scenario(
    "In the customer's language, in the shop's time",
    "The sentence that the cashier reads out, and times that need no guessing.",
    "Redeem an unknown code with Accept-Language: vi, and with en: the words differ, the machine word does not.",
    "The time of a redemption says its offset from UTC.",
)
async def _language(till: Till) -> None:
    body = {"code": codes.mint(till.world.pick)}
    vi, en = [(await till.ask("POST", "redemptions", body, once=till.new(), headers={"Accept-Language": one})).body for one in ("vi", "en")]
    must(vi["say"] != en["say"] and vi["word"] == en["word"], "only the words differ", vi["word"])
    at = datetime.fromisoformat((await till.redeemed(await till.code()))["redemption"]["at"])
    must(at.tzinfo is not None, "the time has an offset", str(at))


@scenario(
    "The log tells what happened",
    "A webhook that was missed is no loss: the log has every event, in order.",
    "Redeem a ready code. GET /events?card_id= of its card.",
    "There are customer.joined, card.earned, reward.ready and coupon.redeemed, in this order.",
)
async def _events(till: Till) -> None:
    rewarded = await till.rewarded()
    await till.redeemed(rewarded["earned"][0]["code"])
    told = [one["type"] for one in (await till.get(f"events?card_id={rewarded['card']['id']}"))["data"]]
    order = [one for one in told if one in ("customer.joined", "card.earned", "reward.ready", "coupon.redeemed")]
    must(
        list(dict.fromkeys(order)) == ["customer.joined", "card.earned", "reward.ready", "coupon.redeemed"],
        "the log has all of them in order",
        told,
    )


def named(parts: Collection[str]) -> list[Scenario]:
    """The scenarios whose name contains one of these texts; all for none. Raises ValueError for a text that none contains."""
    for part in parts:
        if not any(part.lower() in one.name.lower() for one in SCENARIOS):
            raise ValueError(f"no scenario is called “{part}”")
    return [one for one in SCENARIOS if not parts or any(part.lower() in one.name.lower() for part in parts)]
