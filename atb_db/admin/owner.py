"""Who owns the schema: only that role may change it."""

from __future__ import annotations

from typing import NamedTuple

from atb_db.admin.connection import Connection, ask


class SchemaOwner(NamedTuple):
    """The role that owns the tables of atb_db."""

    name: str
    can_log_in: bool
    """Whether it is a login, and not a group."""


def schema_owner(connection: Connection) -> SchemaOwner | None:
    """Who owns the tables; None where there are none."""
    return next(iter(ask(connection, "schema_owner", SchemaOwner)), None)
