"""What lines that come back come to: each is one record, if it is not there already and everything that it names is.

Ids stay; one that another business of the installation has is replaced by one made from it (``Places``), the same wherever it is named.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from app.desk import Desk
from app.desk.laying import coupons, customers, events, redemptions
from app.desk.laying.coupons import FOREVER
from app.desk.laying.here import By, Here, here
from app.desk.laying.laid import WRONG, Bad, Laid, Wrong
from app.desk.lines import What

__all__ = ["FOREVER", "LAY", "WRONG", "Bad", "By", "Laid", "Wrong", "here"]

LAY: Final[Mapping[What, Callable[[Desk, Here, Laid, Any], Awaitable[None]]]] = {
    "customers": customers.lay,
    "coupons": coupons.lay,
    "redemptions": redemptions.lay,
    "events": events.lay,
}
"""The one list: what comes back, and how its lines are laid down."""
