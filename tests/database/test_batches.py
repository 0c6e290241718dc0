"""Many statements in one round trip, and bulk loads: all of it or nothing, and the culprit by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from atb_db import Database
from atb_db.database.translation import _field, _row
from atb_db.errors import AtbDbError, IdempotencyConflict, InvalidInput, NotFound, StatementError
from atb_db.repository import account, events, orders, positions, sessions, statements
from atb_db.statement import Statement
from atb_db.values import new_request_id
from tests.database.conftest import Messages, note

MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
UNKNOWN = 10**12


def event(session_id: int, message: str, component: str | None = None) -> Statement[None]:
    return events.copy_events(
        session_id=session_id, event_type="TEST", message=message, timestamp=MOMENT, component=component
    )


def test_results_come_in_order(db: Database, session_id: int, messages: Messages) -> None:
    statements: list[Statement[object]] = [
        note(session_id, "one"),
        account.adjust_balance(session_id=session_id, delta=5, reason="test"),
        account.get_current_balance(session_id=session_id),
        note(session_id, "two"),
        account.get_balance_history(session_id=session_id),
    ]
    first, balance, read, second, history = db.run_many(statements)
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert first < second
    assert balance == read == 1005
    assert isinstance(history, list)
    assert [entry.entry_number for entry in history] == [2, 1]
    assert messages() == ["one", "two"]
    assert db.run_many([]) == []


# What fails on the server, by what it fails with: an answer without a row counts as much as an error.
FAILING: dict[str, tuple[Callable[[int], Statement[object]], type[AtbDbError]]] = {
    "an error": (lambda _: positions.update_position(position_id=UNKNOWN, stop_loss=1), NotFound),
    "a refused value": (lambda s: account.adjust_balance(session_id=s, delta="1e40", reason="x"), InvalidInput),
    "an unknown order": (lambda _: orders.update_order_status(order_id=UNKNOWN, status="OPEN"), NotFound),
    "an unknown session": (lambda _: account.get_current_balance(session_id=UNKNOWN), NotFound),
    "a read of nothing": (lambda _: sessions.get_trading_session(session_id=UNKNOWN), NotFound),
    "a position that is none": (lambda _: positions.get_position(position_id=UNKNOWN), NotFound),
}


@pytest.mark.parametrize("failing", FAILING)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_if_one_fails_none_has_happened(
    db: Database, session_id: int, messages: Messages, failing: str, place: int
) -> None:
    make, error = FAILING[failing]
    culprit = make(session_id)
    statements: list[Statement[object]] = [note(session_id, "one"), note(session_id, "two")]
    statements.insert(place, culprit)
    with pytest.raises(error) as caught:
        db.run_many(statements)
    assert caught.value.statement == culprit.name
    assert messages() == []
    db.run_many([note(session_id, "the connection is fine")])
    assert messages() == ["the connection is fine"]


def test_a_reused_request_undoes_the_others(db: Database, session_id: int, messages: Messages) -> None:
    def noted(message: str) -> Statement[int]:
        return events.log_event(session_id=session_id, event_type="TEST", message=message, request_id=used)

    used = new_request_id()
    db.run(noted("first"))
    with pytest.raises(IdempotencyConflict):
        db.run_many([note(session_id, "before"), noted("other"), note(session_id, "after")])
    assert messages() == ["first"]


def test_thousands_in_one_batch(db: Database, session_id: int, messages: Messages) -> None:
    many = [note(session_id, f"{number}" * 20) for number in range(3000)]
    assert len(set(db.run_many(many))) == 3000
    assert len(messages()) == 3000
    # All of it again is all of it once.
    assert len(set(db.run_many(many))) == 3000
    assert len(messages()) == 3000


def test_a_bulk_load(db: Database, session_id: int, messages: Messages) -> None:
    assert db.copy_in([event(session_id, f"{number}") for number in range(2500)]) == 2500
    assert sorted(messages(), key=int) == [str(number) for number in range(2500)]
    assert db.copy_in([]) == 0


def test_a_bulk_load_names_the_field_of_the_bad_row(db: Database, session_id: int, messages: Messages) -> None:
    rows = [event(session_id, "good"), event(session_id, "bad", component=" blank "), event(session_id, "good")]
    with pytest.raises(InvalidInput, match="must be 1 to 255 characters") as caught:
        db.copy_in(rows)
    assert (caught.value.statement, caught.value.field) == ("events.copy_events", "component")
    with pytest.raises(NotFound) as absent:
        db.copy_in([event(session_id, "good"), event(UNKNOWN, "bad")])
    assert (absent.value.statement, absent.value.field) == ("events.copy_events", "session_id")
    assert messages() == []


@pytest.mark.parametrize(
    ("context", "field"),
    [
        ("PL/pgSQL function active_session(bigint) line 10 at RAISE", None),
        ('COPY system_events, line 3, column component: " blank "', "component"),
        ("COPY system_events, Zeile 3, Spalte component: »message«", "component"),
        ("COPY system_events, ligne 3, colonne component : « message »", "component"),
        ('system_eventsのCOPY、行 3、列 component: "message"', "component"),
        ('COPY system_events, line 3: "message\t1"', None),
        (None, None),
    ],
)
def test_the_field_is_found_in_any_language(context: str | None, field: str | None) -> None:
    declaration = next(found for found in statements() if found.name == "events.copy_events")
    assert _field(context, declaration) == field
    assert _row(context) == (3 if context and "COPY" in context else None)


def test_a_bulk_load_whose_rows_fail_to_come(db: Database, session_id: int, messages: Messages) -> None:
    def rows() -> Iterator[Statement[None]]:
        yield event(session_id, "good")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.copy_in(rows())
    assert messages() == []
    assert db.copy_in([event(session_id, "the connection is fine")]) == 1


def test_a_bulk_load_takes_rows_of_one_kind(db: Database, session_id: int, messages: Messages) -> None:
    snapshot = account.copy_account_snapshots(session_id=session_id, balance=1, equity=1, timestamp=MOMENT)
    with pytest.raises(StatementError, match=r"is in a bulk load of events\.copy_events"):
        db.copy_in([event(session_id, "good"), snapshot])
    with pytest.raises(StatementError, match=r"use run\(\)"):
        db.copy_in([note(session_id, "no row")])  # type: ignore[list-item]
    for run in (db.run, lambda row: db.run_many([row])):
        with pytest.raises(StatementError, match=r"give it to copy_in\(\)"):
            run(event(session_id, "a row"))
    assert messages() == []
