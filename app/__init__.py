"""How it happens: the service around the rules."""
