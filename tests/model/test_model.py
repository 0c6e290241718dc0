"""Random orders, fills and short forms: after each script the database says what the model says."""

from __future__ import annotations

import os
from random import Random
from typing import Final

import psycopg
import pytest

from atb_db import Database
from tests.model.running import play

FULL: Final = os.environ.get("ATB_DB_FAULTS") == "full"
ACTS: Final = 100_000 if FULL else 10_000
PARTS: Final = 4
LENGTH: Final = 50


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, PARTS))], ids=str
)
def test_the_books_are_the_models(db: Database, url: str, chance: Random, part: int) -> None:
    """In parts, so that several processes share them; a repeated seed makes other acts in each."""
    chance = Random(f"{chance.random()}:{part}")  # noqa: S311
    done = 0
    with psycopg.connect(url, autocommit=True) as connection:
        while done < ACTS / PARTS:
            done += play(db, connection, chance, LENGTH)
