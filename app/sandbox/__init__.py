"""Stand-ins that speak Apple's and Google's real protocols, and a phone: for the demo and the tests, never in production."""

import os

# The one place besides app.cli that looks at the environment: the door must be shut before anything behind it is read.
if os.environ.get("COUNTERPASS_SANDBOX", "").lower() not in {"true", "1"}:
    raise ImportError("app.sandbox is for the demo and the tests; it is imported only where COUNTERPASS_SANDBOX=true is set")
