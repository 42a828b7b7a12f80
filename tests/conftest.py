"""What every test needs before anything of ours is imported."""

import os

os.environ.setdefault("COUNTERPASS_SANDBOX", "true")

pytest_plugins = ["databases", "shop", "servers", "browsers"]
