from __future__ import annotations

from tests.statements.worlds import _prepared, fresh_world_db, fresh_world_url, make_world, world, world_db, world_url

__all__ = ["_prepared", "fresh_world_db", "fresh_world_url", "make_world", "world", "world_db", "world_url"]
