"""Any rows of a bulk load, many at once: to the character what values made one by one are, or the same refusal."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from atb_db.bulk import AnyCopy, Copy, Rows
from atb_db.database.bulk import BulkLoad
from atb_db.documents import _slow_json
from atb_db.errors import InvalidInput
from atb_db.repository import statements, trades
from atb_db.repository.trades import NewTrade
from atb_db.statement import Statement
from tests.invariants.test_any_values import FULL, TRADE, others
from tests.statements.examples import World, example

pytestmark = pytest.mark.drawn

COPIES: Final = [found for found in statements() if isinstance(found, Copy)]
SPECIAL: Final = ["tab\there", "back\\slash", "\\N", "line\nbreak\r", "100 %", "%s", "", "\u2028", "é", "INFO"]
EXAMPLES: Final = 2000 if FULL else 60

Row = dict[str, Any]


class Loaded(NamedTuple):
    """What came of rows: their fields as COPY takes them, or the first refusal."""

    fields: list[list[str]]
    refusal: tuple[str | None, str, str | None, int | None] | None


def one_by_one(copy: AnyCopy, rows: Iterable[Row]) -> tuple[Loaded, list[Statement[None]]]:
    """The fields of values that are made one after the other, and the values."""
    made: list[Statement[None]] = []
    for number, row in enumerate(rows, 1):
        try:
            made.append(copy.value(row))
        except InvalidInput as error:
            return Loaded([], (error.statement, error.message, error.field, number)), []
    return Loaded([[_field(text) for text in row.server_values()] for row in made], None), made


def _field(text: str | None) -> str:
    if text is None:
        return "\\N"
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def at_once(rows: Rows | list[Statement[None]]) -> Loaded:
    """The fields of the same rows as a bulk load sends them."""
    load = BulkLoad.of(rows)
    assert load is not None
    try:
        lines = b"".join(load.blocks()).decode().split("\n")[:-1]
    except InvalidInput as error:
        return Loaded([], (error.statement, error.message, error.field, error.row))
    return Loaded([line.split("\t") for line in lines], None)


def columns(copy: AnyCopy, usual: Row) -> st.SearchStrategy[dict[str, list[Any]]]:
    """Columns of one to five rows, three of them of any values; often they are of one type, as that is quick."""
    types = {parameter.name: parameter.type for parameter in copy.parameters}

    def column(name: str, size: int) -> st.SearchStrategy[list[Any]]:
        kind = types[name]
        some = st.sampled_from([usual[name], *(SPECIAL if kind is str else [])])
        return st.one_of(
            some.map(lambda value: [value] * size),
            st.lists(some, min_size=size, max_size=size),
            st.lists(some | others(kind), min_size=size, max_size=size),
            others(kind).flatmap(lambda one: st.lists(st.sampled_from([one, None]), min_size=size, max_size=size)),
        )

    def of_size(size: int) -> st.SearchStrategy[dict[str, list[Any]]]:
        names = st.lists(st.sampled_from(sorted(copy.fields)), min_size=1, max_size=3, unique=True)
        same = {name: [value] * size for name, value in usual.items() if name != "request_id"}
        ids = {"request_id": st.lists(st.uuids(), min_size=size, max_size=size)}
        return names.flatmap(
            lambda chosen: st.fixed_dictionaries({**ids, **{name: column(name, size) for name in chosen}})
        ).map(lambda changed: same | changed)

    return st.integers(1, 5).flatmap(of_size)


@pytest.mark.parametrize(
    "copy", [COPIES[0], *(pytest.param(copy, marks=pytest.mark.slow) for copy in COPIES[1:])], ids=str
)
def test_rows_at_once_are_what_they_are_one_by_one(world: World, copy: AnyCopy) -> None:
    @seed(int(os.environ.get("ATB_DB_SEED") or 0))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if FULL else [Phase.generate],
    )
    @given(columns(copy, dict(example(copy, world).args)))
    def attempt(found: dict[str, list[Any]]) -> None:
        rows = [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
        wanted, made = one_by_one(copy, rows)
        assert at_once(copy.rows(rows)) == wanted
        assert at_once(copy.rows(iter(rows))) == wanted
        if made:
            assert at_once(made) == wanted
        assert at_once(copy.columns(found)) == wanted
        uneven = [{name: value for name, value in row.items() if value is not _default(copy, name)} for row in rows]
        found_uneven = at_once(copy.rows(uneven))
        # Where two fields of a row are wrong, either may be named.
        if wanted.refusal is None or found_uneven.refusal is None:
            assert found_uneven == wanted
        else:
            assert found_uneven.refusal[3] == wanted.refusal[3]

    attempt()


def _default(copy: AnyCopy, name: str) -> object:
    return copy.fields[name].default


def trades_of_any_values() -> st.SearchStrategy[list[NewTrade]]:
    """One to five trades, three of their fields with any values, of which many are None or equal."""
    types = {parameter.name: parameter.type for parameter in trades.log_trade.parameters}

    def values(name: str, size: int) -> st.SearchStrategy[list[Any]]:
        some = st.sampled_from([getattr(TRADE, name), None, *(SPECIAL if types[name] is str else [])])
        return st.lists(some, min_size=size, max_size=size) | st.lists(
            some | others(types[name]), min_size=size, max_size=size
        )

    def of_size(size: int) -> st.SearchStrategy[list[NewTrade]]:
        names = st.lists(st.sampled_from(NewTrade._fields), min_size=1, max_size=3, unique=True)
        return names.flatmap(lambda chosen: st.fixed_dictionaries({name: values(name, size) for name in chosen})).map(
            lambda changed: [
                TRADE._replace(**{name: of[number] for name, of in changed.items()}) for number in range(size)
            ]
        )

    return st.integers(1, 5).flatmap(of_size)


@seed(int(os.environ.get("ATB_DB_SEED") or 0))
@settings(max_examples=2 * EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(trades_of_any_values())
def test_trades_at_once_are_what_they_are_one_by_one(given_trades: list[NewTrade]) -> None:
    assert trades_at_once(given_trades) == trades_one_by_one(given_trades)


def trades_at_once(given_trades: list[NewTrade]) -> object:
    """Their text, or the refusal."""
    try:
        return trades.log_trades(session_id=1, trades=given_trades).args["trades"]
    except InvalidInput as error:
        return (error.message, error.field, error.row)


def trades_one_by_one(given_trades: list[NewTrade]) -> object:
    """The text that their fields make, each by itself, or the first refusal."""
    single = {parameter.name: parameter for parameter in trades.log_trade.parameters}
    made: list[dict[str, str]] = []
    for number, trade in enumerate(given_trades):
        try:
            made.append(
                {
                    name: str(single[name].coerce(name, value))
                    for name, value in trade._asdict().items()
                    if value is not None or not single[name].optional
                }
            )
        except InvalidInput as error:
            return (error.message, f"trades[{number}].{error.field}", None)
    return _slow_json(made)
