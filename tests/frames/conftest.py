from __future__ import annotations

from tests.statements.worlds import _prepared, make_world, world, world_db, world_url

__all__ = ["_prepared", "make_world", "world", "world_db", "world_url"]
