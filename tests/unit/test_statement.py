"""Declarations: what they refuse at import time, and what their values are."""

from __future__ import annotations

import inspect
import os
import pydoc
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atb_db import Database
from atb_db.columns import quick_texts, quick_texts_or_none
from atb_db.errors import IdempotencyConflict, InvalidInput, NotFound, StatementError
from atb_db.journal.entries import check_journalable
from atb_db.repository import account, events, positions, sessions, trades
from atb_db.statement import Declaration, Kind, Statement
from atb_db.types import NEW, NOW, UNSET, PositionSide

ROOT = Path(__file__).parents[2]


class Row(NamedTuple):
    id: int
    side: PositionSide


Declare = Callable[..., Declaration[..., object]]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    def declare(function: Callable[..., object], sql: str, kind: Kind = Kind.QUERY) -> Declaration[..., object]:
        path = tmp_path / f"{function.__name__}.sql"
        path.write_text(sql)
        return Declaration(function, kind, path)

    return declare


def one(*, id: int) -> Row:  # type: ignore[empty-body]  # noqa: A002
    """One row."""
    ...


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StatementError, match=r"test_statement\.one: its SQL file is missing \(.*one\.sql\)"):
        Declaration(one, Kind.QUERY, tmp_path / "one.sql")


def test_a_name_that_is_no_parameter(declare: Declare) -> None:
    with pytest.raises(StatementError, match=r"test_statement\.one: :idd is not a parameter .*one\.sql"):
        declare(one, "SELECT :id, :idd")


def test_a_parameter_that_no_name_uses(declare: Declare) -> None:
    with pytest.raises(StatementError, match=r"test_statement\.one: its parameter id is not used as :id .*one\.sql"):
        declare(one, "SELECT 1")


def test_hashes_are_for_keyed_statements_only(declare: Declare) -> None:
    with pytest.raises(StatementError, match=":request_hash is not a parameter"):
        declare(one, "SELECT :id, :request_hash")


def returns_dict(*, id: int) -> dict[str, object]: ...  # type: ignore[empty-body]  # noqa: A002


def returns_nothing_said(*, id: int): ...  # type: ignore[no-untyped-def]  # noqa: A002, ANN201


def takes_bytes(*, id: bytes) -> int: ...  # type: ignore[empty-body]  # noqa: A002


def takes_positional(id: int) -> int: ...  # type: ignore[empty-body]  # noqa: A002


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (returns_dict, "rows cannot be read into"),
        (returns_nothing_said, "the return annotation is missing"),
        (takes_bytes, "is not a type that a parameter can have"),
        (takes_positional, "id must be keyword-only"),
    ],
)
def test_unsupported_signatures(declare: Declare, function: Callable[..., object], reason: str) -> None:
    with pytest.raises(StatementError, match=rf"{function.__name__}: .*{reason}.*\.sql"):
        declare(function, "SELECT :id")


def test_a_value_shows_what_it_is() -> None:
    value = positions.get_position(position_id=42)
    assert isinstance(value, Statement)
    assert value.name == "positions.get_position"
    assert value.args == {"position_id": 42}
    assert "WHERE p.id = $1" in value.sql
    assert repr(value) == "positions.get_position(position_id=42)"
    assert value == positions.get_position(position_id=42) != positions.get_position(position_id=43)
    assert len({value, positions.get_position(position_id=42)}) == 1


def test_a_value_never_shows_more_than_80_characters_of_an_argument() -> None:
    assert "…" in repr(events.log_event(event_type="ERROR", message="x" * 500))
    assert "x" * 81 not in repr(events.log_event(event_type="ERROR", message="x" * 500))


def test_help_and_documentation_are_the_functions() -> None:
    assert positions.open_position.__doc__ is not None
    assert positions.open_position.__doc__.startswith("Open a position")
    assert str(inspect.signature(positions.get_position)) == "(*, position_id: int) -> Statement[Position]"
    shown = re.sub(".\b", "", pydoc.render_doc(account.get_current_balance))  # without overstriking
    assert "\nget_current_balance(*, session_id: int) -> Statement[Decimal]\n    A session's balance now" in shown


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "missing its argument 'position_id'"),
        ({"position_id": 1, "x": 2}, "no parameter 'x'"),
    ],
)
def test_wrong_calls_are_type_errors(arguments: dict[str, int], reason: str) -> None:
    with pytest.raises(TypeError, match=rf"positions\.get_position\(\).*{reason}"):
        positions.get_position(**arguments)


def test_positional_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="keyword arguments only"):
        positions.get_position(1)  # type: ignore[call-arg]


def test_refusals_name_statement_and_field() -> None:
    with pytest.raises(InvalidInput) as refusal:
        account.adjust_balance(session_id=1, delta=float("nan"), reason="fee")
    assert refusal.value.statement == "account.adjust_balance"
    assert refusal.value.field == "delta"


def test_none_is_refused_where_it_is_not_declared() -> None:
    with pytest.raises(InvalidInput) as refusal:
        positions.get_position(position_id=None)  # type: ignore[arg-type]
    assert refusal.value.field == "position_id"


def test_each_value_gets_its_own_request_id_and_time() -> None:
    first = account.adjust_balance(session_id=1, delta=1, reason="fee")
    second = account.adjust_balance(session_id=1, delta=1, reason="fee")
    assert first.request_id != second.request_id
    assert first.request_id != NEW
    assert first.args["timestamp"] != NOW
    assert first.args["timestamp"] <= second.args["timestamp"] <= datetime.now(UTC)  # type: ignore[operator]


class OtherUUID(UUID):
    """As of a driver that has its own."""


MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(st.lists(st.one_of(MOMENTS, st.uuids()), min_size=1))
def test_moments_and_uuids_are_sent_as_str_writes_them(values: list[datetime | UUID]) -> None:
    """The hashes of requests are made of them."""
    assert quick_texts(values) == [str(value) for value in values]


@given(st.lists(st.one_of(st.none(), MOMENTS, st.uuids(), st.uuids().map(lambda one: OtherUUID(int=one.int)))))
def test_so_are_those_that_are_not_given_or_of_a_subclass(values: list[datetime | UUID | None]) -> None:
    assert quick_texts_or_none(values) == [None if value is None else str(value) for value in values]


def hash_of(statement: Statement[object]) -> object:
    return statement.server_values()[statement.declaration.order.index("request_hash")]


REQUEST = UUID(int=1)


def test_the_hash_is_of_the_content() -> None:
    base = hash_of(account.adjust_balance(session_id=1, delta=1, reason="fee", request_id=REQUEST))
    assert base == hash_of(account.adjust_balance(session_id=1, delta=1, reason="fee"))
    assert base == hash_of(account.adjust_balance(reason="fee", delta="1.00", session_id=1))
    assert base == hash_of(account.adjust_balance(session_id=1, delta=1, reason="fee", updated_by="engine"))
    assert base == hash_of(account.adjust_balance(session_id=1, delta=1, reason="fee", timestamp=NOW))
    assert base != hash_of(account.adjust_balance(session_id=1, delta=2, reason="fee"))
    assert base != hash_of(account.adjust_balance(session_id=1, delta=1, reason="fees"))
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    assert base != hash_of(account.adjust_balance(session_id=1, delta=1, reason="fee", timestamp=moment))


def test_the_hash_is_of_the_statement_too() -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    exit_ = positions.apply_partial_exit(position_id=1, size=1, price=1, timestamp=moment)
    assert hash_of(exit_) != hash_of(positions.apply_scale_in(position_id=1, size=1, price=1, timestamp=moment))


def test_the_hash_cannot_be_confused_by_text() -> None:
    first = events.log_event(event_type="TEST", message="a", component="b\nerror_code=c")
    second = events.log_event(event_type="TEST", message="a", component="b", error_code="c")
    assert hash_of(first) != hash_of(second)


def test_only_the_given_fields_change() -> None:
    value = positions.update_position(position_id=1, stop_loss=None, take_profit=UNSET)
    sent = dict(zip(value.declaration.order, value.server_values(), strict=True))
    assert sent["given"] == "{position_id,stop_loss}"
    assert sent["stop_loss"] is None
    assert sent["take_profit"] is None


def test_numbers_labels_and_times_are_made_exact() -> None:
    value = trades.log_trade(
        session_id=1,
        symbol="BTCUSDT",
        side="long",  # type: ignore[arg-type]  # labels are upper case for type checkers only
        entry_price=0.1,
        exit_price="0.2",
        size=1,
        entry_time=datetime.fromisoformat("2024-01-01T01:00:00+01:00"),
        exit_time=datetime(2024, 1, 1, 1, tzinfo=UTC),
        pnl=Decimal("0.10"),
        exit_reason="target",
        strategy_name="test",
    )
    assert value.args["entry_price"] == Decimal("0.1")
    assert value.args["side"] is PositionSide.LONG
    assert value.args["entry_time"] == datetime(2024, 1, 1, tzinfo=UTC)


def test_exactly_one_row_is_due() -> None:
    query, keyed = positions.get_position, account.adjust_balance
    with pytest.raises(NotFound) as missing:
        query.read([])
    assert missing.value.statement == "positions.get_position"
    with pytest.raises(IdempotencyConflict):
        keyed.read([])
    with pytest.raises(StatementError, match="2 rows came where at most one was declared"):
        account.get_current_balance.read([Decimal(1), Decimal(2)])


def maybe(*, id: int) -> int | None: ...  # noqa: A002


def nothing(*, id: int) -> None: ...  # noqa: A002


def many(*, id: int) -> list[int]: ...  # type: ignore[empty-body]  # noqa: A002


def test_other_shapes(declare: Declare) -> None:
    assert declare(maybe, "SELECT :id").read([]) is None
    assert declare(maybe, "SELECT :id").read([3]) == 3
    assert declare(nothing, "SELECT :id").read([]) is None
    assert declare(many, "SELECT :id").read([1, 2]) == [1, 2]
    assert declare(many, "SELECT :id").read([]) == []


def test_a_declaration_that_was_not_called_says_so(db: Database) -> None:
    with pytest.raises(TypeError, match=r"positions.get_position\(...\) makes the value that can be run"):
        db.run(positions.get_position)  # type: ignore[arg-type]


def test_defaults_that_are_made_say_their_names() -> None:
    assert "timestamp: datetime = NOW, request_id: UUID = NEW" in str(inspect.signature(sessions.resume_or_create))


@pytest.mark.parametrize("value", ["select 1", None, 7, [positions.get_position(position_id=1)]], ids=repr)
def test_what_is_not_a_statement_is_refused_in_one_sentence(db: Database, value: Statement[Any]) -> None:
    calls: list[Callable[[], object]] = [
        lambda: db.run(value),
        lambda: db.run_many([value]),
        lambda: db.stream(value).__enter__(),
        lambda: db.copy_in([value]),
        lambda: check_journalable(value),
    ]
    for call in calls:
        with pytest.raises(
            TypeError, match=r"^.* is not a statement: pass what a function of atb_db.repository returns"
        ):
            call()
    with db.transaction() as tx, pytest.raises(TypeError, match="is not a statement"):
        tx.run(value)


NEVER_RUN = """\
from atb_db.repository import account, positions
account.adjust_balance(session_id=1, delta=1, reason="never run")
positions.get_position(position_id=1)
used = account.adjust_balance(session_id=1, delta=2, reason="used")
used.server_values()
"""


@pytest.mark.parametrize(("options", "warnings"), [(["-X", "dev"], 1), ([], 0)])
def test_a_command_that_was_never_run_warns_in_development_mode(
    tmp_path: Path, options: list[str], warnings: int
) -> None:
    script = tmp_path / "engine.py"
    script.write_text(NEVER_RUN)
    done = subprocess.run(
        [sys.executable, *options, str(script)], cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stderr.count("was never run") == warnings, done.stderr
    if warnings:
        assert f"{script}:2: RuntimeWarning: account.adjust_balance(session_id=1, delta=Decimal('1')" in done.stderr
