"""The tables and the migrations of this app, as Piccolo's runner wants to be told of them."""

from pathlib import Path
from typing import Final

from piccolo.conf.apps import AppConfig

from app.db.tables import TABLES

NAME: Final = "counterpass"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
APP_CONFIG = AppConfig(app_name=NAME, migrations_folder_path=str(MIGRATIONS), table_classes=list(TABLES))
