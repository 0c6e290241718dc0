"""Who owns the schema: a login, a group, or nobody where there is none."""

from __future__ import annotations

import psycopg

from atb_db.admin.owner import SchemaOwner, schema_owner


def test_the_owner_is_named_with_whether_it_can_log_in(fresh_url: str) -> None:
    with psycopg.connect(fresh_url) as connection:
        assert schema_owner(connection) == SchemaOwner("postgres", can_log_in=True)
        connection.execute("CREATE ROLE schema_keepers NOLOGIN")
        connection.execute("ALTER TABLE trading_sessions OWNER TO schema_keepers")
        # What somebody else calls so is none of ours.
        connection.execute("CREATE SCHEMA other; CREATE TABLE other.trading_sessions ()")
        connection.execute("SET LOCAL search_path TO other, public")
        assert schema_owner(connection) == SchemaOwner("schema_keepers", can_log_in=False)
        connection.rollback()


def test_nobody_owns_what_is_not_there(empty_url: str) -> None:
    with psycopg.connect(empty_url) as connection:
        assert schema_owner(connection) is None
