"""Random orders, fills and short forms: after each script the database says what the model says."""

from __future__ import annotations

import os
from random import Random
from typing import Final

import psycopg

from atb_db import Database, Settings
from tests.model.running import play

FULL: Final = os.environ.get("ATB_DB_FAULTS") == "full"
ACTS: Final = 100_000 if FULL else 10_000
LENGTH: Final = 50


def test_the_books_are_the_models(url: str, chance: Random) -> None:
    """On one connection, which plans each statement once."""
    done = 0
    settings = Settings.load(url, environ={})._replace(pool_min=1, pool_max=1)
    with Database(settings) as db, psycopg.connect(url, autocommit=True) as connection:
        while done < ACTS:
            done += play(db, connection, chance, LENGTH)
