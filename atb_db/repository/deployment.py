"""What operators have recorded about this database: its environment, and the collation version of its indexes."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from atb_db.statement import command, query
from atb_db.types import NOW, Environment, EnvironmentLabel


class Deployment(NamedTuple):
    """The records about the database; None for a missing one."""

    environment: Environment | None
    """What the database is used for; NULL while nobody has said."""
    set_at: datetime | None
    """When the environment was set."""
    set_by: str | None
    """Who set the environment: the role, and where from."""
    collation_version: str | None
    """Version of the collation library under which every index was last known to be in order."""
    collation_seen_at: datetime | None
    """When collation_version was recorded."""


@query
def get_deployment() -> Deployment | None:
    """The records about the database; None if there are none."""
    ...


@command
def set_environment(*, environment: Environment | EnvironmentLabel, set_by: str, timestamp: datetime = NOW) -> None:
    """Record what the database is used for.

    The guards of destructive commands rely on it; `atb-db environment set` asks before it changes PRODUCTION.
    """
    ...


@command
def record_collation_version(*, collation_version: str, timestamp: datetime = NOW) -> None:
    """Record the collation version under which every index is in order."""
    ...
