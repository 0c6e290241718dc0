"""Throwaway databases with the whole schema, each a copy of one template."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from atb_db.admin.migrations.apply import migrate
from atb_db.config import Settings
from atb_db.embedded.server import Server

_TEMPLATE = "atb_testing_template"


def settings_of(url: str) -> Settings:
    """The default settings for a test's database.

    Neither the environment nor a `.env` file has a say: a replica that they name is not the test's.
    """
    return Settings.load(url, environ={}, dotenv=Path(os.devnull))


class Databases:
    """Databases on a throwaway server, migrated once: each is a copy of the first, made in milliseconds.

    For tests that pytest does not run:

        with embedded.postgresql() as server, Databases(server).fresh() as url, Database(url) as db:
            ...
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = count(1)
        migrate(settings_of(server.create_database(_TEMPLATE)))

    @contextmanager
    def fresh(self) -> Generator[str, None, None]:
        """A database with the schema and without rows; its URL. It is dropped at the end, even if in use."""
        name = f"atb_test_{next(self._numbers)}"
        url = self._server.create_database(name, template=_TEMPLATE)
        try:
            yield url
        finally:
            with psycopg.connect(self._server.url(), autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
