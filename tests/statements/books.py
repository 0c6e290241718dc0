"""What is stored in the whole database, to be compared before and after."""

from __future__ import annotations

from typing import TypeAlias

import psycopg

Contents: TypeAlias = dict[str, list[str]]


def tables(connection: psycopg.Connection) -> list[str]:
    """Names of all tables."""
    query = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
    return [name for (name,) in connection.execute(query)]


def contents(url: str) -> Contents:
    """Every row of every table with all its columns, as text, in order of that text."""
    with psycopg.connect(url) as connection:
        found: Contents = {table: [] for table in tables(connection)}
        every = " UNION ALL ".join(f"SELECT '{table}', t::text FROM {table} AS t" for table in found)
        for table, row in connection.execute(f"{every} ORDER BY 1, 2".encode()):
            found[table].append(row)
    return found


def row_counts(url: str) -> dict[str, int]:
    """Number of rows of every table."""
    return {table: len(rows) for table, rows in contents(url).items()}
