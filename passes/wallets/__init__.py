"""The wallets: the only rules that may sign and speak HTTP. A new platform is one file here and one word in WALLETS."""

from typing import Final

from passes.wallets.apple import Apple
from passes.wallets.base import Wallet
from passes.wallets.google import Google

WALLETS: Final[tuple[type[Wallet], ...]] = (Apple, Google)
