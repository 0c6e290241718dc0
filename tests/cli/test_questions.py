"""`atb-db query` and `atb-db queries`."""

from __future__ import annotations

import csv
import inspect
import io
import json
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from atb_db import Database, repository
from atb_db.admin.batches import batch_questions
from atb_db.admin.questions import arguments, find, questions
from atb_db.cli.exits import ExitCode
from atb_db.errors import InvalidInput
from atb_db.repository import positions, statements, trades
from atb_db.repository.dashboard import Dashboard
from atb_db.statement import Kind
from tests.cli.conftest import Run
from tests.statements.examples import World, prepare


@pytest.fixture(scope="module")
def asked(server: object) -> tuple[str, World]:
    """A database with the example's rows."""
    from atb_db.embedded import Server
    from tests.conftest import TEMPLATE

    assert isinstance(server, Server)
    url = server.create_database("questions", template=TEMPLATE)
    with Database(url) as db:
        return url, prepare(db)


def test_every_read_statement_is_listed_with_its_parameters() -> None:
    listed = {one.name: one for one in questions()}
    assert set(listed) == {one.name for one in statements() if one.kind is Kind.QUERY}
    trades_since = listed["trades.get_trades_since"]
    assert [(one.name, one.type, one.required) for one in trades_since.arguments] == [
        ("session_id", "integer", True),
        ("since", "time", True),
    ]
    assert trades_since.description == "A session's trades that were closed at or after a moment, oldest first."


def test_every_batch_of_the_repository_can_be_asked_by_name(call: Run) -> None:
    defined = {
        f"{module.name}.{name}"
        for module in iter_modules(repository.__path__)
        for name, value in vars(import_module(f"atb_db.repository.{module.name}")).items()
        if inspect.isfunction(value) and "-> Batch[" in inspect.getsource(value)
    }
    assert {one.name for one in batch_questions()} == defined
    listed = {one["name"]: one["arguments"] for one in json.loads(call("queries", "dashboard", "--json").out)}
    assert [one["name"] for one in listed["dashboard.dashboard"]][:2] == ["session_id", "start"]


def test_a_dashboard_is_its_tables_one_after_the_other(call: Run, asked: tuple[str, World]) -> None:
    url, world = asked
    words = ("query", "dashboard.dashboard", "--session-id", str(world.session_id), "--limit", "3")
    done = call(*words, url=url)
    assert done.code == ExitCode.OK, done.err
    headings = [line for line in done.out.splitlines() if line in {"Summary", "Performance", "Trades", "Balances"}]
    assert headings == ["Summary", "Performance", "Trades", "Balances"]
    found = json.loads(call(*words, "--json", url=url).out)
    assert list(found) == list(Dashboard._fields)
    assert len(found["trades"]) == 3
    assert found["summary"]["session_id"] == world.session_id


def test_an_id_is_asked_for_by_either_name(call: Run, asked: tuple[str, World]) -> None:
    url, world = asked
    words = ("query", "sessions.get_trading_session", "--json", "--session-id", str(world.session_id))
    by_id = call(*words, url=url)
    assert json.loads(by_id.out)["id"] == world.session_id
    assert call(*words[:3], "--session", words[-1], url=url) == by_id
    twice = call(*words, "--session", "1", url=url)
    assert (twice.code, "session_id: is given twice" in twice.err) == (ExitCode.USAGE, True)


def test_a_batch_of_a_session_that_is_not_there(call: Run, asked: tuple[str, World]) -> None:
    done = call("query", "dashboard.dashboard", "--session-id", "999999", url=asked[0])
    assert (done.code, "does not exist" in done.err) == (ExitCode.FAILED, True)
    done = call("query", "dashboard.dashboard", "--sessions", "1", url=asked[0])
    assert (done.code, "sessions: is no parameter" in done.err) == (ExitCode.USAGE, True)


def test_no_parameter_is_called_like_an_option_of_the_command() -> None:
    names = {parameter.name for one in statements() if one.kind is Kind.QUERY for parameter in one.parameters}
    assert not names & {"json", "csv", "parquet", "arrow", "url", "help", "h"}


def test_a_table_away_from_a_terminal_has_a_line_for_each_row(call: Run, asked: tuple[str, World]) -> None:
    url, world = asked
    done = call("query", "trades.get_recent_trades", "--session-id", str(world.session_id), "--limit=3", url=url)
    assert done.code == ExitCode.OK
    header, *lines = done.out.splitlines()
    assert header.split()[:3] == ["id", "session_id", "position_id"]
    assert len(lines) == 3


def test_json_is_what_the_function_answers(call: Run, asked: tuple[str, World]) -> None:
    url, world = asked
    done = call("query", "positions.get_active_positions", "--session_id", str(world.session_id), "--json", url=url)
    with Database(url) as db:
        due = db.run(positions.get_active_positions(session_id=world.session_id))
    found = json.loads(done.out)
    assert [(one["id"], len(one["orders"])) for one in found] == [(one.id, len(one.orders)) for one in due]


def test_csv_has_joined_rows_beside_what_they_are_joined_to(call: Run, asked: tuple[str, World]) -> None:
    url, world = asked
    done = call("query", "positions.get_active_positions", "--session-id", str(world.session_id), "--csv", url=url)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    with Database(url) as db:
        due = db.run(positions.get_active_positions(session_id=world.session_id))
    assert [(row["id"], row["orders.id"]) for row in rows] == [
        (str(one.id), str(order.id)) for one in due for order in one.orders
    ]


def test_a_single_row_has_a_line_for_each_field(call: Run, asked: tuple[str, World]) -> None:
    url, world = asked
    done = call("query", "sessions.get_trading_session", "--session-id", str(world.session_id), url=url)
    assert dict(line.split(maxsplit=1) for line in done.out.splitlines() if " " in line)["mode"] == "PAPER"
    done = call("query", "account.get_current_balance", "--session-id", str(world.session_id), url=url)
    assert len(done.out.splitlines()) == 2


def test_times_json_and_null_are_read(call: Run, asked: tuple[str, World]) -> None:
    url, world = asked
    done = call(
        "query", "trades.get_trades_since", "--session-id", str(world.session_id), "--since", "2024-03-02T00:00Z",
        "--json", url=url,
    )  # fmt: skip
    with Database(url) as db:
        due = db.run(trades.get_recent_trades(session_id=world.session_id))
    assert {one["id"] for one in json.loads(done.out)} == {one.id for one in due if one.exit_time.day == 2}
    metrics = find("metrics.get_daily_metrics")
    assert arguments(metrics, {"session_id": "1", "start": "null"}) == {"session_id": 1, "start": None}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("trades.get_recent_trade",), "did you mean trades.get_recent_trades"),
        (("dashboard",), "did you mean dashboard.dashboard"),
        (("get_recent_trades",), "did you mean trades.get_recent_trades"),
        (("trades.log_trade",), "there is no read statement trades.log_trade"),
        (("reporting.trades",), "a view goes into a file, by --parquet or --arrow"),
        (("trades.get_recent_trades",), "trades.get_recent_trades: needs --session-id integer\n"),
        (("trades.get_trades_since",), "trades.get_trades_since: needs --session-id integer --since time\n"),
        (("dashboard.dashboard",), "dashboard.dashboard: needs --session-id integer\n"),
        (("trades.get_recent_trades", "--session-id", "x"), "session_id: must be integer, not 'x'"),
        (("trades.get_recent_trades", "--session-id"), "session_id: has no value"),
        (("trades.get_recent_trades", "--sessions", "1"), "sessions: is no parameter (there are: session_id, limit)"),
        (("trades.get_recent_trades", "1"), "'1' is no parameter: they are given as --name VALUE"),
        (
            ("trades.get_trades_since", "--session-id", "1", "--since", "2024-03-02T09:00"),
            "09:00' has no offset",
        ),
        (
            ("trades.get_trades_since", "--session-id", "1", "--since", "soon"),
            "since: 'soon' is no day, no time",
        ),
        (("trades.get_recent_trades", "--session-id=1", "--session_id=2"), "session_id: is given twice"),
    ],
)
def test_what_cannot_be_asked_is_told_before_connecting(call: Run, words: tuple[str, ...], message: str) -> None:
    done = call("query", *words, url="postgresql://postgres@localhost:1/nowhere")
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert message in done.err


def test_a_day_and_a_length_of_time_are_times_as_for_every_since() -> None:
    declared = find("trades.get_trades_since")
    day = arguments(declared, {"session": "1", "since": "2024-03-02"})["since"]
    assert day == datetime(2024, 3, 2, tzinfo=UTC)
    ago = arguments(declared, {"session": "1", "since": "36h"})["since"]
    assert isinstance(ago, datetime)
    assert timedelta(hours=36) <= datetime.now(UTC) - ago < timedelta(hours=37)


def test_a_row_that_is_not_there(call: Run, asked: tuple[str, World]) -> None:
    done = call("query", "sessions.get_trading_session", "--session-id", "999999", url=asked[0])
    assert (done.code, done.out) == (ExitCode.FAILED, "")
    assert "session 999999 does not exist" in done.err


def test_queries_can_be_searched(call: Run) -> None:
    done = call("queries", "drawdown", "--json")
    assert done.code == ExitCode.OK
    assert "reports.get_drawdowns" in {one["name"] for one in json.loads(done.out)}
    assert call("queries", "no such thing").code == ExitCode.FOUND


def test_an_odd_offset_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="no length of time"):
        arguments(find("trades.get_trades_since"), {"session_id": "1", "since": "yesterday"})


@pytest.mark.parametrize("option", ["--parquet", "--arrow"])
def test_a_file_has_what_the_statement_answers(
    call: Run, asked: tuple[str, World], tmp_path: Path, option: str
) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import ipc, parquet

    url, world = asked
    path, given = tmp_path / "trades", ("--session-id", str(world.session_id))
    done = call("query", "trades.get_recent_trades", *given, option, str(path), "--json", url=url)
    assert done.code == ExitCode.OK, done.err
    with Database(url) as db:
        due = db.run(trades.get_recent_trades(session_id=world.session_id))
    table = parquet.read_table(path) if option == "--parquet" else ipc.open_file(path).read_all()
    assert json.loads(done.out)["rows"] == len(due) == table.num_rows
    assert [row["pnl"] for row in table.to_pylist()] == [trade.pnl for trade in due]
    assert [one.name for one in tmp_path.iterdir()] == ["trades"]


def test_a_view_becomes_a_file(call: Run, asked: tuple[str, World], tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    url, _ = asked
    path = tmp_path / "trades.parquet"
    done = call("query", "reporting.trades", "--parquet", str(path), url=url)
    assert (done.code, done.err.strip()) == (ExitCode.OK, f"{path}: {parquet.read_table(path).num_rows} rows")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["trades.get_recent_trades", "--session-id", "99999", "--parquet", "x"], ExitCode.FAILED, "does not exist"),
        (["account.get_current_balance", "--session-id", "1", "--parquet", "x"], ExitCode.FAILED, "a single value"),
        (["reporting.nothing", "--parquet", "x"], ExitCode.FAILED, "reporting.nothing"),
        (
            ["trades.get_recent_trades", "--session-id", "1", "--parquet", "/nowhere/x"],
            ExitCode.USAGE,
            "cannot be written",
        ),
        (
            ["trades.get_recent_trades", "--session-id", "1", "--parquet", "x", "--arrow", "y"],
            ExitCode.USAGE,
            "two files",
        ),
    ],
)
def test_a_file_that_cannot_be_made_is_one_sentence(
    *, call: Run, asked: tuple[str, World], tmp_path: Path, arguments: list[str], code: ExitCode, said: str
) -> None:
    pytest.importorskip("pyarrow")
    done = call("query", *arguments, url=asked[0])
    assert (done.code, said in " ".join(done.err.split())) == (code, True), done
    assert list(tmp_path.iterdir()) == []
