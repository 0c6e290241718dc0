"""Documents: what JSON has no form for is stored in a readable one, and read back as plain Python."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atb_db import Database
from atb_db.repository import events
from atb_db.types import Json, PositionSide
from tests.statements.examples import World, at


def stored(db: Database, session_id: int, document: Json) -> object:
    """The document as it is read back after one statement."""
    with db.transaction() as transaction:
        transaction.run(
            events.log_event(
                session_id=session_id, event_type="TEST", message="json", details=document, timestamp=at(10**5)
            )
        )
        return transaction.run(events.get_recent_events(session_id=session_id, limit=1))[0].details


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (Decimal("0.10"), "0.10"),
        (Decimal("NaN"), None),
        (datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00+00:00"),
        (date(2024, 1, 1), "2024-01-01"),
        (pd.Timestamp("2024-01-01", tz="UTC"), "2024-01-01T00:00:00+00:00"),
        (pd.NaT, None),
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(1), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([1.0, np.nan]), [1.0, None]),
        (np.float64("nan"), None),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
        (PositionSide.LONG, "LONG"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ((1, 2), [1, 2]),
        (2**53 + 1, 2**53 + 1),
        (10**40, 10**40),
        (0.1, 0.1),
        ("'; DROP TABLE trades; --", "'; DROP TABLE trades; --"),
        ('\u2028 \U0001f600 \\ " \x01', '\u2028 \U0001f600 \\ " \x01'),
    ],
    ids=repr,
)
def test_values(world_db: Database, world: World, given: object, kept: object) -> None:
    assert stored(world_db, world.session_id, {"value": given}) == {"value": kept}
    assert stored(world_db, world.session_id, [given]) == [kept]


def test_keys(world_db: Database, world: World) -> None:
    document: dict[Any, object] = {"text": 1, 2: 2, PositionSide.LONG: 3, None: 4, True: 5}
    assert stored(world_db, world.session_id, document) == {"text": 1, "2": 2, "LONG": 3, "null": 4, "true": 5}


def test_the_largest_document_is_stored(world_db: Database, world: World) -> None:
    largest = ["x" * (1024 * 1024 - 4)]
    assert stored(world_db, world.session_id, largest) == largest


def test_a_bulk_load_stores_the_same(fresh_world_db: Database, world: World) -> None:
    document = {"tab": "a\tb\\N\nc", "number": Decimal("1.5"), "nan": math.nan}
    fresh_world_db.copy_in(
        [
            events.copy_events(
                session_id=world.session_id,
                event_type="TEST",
                message="a\tb\\N\n\\.",
                details=document,
                timestamp=at(10**5),
            )
        ]
    )
    loaded = fresh_world_db.run(events.get_recent_events(session_id=world.session_id, limit=1))[0]
    assert loaded.message == "a\tb\\N\n\\."
    assert loaded.details == {"tab": "a\tb\\N\nc", "number": "1.5", "nan": None}


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    # A larger float has more digits than it means, and comes back as the integer that they spell.
    | st.floats(-1e15, 1e15)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(documents, max_size=3) | st.dictionaries(texts, documents, max_size=3))
def test_any_document_is_read_back_as_it_was(world_db: Database, world: World, document: Json) -> None:
    assert stored(world_db, world.session_id, document) == document
