from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from decimal import Decimal
from pathlib import Path
from shutil import rmtree
from time import monotonic, perf_counter, sleep

import psycopg
import pytest
import typer

from atb_db import Database, demo
from atb_db.admin.demo import run_demo
from atb_db.cli.demo import _progress, demo_command
from atb_db.cli.sparkline import ASCII_BLOCKS, BLOCKS, blocks_for, sparkline
from atb_db.demo.candles import CandleFileError, Market, built_in, read
from atb_db.demo.report import DemoReport, KeptServer, read_report
from atb_db.embedded import Server
from atb_db.repository import account, audit, events, orders, positions, sessions, trades
from atb_db.repository.audit import BookFinding
from atb_db.types import EventType, LedgerEntryType, OrderStatus, OrderType, PositionSide, TradeSource
from tests.conftest import TEMPLATE
from tests.faults.conftest import FULL

COMMAND = (sys.executable, "-m", "atb_db", "demo")
SHARED = Path(__file__).parents[2] / "../shared/data/BTCUSDT-1h.csv.gz"
REAL_CANDLES = Path(os.environ.get("ATB_DB_CANDLES", SHARED))
BUILT_IN = built_in()


@pytest.fixture(scope="module")
def replayed(server: Server) -> Iterator[tuple[Database, DemoReport]]:
    """The built-in market, replayed."""
    url = server.create_database("replayed", template=TEMPLATE)
    with Database(url) as db:
        yield db, replay(db, BUILT_IN)


def replay(db: Database, market: Market) -> DemoReport:
    start = perf_counter()
    session_id = demo.replay(db, market)
    return read_report(
        db, session_id, candles=len(market.candles), seconds=perf_counter() - start, points=60, kept=None
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where a demo makes its temporary files: short enough for a socket, open to the server's user."""
    path = Path(tempfile.mkdtemp(prefix="atb-demo-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    rmtree(path)


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A file of few candles."""
    return file_of(built_in(200), tmp_path)


def file_of(market: Market, folder: Path) -> Path:
    path = folder / "TESTUSDT.csv"
    lines = ["timestamp,open,high,low,close,volume"]
    lines += [",".join([candle[0].isoformat(), *map(str, candle[1:])]) for candle in market.candles]
    path.write_text("\n".join(lines) + "\n")
    return path


def run(*arguments: str | Path, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command, with its temporary files in the folder and settings that are none of its business."""
    with tempfile.TemporaryDirectory() as here:
        return run_in(Path(here), *arguments, folder=folder, **environ)


def run_in(here: Path, *arguments: str | Path, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    misleading = {"DATABASE_URL": "postgresql://nobody@nowhere.invalid/none", "DATABASE_SSL_MODE": "verify-full"}
    return subprocess.run(
        [*COMMAND, *arguments],
        env=os.environ | misleading | {"TMPDIR": str(folder), "COLUMNS": "100"} | environ,
        cwd=here,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def processes_of(folder: Path) -> list[str]:
    """Command lines that mention the folder, where the system has /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [line for line in found if str(folder) in line]


def assert_nothing_left(folder: Path, *, within: float = 0) -> None:
    deadline = monotonic() + within
    while (left := [*map(str, folder.iterdir()), *processes_of(folder)]) and monotonic() < deadline:
        sleep(0.05)
    assert left == []


# The replay, in a database of the tests


def test_everything_is_recorded(replayed: tuple[Database, DemoReport]) -> None:
    db, report = replayed
    session = report.session
    assert (session.mode, session.symbol, session.timeframe) == (TradeSource.BACKTEST, "DEMOUSDT", "1h")
    assert session.start_time == BUILT_IN.candles[0].timestamp
    assert session.end_time == BUILT_IN.candles[-1].timestamp
    rows = {table.table_name: table.row_count for table in report.tables}
    assert rows.keys() == {
        *("trading_sessions", "positions", "orders", "order_fills", "partial_trades", "trades"),
        *("performance_metrics", "equity_spans", "equity_rolls", "order_days", "order_day_parts"),
        *("account_balances", "account_history", "system_events", "strategy_executions"),
    }
    assert rows["strategy_executions"] >= len(BUILT_IN.candles)
    assert report.replay.rows == sum(rows.values())
    assert db.run(positions.get_active_positions(session_id=session.id)) == []
    assert db.run(orders.get_pending_orders(session_id=session.id)) == []


def test_the_books_balance(replayed: tuple[Database, DemoReport]) -> None:
    db, report = replayed
    assert report.findings == []
    session = report.session
    ledger = db.run(account.get_balance_history(session_id=session.id, limit=100_000))
    booked = db.run(trades.get_trades_since(session_id=session.id, since=session.start_time))
    assert sum(entry.delta for entry in ledger) == session.current_balance
    withdrawn = session.initial_balance / 10
    assert sum(trade.net_pnl for trade in booked) == session.current_balance - session.initial_balance + withdrawn
    assert [entry.delta for entry in ledger if entry.entry_type is LedgerEntryType.TRANSFER] == [-withdrawn]
    assert sum(row.net_pnl for row in report.exits) == session.total_pnl
    assert report.metrics.net_pnl == session.total_pnl
    assert report.equity[-1].equity == session.final_balance


def test_a_newcomer_sees_every_kind_of_trade(replayed: tuple[Database, DemoReport]) -> None:
    db, report = replayed
    session = report.session
    booked = db.run(trades.get_trades_since(session_id=session.id, since=session.start_time))
    assert {trade.side for trade in booked} == {PositionSide.LONG, PositionSide.SHORT}
    reasons = {"stop loss", "trailing stop", "breakeven stop", "take profit", "signal reversed", "end of replay"}
    assert {trade.exit_reason for trade in booked} == reasons
    assert all(trade.mfe is not None and trade.mae is not None and trade.commission > 0 for trade in booked)
    assert any(trade.margin_interest_cost > 0 for trade in booked)
    assert any(trade.funding < 0 for trade in booked)
    assert any(trade.funding > 0 for trade in booked)
    journal = [
        order
        for trade in booked
        if trade.position_id is not None
        for order in db.run(orders.get_orders_for_position(position_id=trade.position_id))
    ]
    assert {order.order_type for order in journal} == set(OrderType)
    filled = [order for order in journal if order.status is OrderStatus.FILLED]
    for order in filled:
        fills = db.run(orders.get_fills(order_id=order.id))
        assert (len(fills), sum(fill.quantity for fill in fills)) == (2, order.quantity)
        assert sum(fill.fee or 0 for fill in fills) == order.commission > 0
        assert all(fill.is_booked for fill in fills)
    recorded = db.run(events.get_recent_events(session_id=session.id))
    assert {event.event_type for event in recorded} == {
        EventType.ENGINE_START,
        EventType.ENGINE_STOP,
        EventType.ALERT,
        EventType.WARNING,
    }
    # One order was filled to the end after it was cancelled.
    [late] = [event for event in recorded if event.event_type is EventType.WARNING]
    assert "after it was CANCELLED" in late.message
    [cancelled] = [order for order in journal if order.status is OrderStatus.CANCELLED and order.filled_quantity]
    assert (cancelled.order_type, cancelled.filled_quantity) == (OrderType.PARTIAL_EXIT, cancelled.quantity)


def test_times_are_the_candles(replayed: tuple[Database, DemoReport]) -> None:
    """No row that the engine wrote is of today."""
    db, _ = replayed
    last = BUILT_IN.candles[-1].timestamp
    query = """
        SELECT max(moment)
          FROM (
                   SELECT greatest(created_at, filled_at, cancelled_at, last_update) FROM orders
                    UNION ALL
                   SELECT greatest(entry_time, last_update, exit_time, mfe_time, mae_time) FROM positions
                    UNION ALL
                   SELECT timestamp FROM partial_trades
                    UNION ALL
                   SELECT timestamp FROM strategy_executions
                    UNION ALL
                   SELECT timestamp FROM account_history
                    UNION ALL
                   SELECT timestamp FROM system_events
                    UNION ALL
                   SELECT last_updated FROM account_balances
               ) AS moments (moment)
    """
    with psycopg.connect(db.settings.conninfo) as connection:
        assert connection.execute(query.encode()).fetchone() == (last,)


def test_a_gap_in_the_candles_is_an_event(fresh_db: Database) -> None:
    market = built_in(60)
    del market.candles[30:33]
    report = replay(fresh_db, market)
    gaps = [
        event
        for event in fresh_db.run(events.get_recent_events(session_id=report.session.id))
        if event.event_type is EventType.WARNING
    ]
    assert [gap.message for gap in gaps] == ["No candles after 2024-01-02 05:00 UTC"]
    assert gaps[0].timestamp == market.candles[30].timestamp


def test_progress_is_told(fresh_db: Database) -> None:
    told: list[tuple[int, int]] = []
    demo.replay(fresh_db, built_in(50), progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 50) for done in range(1, 51)]


@pytest.mark.slow
@pytest.mark.skipif(not REAL_CANDLES.exists(), reason="the real candles are not here; ATB_DB_CANDLES names them")
def test_real_candles_replay_to_the_end_and_balance(fresh_db: Database) -> None:
    whole = read(REAL_CANDLES)
    assert len(whole.candles) > 10_000
    market = whole if FULL else whole._replace(candles=whole.candles[-5000:])
    report = replay(fresh_db, market)
    assert report.findings == []
    session = report.session
    assert session.end_time == market.candles[-1].timestamp
    kept = session.initial_balance * Decimal("0.9")  # a tenth is withdrawn
    assert kept + report.metrics.net_pnl == session.current_balance == session.final_balance
    assert report.metrics.total_trades > 50
    assert fresh_db.run_batch(audit.audit_session(session_id=session.id)).findings == []


# The whole demo


def test_run_demo_reports(few: Path) -> None:
    report = run_demo(candles=few)
    assert report.session.symbol == "TESTUSDT"
    assert report.replay.candles == 200
    assert report.kept is None
    assert report.findings == []
    assert [table.table_name for table in report.tables if table.table_name.startswith("_")] == []


def test_a_broken_file_starts_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atb_db.embedded.postgresql", None)
    with pytest.raises(CandleFileError):
        run_demo(candles=tmp_path / "missing.csv")


@pytest.mark.slow
def test_the_command_prints_json_and_leaves_nothing(folder: Path, few: Path) -> None:
    done = run("--json", "--candles", few, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert set(report) == set(DemoReport._fields)
    assert report["session"]["symbol"] == "TESTUSDT"
    assert report["findings"] == []
    assert report["kept"] is None
    balance = report["session"]["current_balance"]
    assert isinstance(balance, str)
    withdrawn = 1000
    assert Decimal(balance) == Decimal(10_000) - withdrawn + Decimal(report["metrics"]["net_pnl"])
    assert_nothing_left(folder)


def test_the_command_prints_for_people_and_writes_a_page(folder: Path, few: Path, tmp_path: Path) -> None:
    done = run_in(tmp_path, "--candles", few, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("Demo: TESTUSDT 1h, 2024-01-01 to 2024-01-", "P&L by exit reason", " rows/s", "The books balance"):
        assert part in done.stdout
    assert f"A page of it with charts: {tmp_path / 'demo-report.html'}" in done.stdout
    assert "<h1>Demo: TESTUSDT</h1>" in (tmp_path / "demo-report.html").read_text()
    assert_nothing_left(folder)


@pytest.mark.slow
def test_without_candles_it_has_its_own_market(folder: Path, tmp_path: Path) -> None:
    done = run_in(tmp_path, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    for part in (
        "Demo: DEMOUSDT 1h, 2024-01-01 to 2024-04-09",
        "10,000.00 to ",
        "P&L by exit reason",
        "trailing stop",
        "strategy_executions",
        " rows/s",
        "The books balance",
        "make demo ARGS=--keep",
        f"A page of it with charts: {tmp_path / 'demo-report.html'}",
    ):
        assert part in done.stdout
    assert set(BLOCKS) <= set(done.stdout)
    assert "<h1>Demo: DEMOUSDT</h1>" in (tmp_path / "demo-report.html").read_text()
    assert_nothing_left(folder)


@pytest.mark.slow
def test_a_plain_terminal_gets_plain_characters(folder: Path, few: Path) -> None:
    done = run("--candles", few, folder=folder, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "Equity" in done.stdout


@pytest.mark.slow
def test_a_kept_server_goes_on_until_it_is_stopped(folder: Path, few: Path) -> None:
    done = run("--keep", "--json", "--candles", few, folder=folder)
    assert done.returncode == 0
    report = json.loads(done.stdout)
    kept = KeptServer(**report["kept"])
    try:
        with Database(kept.url) as db:
            session = db.run(sessions.get_trading_session(session_id=report["session"]["id"]))
        assert str(session.current_balance) == report["session"]["current_balance"]
        answer = subprocess.run(
            ["/bin/sh", "-c", f"{kept.psql} -XAtc 'SELECT count(*) FROM trading_sessions'"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout == "1\n"
    finally:
        subprocess.run(["/bin/sh", "-c", kept.stop], check=True)
    assert_nothing_left(folder, within=60)


@pytest.mark.slow
def test_interrupted_it_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    """Ctrl-C goes to everybody in the terminal's foreground."""
    with subprocess.Popen(
        [*COMMAND, "--candles", file_of(built_in(20_000), tmp_path)],
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        deadline = monotonic() + 30
        while not list(folder.glob("*/data/postmaster.pid")) and monotonic() < deadline:
            sleep(0.02)
        sleep(1)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert_nothing_left(folder, within=60)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("timestamp,open,high,low,close\n", "X.csv, line 1: the column volume is missing"),
        (
            "timestamp,open,high,low,close,volume\n2024-01-01T00:00:00Z,1,nan,1,1,1\n",
            "X.csv, line 2: high must be a finite number below 1e30, not NaN",
        ),
    ],
)
def test_broken_candles_are_a_sentence_and_exit_2(folder: Path, tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "X.csv"
    path.write_text(text)
    done = run("--candles", path, folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip().endswith(sentence)
    assert len(done.stderr.splitlines()) == 1
    assert_nothing_left(folder)


@pytest.mark.parametrize("as_json", [False, True])
def test_contradictions_are_exit_3(
    replayed: tuple[Database, DemoReport],
    monkeypatch: pytest.MonkeyPatch,
    *,
    as_json: bool,
) -> None:
    finding = BookFinding("ledger sum", "session 1, current_balance", "1000", None)
    report = replayed[1]._replace(findings=[finding], kept=KeptServer("url", "psql url", "stop it"))
    monkeypatch.setattr("atb_db.admin.demo.run_demo", lambda **_: report)
    with redirect_stdout(io.StringIO()) as printed, pytest.raises(typer.Exit) as left:
        demo_command(as_json=as_json)
    assert left.value.exit_code == 3
    assert "ledger sum" in printed.getvalue()
    assert "psql url" in printed.getvalue()


def test_a_session_without_trades_is_told_too(
    fresh_db: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = replay(fresh_db, built_in(20))
    monkeypatch.setattr("atb_db.admin.demo.run_demo", lambda **_: report._replace(equity=[]))
    demo_command()
    printed = capsys.readouterr().out
    assert "0, of which 0 won (-)" in printed
    assert "Profit factor" not in printed
    assert "The books balance" in printed


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stderr", terminal)
    with _progress() as progress:
        assert progress is not None
        progress(1234, 2400)
    assert "Replaying candles" in terminal.getvalue()
    assert "1234/2400" in terminal.getvalue()


# The sparkline


def test_the_sparkline_spans_its_values() -> None:
    assert sparkline([Decimal(value) for value in range(8)]) == BLOCKS
    assert sparkline([Decimal(3), Decimal(-1), Decimal(3)], "ab") == "bab"
    assert sparkline([Decimal(5)] * 3) == BLOCKS[0] * 3


@pytest.mark.parametrize(
    ("encoding", "blocks"), [("utf-8", BLOCKS), ("ascii", ASCII_BLOCKS), ("latin-1", ASCII_BLOCKS), ("?", ASCII_BLOCKS)]
)
def test_the_blocks_are_those_that_can_be_printed(encoding: str, blocks: str) -> None:
    assert blocks_for(encoding) == blocks
    assert len(blocks) == len(BLOCKS)
