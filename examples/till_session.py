"""A till's afternoon: ``python till_session.py URL KEY`` joins a customer, stamps, redeems, retries, and takes it all back.

Use a test key (cp_test_…): then nothing of it counts.
"""

import sys
from collections.abc import Callable
from uuid import uuid4

from counterpass_till import Refused, Till


def play(till: Till, say: Callable[[str], object] = print) -> None:
    """One customer, from joining to a reward that was given, refused, and taken back."""
    programs = till.ask("GET", "programs")["data"]
    card = till.join(programs[0]["id"], "Hoa")
    say(f"{card['customer']} joined: card {card['number']}, {card['balance']}/{card['goal']}")

    receipt = f"R-{uuid4().hex[:8]}"
    earned = till.earn(card["number"], count=card["goal"] - card["balance"], receipt=receipt)
    coupon = earned["earned"][0]
    say(f"receipt {receipt} added {earned['added']} and earned “{coupon['offer']['title']}”")

    verdict = till.look_up(coupon["shown"])
    say(f"the code is {verdict['verdict']}")

    once = str(uuid4())  # kept until it is answered: with the bill, not in memory alone
    given = till.redeem(coupon["shown"], once=once)
    again = till.redeem(coupon["shown"], once=once)
    say(f"{given['coupon']['offer']['action']}; sent again, it is the same: {given == again}")

    try:
        till.redeem(coupon["shown"])
    except Refused as refused:
        say(f"a second time it is refused ({refused.word}). Say: {refused.problem['say']}")

    back = till.take_back(given["redemption"]["id"])
    say(f"the bill is cancelled: the coupon is {back['state']} again")

    till.returned(receipt)
    say(f"and its receipt came back: the card has {till.card(card['number'])['balance']}")


if __name__ == "__main__":
    if len(sys.argv) != 3:  # noqa: PLR2004 (the program, URL and KEY)
        sys.exit(__doc__)
    play(Till(sys.argv[1].rstrip("/"), sys.argv[2]))
