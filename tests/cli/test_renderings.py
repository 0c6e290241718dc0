"""What people see at 80 and 120 columns, compared with the files in golden/; GOLDEN=write writes them again."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from atb_db import Database
from atb_db.embedded import Server
from atb_db.repository import account, control, events, positions, sessions, trades
from tests.cli.conftest import Ended, Run
from tests.cli.test_psqlrc import QUESTIONS

GOLDEN: Final = Path(__file__).with_name("golden")
START: Final = datetime(2024, 3, 1, 9, 0, 0, 123456, tzinfo=UTC)
_LATER: Final = re.compile(r"20(?!24)\d\d-\d\d-\d\d \d\d:\d\d:\d\d")
"""Moments that are not the books' own."""
_REQUEST: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIMELESS: Final = [one for one in QUESTIONS if one not in {"activity", "locks", "sizes", "freshness", "holds"}]
WIDTHS: Final = (80, 120)


@pytest.fixture(scope="module")
def books(server: Server, migrated: str) -> str:
    """A LIVE and a BACKTEST session with long names and many digits."""
    url = server.create_database("renderings", template=migrated)
    with Database(url) as db:
        for mode in ("LIVE", "BACKTEST"):
            record(db, live=mode == "LIVE")
        db.run(
            control.set_control_flag(name="no_entries", reason="exchange is down", source="ops@desk", timestamp=START)
        )
    return url


def record(db: Database, *, live: bool) -> None:
    """A session with a losing and a winning trade, and an open position."""
    session_id = db.run(
        sessions.create_trading_session(
            strategy_name="ml_adaptive_momentum_v3",
            session_name=f"{'live' if live else 'backtest'}: ml_adaptive_momentum_v3 on BTCUSDT",
            symbol="BTCUSDT",
            timeframe="1h",
            mode="LIVE" if live else "BACKTEST",
            initial_balance="12345.678901234567",
            start_time=START,
        )
    )
    for hours, pnl, price in ((1, "-123.456789012345678", "41234.567890123"), (26, "1234.0000001", "0.00001234")):
        db.run(
            trades.log_trade(
                session_id=session_id,
                symbol="1000SHIBUSDT" if hours > 1 else "BTCUSDT",
                side="LONG",
                entry_price=price,
                exit_price=price,
                size="0.333333333333",
                quantity="0.123456789",
                entry_time=START,
                exit_time=START + timedelta(hours=hours),
                pnl=pnl,
                commission="1.234567890123",
                exit_reason="stop loss" if pnl.startswith("-") else "take_profit_level_2",
                strategy_name="ml_adaptive_momentum_v3",
            )
        )
    db.run(
        positions.open_position(
            session_id=session_id,
            symbol="ETHUSDT",
            side="SHORT",
            entry_price="3456.789",
            size="0.1",
            quantity="0.987654321",
            strategy_name="ml_adaptive_momentum_v3",
            entry_order_id="entry",
            entry_time=START + timedelta(hours=2),
            entry_balance=1000,
            entry_commission="0.2",
        )
    )
    db.run(
        account.log_account_snapshot(
            session_id=session_id,
            balance="12222.2222222222222",
            equity="12111.111111111111111",
            timestamp=START + timedelta(hours=3),
        )
    )
    db.run(
        events.log_event(
            session_id=session_id,
            timestamp=START + timedelta(hours=4),
            event_type="WARNING",
            severity="WARNING",
            message="No answer from the exchange for 30 s; " * 3,
        )
    )


def compare(name: str, text: str) -> None:
    """With the file of this name."""
    text = _REQUEST.sub("00000000-0000-0000-0000-000000000000", _LATER.sub("YYYY-MM-DD HH:MM:SS", text))
    masked = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(masked, encoding="utf-8")
    assert masked == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", WIDTHS)
def test_questions_of_psql(run: Run, books: str, tmp_path: Path, width: int) -> None:
    asked = "".join(f"\\echo = {question}\n:{question}\n" for question in TIMELESS)
    (tmp_path / "ask.sql").write_text(f"\\pset columns {width}\n{asked}")
    done = run("psql", "--", "-q", "-f", "ask.sql", url=books)
    assert (done.code, done.err) == (0, "")
    compare(f"psql-{width}", done.out)


def test_every_question_of_psql_fits_120_columns(run: Run, books: str, tmp_path: Path) -> None:
    (tmp_path / "ask.sql").write_text("\\x off\n" + "".join(f":{question}\n" for question in QUESTIONS))
    lines = run("psql", "--", "-q", "-f", "ask.sql", url=books).out.splitlines()
    assert len(lines) > 50
    assert [line for line in lines if len(line) > 120] == []
    assert [line for line in lines if re.search(r"\d\.\d{9}|:\d\d\.\d", line)] == []


@pytest.mark.parametrize(
    ("modes", "due"),
    [
        ((), {"LIVE"}),
        (("-v", "modes=backtest"), {"BACKTEST"}),
        (("-v", "modes=live|backtest"), {"LIVE", "BACKTEST"}),
        pytest.param(("-v", "modes=."), {"LIVE", "BACKTEST"}, marks=pytest.mark.slow),
        pytest.param(("-v", "modes=paper"), set(), marks=pytest.mark.slow),
    ],
)
def test_modes_are_mixed_only_if_asked_for(
    run: Run, books: str, tmp_path: Path, modes: tuple[str, ...], due: set[str]
) -> None:
    asked = ("sessions", "account", "recent_trades", "pnl", "open_positions", "balances", "recent_events")
    (tmp_path / "ask.sql").write_text("".join(f"\\echo = {question}\n:{question}\n" for question in asked))
    done = run("psql", "--", *modes, "-At", "-f", "ask.sql", url=books)
    assert done.code == 0, done.err
    answers = dict(re.findall(r"^= (\w+)\n(.*?)(?=^= |\Z)", done.out, re.MULTILINE | re.DOTALL))
    assert list(answers) == [*asked]
    shown = {
        question: {mode for mode in ("LIVE", "PAPER", "BACKTEST") if f"|{mode}|" in text}
        for question, text in answers.items()
    }
    assert shown == dict.fromkeys(asked, due)


@pytest.mark.parametrize("width", WIDTHS)
def test_what_watch_shows(call: Callable[..., Ended], books: str, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    compare(f"watch-{width}", call("watch", url=books).out)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "words",
    [
        "query trades.get_recent_trades --session-id 1",
        "query metrics.get_daily_metrics --session-id 1",
        "query account.get_balance_history --session-id 1 --limit 3",
        "query monitoring.get_account_summary --session-id 1 --now 2024-03-02T12:00Z",
        "queries drawdown",
        "audit",
    ],
)
def test_tables_on_a_terminal(
    *, call: Callable[..., Ended], books: str, monkeypatch: pytest.MonkeyPatch, words: str, width: int
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    out = re.sub(r"\x1b\[[\d;]*m", "", call(*words.split(), url=books).out)
    name = "-".join(words.partition(" --")[0].replace(".", "-").split())
    compare(f"{name}-{width}", out)
    assert max(map(len, out.splitlines()), default=0) <= width
