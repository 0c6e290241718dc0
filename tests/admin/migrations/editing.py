"""Databases and next releases for the tests of code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import psycopg

from atb_db.admin.connection import reading
from atb_db.admin.migrations import Release
from atb_db.admin.schema.catalog import Catalog, read_catalog
from atb_db.config import Settings

Edit: TypeAlias = Callable[..., Release]


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def catalog(url: str) -> Catalog:
    with reading(Settings.load(url)) as (connection, _):
        return read_catalog(connection)
