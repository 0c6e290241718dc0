"""A value that cannot be stored is refused by the name of its parameter, whatever the statement; nothing is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from atb_db import Database
from atb_db.errors import InvalidInput
from atb_db.repository import positions, statements
from atb_db.statement import Declared, Kind
from atb_db.types import Json, Number, Span
from tests.each import each
from tests.invariants.running import run
from tests.statements.books import contents
from tests.statements.examples import World, example
from tests.statements.examples_more import MORE_LONG_TEXT, MORE_NOT_NEGATIVE, MORE_POSITIVE

STATEMENTS = statements()
WRITING = [declaration for declaration in STATEMENTS if declaration.kind is not Kind.QUERY]
NOT_FINITE = [
    *(float(text) for text in ("nan", "inf", "-inf")),
    *(Decimal(text) for text in ("NaN", "sNaN", "-NaN", "Infinity", "-Infinity")),
    *(kind(text) for kind in (np.float64, np.float32, np.float16) for text in ("nan", "inf", "-inf")),
    *("nan", "Infinity", " -inf "),
]
NO_NUMBER: list[object] = [
    *(True, np.bool_(1), None, "", "1,5", "0x10", b"1", 1j, [1], (1,), {}, object(), pd.NA, pd.NaT),
    *(np.array([1.0]), np.datetime64("2024-01-01"), datetime(2024, 1, 1, tzinfo=UTC)),
]
NO_TIME: list[object] = [
    datetime(2024, 1, 1),  # noqa: DTZ001
    pd.Timestamp("2024-01-01"),
    pd.NaT,
    np.datetime64("2024-01-01T00:00:00"),
    np.datetime64("NaT", "s"),
    date(2024, 1, 1),
    "2024-01-01T00:00:00Z",
    1704067200,
    None,
]
IMPLAUSIBLE_TIMES = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    datetime(1899, 12, 31, 23, 59, tzinfo=UTC),
    datetime(2200, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-12))),
]
NO_TEXT: list[object] = ["nul\0", "\0", "\ud83d", "half \udc00", b"bytes", 7, 1.5, None, ["list"], np.int64(1)]
NO_LABEL: list[object] = ["", "SIDEWAYS", "LONG;", "\0", 0, True, None, ["LONG"], 1.0]
LONG_TEXT = MORE_LONG_TEXT | {"message", "stack_trace", "failure_reason"}
POSITIVE = MORE_POSITIVE | frozenset(
    {
        *("quantity", "quote_quantity", "size", "size_fraction", "contract_size", "settlement_rate"),
    }
)
ZERO_TOO = {("positions.correct_position_quantity", "quantity")}
"""Where a position is to hold nothing."""
NOT_NEGATIVE = MORE_NOT_NEGATIVE | frozenset(
    {
        *("initial_balance", "filled_quantity", "margin_used", "total_exposure", "volume", "volatility"),
        *("position_size", "confidence_score", "target_level", "open_positions"),
    }
)


def refused(attempt: Callable[[], object], statement: str, field: str, value: object) -> None:
    """The attempt with the value is refused by the statement's and the field's name."""
    found: InvalidInput | None = None
    try:
        attempt()
    except InvalidInput as error:
        found = error
    assert found is not None, f"{statement}: {field}={value!r} was taken"
    assert (found.statement, found.field) == (statement, field), f"{field}={value!r}: {found}"
    where = f"row {found.row}: " if found.row is not None else ""
    assert str(found).startswith(f"{statement}: {where}{field}: ")
    assert len(str(found)) < 300


def names(declaration: Declared[object], kind: object) -> list[str]:
    kinds = (Number, Span) if kind == Number else (kind,)
    return [parameter.name for parameter in declaration.parameters if parameter.type in kinds]


def refuse_all(declaration: Declared[object], world: World, kind: object, values: list[Any]) -> None:
    """Each of the values is refused for each parameter of that type, before anything is sent."""
    arguments = example(declaration, world).args
    optional = {parameter.name for parameter in declaration.parameters if parameter.optional}
    for name in names(declaration, kind):
        for value in values:
            if value is None and name in optional:
                continue
            refused(partial(declaration.value, {**arguments, name: value}), declaration.name, name, value)


def test_nan_and_infinity(world: World) -> None:
    each(STATEMENTS, lambda declaration: refuse_all(declaration, world, Number, NOT_FINITE))


def test_what_is_no_number(world: World) -> None:
    each(STATEMENTS, lambda declaration: refuse_all(declaration, world, Number, NO_NUMBER))


def test_what_is_no_whole_number(world: World) -> None:
    each(
        STATEMENTS,
        lambda declaration: refuse_all(
            declaration, world, int, [True, np.bool_(1), 1.5, 1.0, np.float64(1), Decimal(1), "1", None, pd.NaT]
        ),
    )


def test_naive_and_other_times(world: World) -> None:
    each(STATEMENTS, lambda declaration: refuse_all(declaration, world, datetime, NO_TIME))


def test_text_that_cannot_be_stored(world: World) -> None:
    each(STATEMENTS, lambda declaration: refuse_all(declaration, world, str, NO_TEXT))


def test_unknown_labels(world: World) -> None:
    def holds(declaration: Declared[object]) -> None:
        arguments = example(declaration, world).args
        for parameter in declaration.parameters:
            if isinstance(parameter.type, type) and issubclass(parameter.type, Enum):
                refuse_all(declaration, world, parameter.type, NO_LABEL)
                labels = ", ".join(member.value for member in parameter.type)
                with pytest.raises(InvalidInput, match=f"must be one of {labels}, not 'SIDEWAYS'"):
                    declaration.value({**arguments, parameter.name: "SIDEWAYS"})

    each(STATEMENTS, holds)


def test_labels_in_any_case_and_of_foreign_enums(world: World) -> None:
    def holds(declaration: Declared[object]) -> None:
        arguments = example(declaration, world).args
        for parameter in declaration.parameters:
            if isinstance(parameter.type, type) and issubclass(parameter.type, Enum):
                labels = {member.name: member.value for member in parameter.type}
                Foreign = Enum("Foreign", labels)  # type: ignore[misc]  # noqa: N806  another package's, with our labels
                for member in parameter.type:
                    for given in (member, member.value.lower(), f" {member.value.title()} ", Foreign(member.value)):
                        value = declaration.value({**arguments, parameter.name: given}).args[parameter.name]
                        assert value is member

    each(STATEMENTS, holds)


def test_what_is_no_document(world: World) -> None:
    itself: list[object] = []
    itself.append(itself)
    too_large = ["x" * 1024] * 1024
    values = ["text", 1, itself, [object()], {"a": {1j}}, ["\0"], ["\ud800"], too_large]
    each(STATEMENTS, lambda declaration: refuse_all(declaration, world, Json, values))


ServerRefuses = Callable[[Declared[object], str, object], None]


@pytest.fixture
def server_refuses(world_db: Database, world_url: str, world: World) -> Iterator[ServerRefuses]:
    """The server refuses the value for the statement's parameter and names it; nothing is stored."""

    def refuses(writing: Declared[object], name: str, value: object) -> None:
        arguments = example(writing, world).args
        refused(lambda: run(world_db, writing.value({**arguments, name: value})), writing.name, name, value)

    before = contents(world_url)
    yield refuses
    assert contents(world_url) == before


def test_numbers_beyond_all_reason(server_refuses: ServerRefuses) -> None:
    def holds(writing: Declared[object]) -> None:
        for name in names(writing, Number):
            for value in ("1e30", "-1e31", "1e400", "-1e9999999"):
                server_refuses(writing, name, value)

    each(WRITING, holds)


def test_whole_numbers_beyond_all_reason(server_refuses: ServerRefuses) -> None:
    def holds(writing: Declared[object]) -> None:
        for name in names(writing, int):
            for value in (2**63, -(2**63) - 1, 10**100):
                server_refuses(writing, name, value)

    each(WRITING, holds)


def test_zero_and_negative_numbers(server_refuses: ServerRefuses) -> None:
    def holds(writing: Declared[object]) -> None:
        for parameter in writing.parameters:
            if parameter.name in POSITIVE:
                values = (-1, "-1e-9") if (writing.name, parameter.name) in ZERO_TOO else (0, -1, "-0.0", "-1e-9")
                for value in values:
                    server_refuses(writing, parameter.name, value)
            if parameter.name in NOT_NEGATIVE:
                server_refuses(writing, parameter.name, -1)

    each(WRITING, holds)


def test_implausible_times(server_refuses: ServerRefuses) -> None:
    def holds(writing: Declared[object]) -> None:
        for name in names(writing, datetime):
            for value in IMPLAUSIBLE_TIMES:
                server_refuses(writing, name, value)

    each(WRITING, holds)


def test_empty_and_overlong_text(server_refuses: ServerRefuses) -> None:
    def holds(writing: Declared[object]) -> None:
        for name in names(writing, str):
            values = ["", "x" * (1024 * 1024 + 1)] if name in LONG_TEXT else ["", "x" * 300, " ", " x"]
            for value in [*values, *(["x ", "x\n", "x" * 129] if name == "symbol" else [])]:
                server_refuses(writing, name, value)

    each(WRITING, holds)


def test_a_number_in_a_refusal_is_shown_by_its_beginning(world_db: Database, world: World) -> None:
    tiny = positions.update_position(position_id=world.position_id, current_price=-4.4e-305)
    with pytest.raises(InvalidInput, match=r"-0\.0{78}… is negative") as caught:
        world_db.run(tiny)
    assert caught.value.field == "current_price"
