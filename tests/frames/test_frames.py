"""Frames have what the statements answer, typed as they are declared."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atb_db import AsyncDatabase, Database
from atb_db.database import connecting
from atb_db.errors import InvalidInput, NotFound
from atb_db.frames.planning import SCALE
from atb_db.repository import account, events, positions, reports, sessions, statements, trades
from atb_db.repository.trades import NewTrade
from atb_db.rows import Shape
from atb_db.statement import Declared, Kind, Statement
from atb_db.types import PositionSide
from tests.statements.examples import World, example

pa = pytest.importorskip("pyarrow")

START = datetime(2024, 3, 1, tzinfo=UTC)
FRAMED = [
    declared
    for declared in statements()
    if declared.kind is Kind.QUERY
    and declared.reader.shape is not Shape.NOTHING
    and all(column.name is not None for column in declared.reader.columns)
]


def as_framed(value: object) -> object:
    """A value of a row as a frame has it."""
    if isinstance(value, Decimal):
        return round(value, SCALE)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [{name: as_framed(part) for name, part in cast("Any", row)._asdict().items()} for row in value]
    return value if value is None or isinstance(value, bool | int | float | str | datetime) else str(value)


CHANGING: Final = ("age", "latency", "oldest_running")
"""What is another a moment later, by the clock or by what others do."""


@pytest.mark.parametrize("declared", FRAMED, ids=str)
def test_every_query_has_a_frame_of_the_rows_that_it_answers(
    world_db: Database, world: World, declared: Declared[object]
) -> None:
    query = example(declared, world)
    answered = world_db.run(query)
    rows = answered if isinstance(answered, list) else [] if answered is None else [answered]
    framed = world_db.frame(query).to_pylist()
    assert len(framed) == len(rows)
    for ours, row in zip(framed, rows, strict=True):
        due = cast("Any", row)._asdict()
        assert set(ours) == set(due)
        for name, value in due.items():
            if not isinstance(value, dict | list | str) or isinstance(value, Enum):
                assert ours[name] == as_framed(value) or any(part in name for part in CHANGING), name


def test_columns_are_typed_by_the_declaration(db: Database, session_id: int) -> None:
    schema = db.frame(trades.get_recent_trades(session_id=session_id)).schema
    assert schema.field("id").type == pa.int64()
    assert schema.field("side").type == pa.dictionary(pa.int32(), pa.string())
    assert schema.field("pnl").type == pa.decimal128(38, SCALE)
    assert schema.field("exit_time").type == pa.timestamp("us", tz="UTC")
    assert schema.field("symbol").type == pa.string()
    as_floats = db.frame(trades.get_recent_trades(session_id=session_id), money="float64").schema
    assert as_floats.field("pnl").type == pa.float64()


def trade(**changes: object) -> NewTrade:
    return NewTrade(
        symbol="X", side="LONG", entry_price=1, exit_price=2, size=1, entry_time=START,
        exit_time=START, pnl=1, exit_reason="r", strategy_name="s",
    )._replace(**cast("Any", changes))  # fmt: skip


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            TEXTS,
            st.decimals(-(10**12), 10**12, places=6),
            st.datetimes(datetime(1950, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  bounds
        ),
        min_size=1,
        max_size=8,
    ),
    message=TEXTS,
)
def test_any_value_arrives_as_it_was(
    db: Database, session_id: int, rows: list[tuple[str, Decimal, datetime]], message: str
) -> None:
    with db.transaction() as tx:
        for text, _, at in rows:
            tx.run(events.log_event(event_type="TEST", message=text, session_id=session_id, timestamp=at))
    due = [(one.message, one.timestamp) for one in db.run(events.get_recent_events(session_id=session_id, limit=1000))]
    framed = db.frame(events.get_recent_events(session_id=session_id, limit=1000)).to_pylist()
    assert [(one["message"], one["timestamp"]) for one in framed] == due
    # A value is a constant in the COPY, whatever is in it.
    found = db.frame(reports_of(message))
    assert found.num_rows == 0


def reports_of(strategy: str) -> Statement[object]:
    return reports.get_pnl_by_symbol(strategy_name=strategy.strip() or "x")


def test_nothing_and_empty_text_are_two_things(db: Database, session_id: int) -> None:
    db.run(events.log_event(event_type="TEST", message="NULL", session_id=session_id, component=None))
    [row, *_] = db.frame(events.get_recent_events(session_id=session_id)).to_pylist()
    assert (row["message"], row["component"]) == ("NULL", None)


def test_joined_rows_are_lists_of_structures_also_across_blocks(
    db: Database, session_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for symbol in ("A", "B", "C"):
        position = db.run(
            positions.open_position(
                session_id=session_id, symbol=symbol, side="LONG", entry_price=100, quantity=10, strategy_name="s"
            )
        )
        for _ in range(5):
            db.run(positions.apply_partial_exit(position_id=position, quantity=1, price=110))
    query = positions.get_active_positions(session_id=session_id)
    due = {one.id: [order.id for order in one.orders] for one in db.run(query)}
    for size in (1, 700, connecting.COPY_BLOCK):
        monkeypatch.setattr("atb_db.database.sync.streams.COPY_BLOCK", size)
        framed = db.frame(query)
        assert {row["id"]: [order["id"] for order in cast("Any", row["orders"])] for row in framed.to_pylist()} == due
        with db.frames(query) as tables:
            assert sum(table.num_rows for table in tables) == len(due)


def test_a_result_comes_in_tables_of_bounded_size(
    db: Database, session_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.run(trades.log_trades(session_id=session_id, trades=[trade() for _ in range(2000)]))
    monkeypatch.setattr("atb_db.database.sync.streams.COPY_BLOCK", 10_000)
    with db.frames(trades.get_recent_trades(session_id=session_id, limit=2000)) as tables:
        sizes = [table.num_rows for table in tables]
    assert sum(sizes) == 2000
    assert max(sizes) < 200
    with db.frames(trades.get_recent_trades(session_id=session_id, limit=2000)) as tables:
        next(iter(tables))  # stopping early leaves a connection that works
    assert db.run(account.get_current_balance(session_id=session_id)) == 3000


def test_polars_and_pandas(db: Database, session_id: int) -> None:
    pl, pd = pytest.importorskip("polars"), pytest.importorskip("pandas")
    db.run(trades.log_trades(session_id=session_id, trades=[trade(pnl=1), trade(pnl="0.5")]))
    query = trades.get_recent_trades(session_id=session_id)
    exact = db.frame(query, as_="polars")
    assert isinstance(exact, pl.DataFrame)
    assert exact["pnl"].sum() == Decimal("1.5")
    floats = db.frame(query, as_="pandas", money="float64")
    assert isinstance(floats, pd.DataFrame)
    assert float(floats["pnl"].mean()) == 0.75
    assert str(floats["side"].dtype) == "category"


def test_a_view_of_reporting(db: Database, session_id: int) -> None:
    db.run(trades.log_trades(session_id=session_id, trades=[trade()]))
    table = db.frame("reporting.trades")
    assert "time" in table.column_names
    assert table.schema.field("side").type == pa.dictionary(pa.int32(), pa.string())
    assert table.schema.field("time").type == pa.timestamp("us", tz="UTC")
    assert session_id in {row["session_id"] for row in table.to_pylist()}


def test_the_same_for_tasks(db: Database, session_id: int) -> None:
    db.run(trades.log_trades(session_id=session_id, trades=[trade(), trade()]))
    query = trades.get_recent_trades(session_id=session_id)

    async def framed() -> tuple[Any, int, Any]:
        async with AsyncDatabase(db.settings) as adb:
            async with adb.frames(query) as tables:
                rows = sum([table.num_rows async for table in tables])
            return await adb.frame(query), rows, await adb.frame("reporting.trades")

    table, rows, view = asyncio.run(framed())
    assert table.equals(db.frame(query))
    assert rows == 2
    assert view.num_rows >= 2


def test_what_no_frame_can_be_is_said(db: Database, session_id: int) -> None:
    with pytest.raises(InvalidInput, match="a single value"):
        db.frame(account.get_current_balance(session_id=session_id))
    with pytest.raises(InvalidInput, match="is no query"):
        db.frame(sessions.end_trading_session(session_id=session_id))
    with pytest.raises(InvalidInput, match="no view of reporting"):
        db.frame("reporting.trades; DROP TABLE trades")
    with pytest.raises(InvalidInput, match="as_: 'numpy' is not arrow, polars or pandas"):
        db.frame(trades.get_recent_trades(session_id=99999999), as_=cast("Any", "numpy"))
    with pytest.raises(InvalidInput, match="decimal128 or float64"):
        db.frame(trades.get_recent_trades(session_id=session_id), money=cast("Any", "float"))
    with pytest.raises(NotFound, match="session 99999999"):
        db.frame(trades.get_recent_trades(session_id=99999999))


@pytest.mark.parametrize("beyond", ["1e25", "1e20", "100000000000000000000.5", "123456789012345678901"])
def test_a_number_beyond_the_decimals_asks_for_floats(db: Database, session_id: int, beyond: str) -> None:
    """Arrow's reader turns 1e25 into 122083294381374201810.4… where it is not kept from it."""
    db.run(trades.log_trades(session_id=session_id, trades=[trade(quantity=beyond)]))
    query = trades.get_recent_trades(session_id=session_id)
    with pytest.raises(InvalidInput, match="money='float64'"):
        db.frame(query)
    assert db.frame(query, money="float64").to_pylist()[0]["quantity"] == float(beyond)


@pytest.mark.parametrize("number", ["99999999999999999999", "99999999999999999999.999999999999999999", "1e-18"])
def test_the_largest_and_the_smallest_decimals_are_exact(db: Database, session_id: int, number: str) -> None:
    db.run(trades.log_trades(session_id=session_id, trades=[trade(quantity=number, pnl=0)]))
    assert db.frame(trades.get_recent_trades(session_id=session_id)).to_pylist()[0]["quantity"] == Decimal(number)


def test_what_is_finer_than_the_decimals_is_rounded(db: Database, session_id: int) -> None:
    db.run(trades.log_trades(session_id=session_id, trades=[trade(quantity="0.12345678901234567890123")]))
    [row] = db.frame(trades.get_recent_trades(session_id=session_id)).to_pylist()
    assert row["quantity"] == Decimal("0.123456789012345679")


@pytest.mark.parametrize("missing", ["pyarrow", "polars", "pandas"])
@pytest.mark.parametrize("call", ["with Database(sys.argv[1]) as db: {}", "asyncio.run(frame())"])
def test_a_missing_extra_is_one_sentence_before_anything_is_read(url: str, missing: str, call: str) -> None:
    kind = "polars" if missing == "pyarrow" else missing
    # The server would answer that there is no such session.
    framed = f"db.frame(trades.get_recent_trades(session_id=99999999), as_={kind!r})"
    program = (
        f"import asyncio, sys; sys.modules[{missing!r}] = None\n"
        "from atb_db import AsyncDatabase, Database\n"
        "from atb_db.repository import trades\n"
        "async def frame():\n"
        f"    async with AsyncDatabase(sys.argv[1]) as db: await {framed}\n"
        f"{call.format(framed)}\n"
    )
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, check=False)
    extra = "arrow" if missing == "pyarrow" else missing
    assert f"pip install 'atb-db[{extra}]'" in done.stderr


def test_the_package_loads_no_arrow_until_a_frame_is_asked_for(url: str) -> None:
    program = (
        "import sys\nfrom atb_db import Database, AsyncDatabase\nfrom atb_db.repository import sessions\n"
        "with Database(sys.argv[1]) as db: db.run(sessions.get_active_sessions())\n"
        "print(sorted({'pyarrow', 'polars', 'pandas'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_sides_are_labels_in_a_frame(db: Database, session_id: int) -> None:
    db.run(
        trades.log_trades(session_id=session_id, trades=[trade(side="SHORT"), trade(exit_time=START + timedelta(1))])
    )
    framed = db.frame(trades.get_recent_trades(session_id=session_id)).to_pylist()
    assert [PositionSide(str(row["side"])) for row in framed] == [PositionSide.LONG, PositionSide.SHORT]
