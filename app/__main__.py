"""``python -m app`` is ``counterpass``."""

import sys

from app.cli import main

sys.exit(main())
