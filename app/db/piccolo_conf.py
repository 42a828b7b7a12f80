"""What Piccolo's own tools read: ``PICCOLO_CONF=app.db.piccolo_conf piccolo migrations new counterpass --auto``.

Nothing of the service imports this; ``app.db.schema`` names it to the runner and sets ``DB`` to the database at hand.
"""

import os

from piccolo.conf.apps import AppRegistry

from app.db.engines import engine_of

DB = engine_of(os.environ.get("DATABASE_URL", "sqlite:///counterpass.db"))
APP_REGISTRY = AppRegistry(apps=["app.db.piccolo_app"])
