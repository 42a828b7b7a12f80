"""The wallets: the only rules that may sign and speak HTTP."""
