"""The persistence layer of a trading bot: PostgreSQL by hand-written SQL, typed in Python."""

from __future__ import annotations

from atb_db.config import Settings
from atb_db.database import AsyncDatabase, Database
from atb_db.errors import AtbDbError
from atb_db.types import NEW, NOW, UNSET

__all__ = ["NEW", "NOW", "UNSET", "AsyncDatabase", "AtbDbError", "Database", "Settings"]
