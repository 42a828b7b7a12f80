"""A till's side of Counterpass in one file: typed, nothing but Python's standard library, and retries that cannot hurt.

Copy it, change it, keep it. Every change is sent under one idempotency key until it is answered, so that a lost answer never
gives a reward twice and never loses one. What is refused raises ``Refused``; what was never answered raises ``NoAnswer``.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, cast
from urllib.parse import quote
from uuid import uuid4


class Offer(TypedDict):
    """What to give, and what to press to give it."""

    id: str
    title: str
    action: str


class Coupon(TypedDict):
    """One right to one offer. ``shown`` is its code as people read it."""

    id: str
    code: str
    shown: str
    state: Literal["active", "redeemed", "voided", "expired"]
    offer: Offer
    expires_at: str | None


class Card(TypedDict):
    """A customer's card: how far it is, and what is ready on it."""

    id: str
    number: str
    customer: str
    balance: int
    goal: int
    ready: list[Coupon]


class Earned(TypedDict):
    """What was added, the rewards that it earned, and the card after it."""

    added: int
    earned: list[Coupon]
    card: Card


class Redemption(TypedDict):
    """The record that a coupon was used."""

    id: str
    at: str
    location: str
    staff: str


class Receipt(TypedDict):
    """A reward to give now."""

    redemption: Redemption
    coupon: Coupon
    customer: str


class Problem(TypedDict):
    """Why something was not done: ``word`` for programs, ``detail`` for staff, ``say`` for the customer."""

    word: str
    status: int
    detail: str
    say: str
    facts: dict[str, Any]


class Verdict(TypedDict):
    """What redeeming would give: ``redeemable``, ``card``, or the word of a problem."""

    verdict: str
    problem: Problem | None
    coupon: Coupon | None
    card: Card | None


class Refused(Exception):
    """An answer, not a failure: show ``problem["detail"]`` to staff, read ``problem["say"]`` to the customer."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem["detail"])
        self.problem = problem
        self.word = problem["word"]


class NoAnswer(Exception):
    """Nobody knows whether it was done. Keep ``key``: for 24 hours the same request under it is done once and answered."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(why)
        self.key = key


@dataclass(frozen=True)
class Till:
    """Counterpass as a till sees it. ``patience`` is the seconds that one try may take."""

    url: str
    key: str
    language: str = "en"
    patience: float = 5.0
    tries: int = 4
    sleep: Callable[[float], None] = time.sleep

    def join(self, program_id: str, name: str, *, email: str = "", phone: str = "", once: str = "") -> Card:
        """A customer's card in a program: a new one, or the one that the address or the number has."""
        body = {"program_id": program_id, "name": name, "email": email, "phone": phone}
        return cast("Card", self.change("join", body, once)["card"])

    def find(self, **by: str) -> list[Card]:
        """Cards by ``number``, ``code``, ``phone`` or ``email``."""
        return cast("list[Card]", self.ask("POST", "cards/search", by)["data"])

    def card(self, which: str) -> Card:
        """A card by its number or id."""
        return cast("Card", self.ask("GET", f"cards/{quote(which, safe='')}"))

    def look_up(self, code: str) -> Verdict:
        """What redeeming would give now; changes nothing."""
        return cast("Verdict", self.ask("POST", "look-ups", {"code": code}))

    def redeem(self, code: str, *, receipt: str = "", once: str = "") -> Receipt:
        """Give a reward, once."""
        return cast("Receipt", self.change("redemptions", {"code": code, "receipt": receipt}, once))

    def earn(self, card: str, *, count: int | None = None, amount: int | None = None, receipt: str = "", once: str = "") -> Earned:
        """Add stamps or points: so many, what an ``amount`` in minor units is worth, or one visit."""
        body = {"count": count, "amount": amount, "receipt": receipt}
        return cast("Earned", self.change(f"cards/{quote(card, safe='')}/earnings", body, once))

    def take_back(self, redemption_id: str, *, reason: str = "", once: str = "") -> Coupon:
        """Take a redemption back; the coupon is active again."""
        return cast("Coupon", self.change(f"redemptions/{redemption_id}/reversal", {"reason": reason}, once)["coupon"])

    def returned(self, receipt: str, *, amount: int | None = None, once: str = "") -> dict[str, Any]:
        """Goods came back: what their receipt earned is taken off the card."""
        return self.change("returns", {"receipt": receipt, "amount": amount}, once)

    def change(self, path: str, body: dict[str, Any], once: str = "") -> dict[str, Any]:
        """A POST that is done once, however often it has to be sent. ``once`` is its key; a new one if none is given."""
        said = {name: value for name, value in body.items() if value not in ("", None)}
        return self.ask("POST", path, said, once=once or str(uuid4()))

    def ask(self, method: Literal["GET", "POST"], path: str, body: object = None, *, once: str = "") -> dict[str, Any]:
        """One request, sent again with the same key until it is answered. Raises Refused and NoAnswer."""
        headers = {"Authorization": f"Bearer {self.key}", "Accept-Language": self.language, "Content-Type": "application/json"}
        if once:
            headers["Idempotency-Key"] = once
        sent = None if body is None else json.dumps(body).encode()
        why = ""
        for tried in range(self.tries):
            request = urllib.request.Request(f"{self.url}/api/v1/{path}", data=sent, headers=headers, method=method)
            wait = 0.25 * 2**tried
            try:
                with urllib.request.urlopen(request, timeout=self.patience) as answer:
                    return cast("dict[str, Any]", json.load(answer))
            except urllib.error.HTTPError as error:
                problem = _problem(error)
                if not _passes(problem, error.code):
                    raise Refused(problem) from None
                said = error.headers.get("Retry-After") or ""
                why, wait = problem["detail"], float(said) if said.isdecimal() else wait  # a proxy in between may name a day
            except (OSError, ValueError) as error:  # refused, timed out, broken off, half an answer
                why = str(error)
            if tried + 1 < self.tries:
                self.sleep(wait)
        raise NoAnswer(once, why)


def _problem(error: urllib.error.HTTPError) -> Problem:
    try:
        said = json.load(error)
    except (OSError, ValueError):
        said = None
    if isinstance(said, dict) and "word" in said:
        return cast("Problem", said)
    return Problem(word="", status=error.code, detail=f"HTTP {error.code}", say="", facts={})  # not ours: a proxy in between


def _passes(problem: Problem, status: int) -> bool:
    """Whether it is worth asking again: the request is being worked on, too many asked, or the other side is unwell."""
    return problem["word"] == "idempotency_key_in_flight" or status == 429 or status >= 500  # noqa: PLR2004 (HTTP's own)
