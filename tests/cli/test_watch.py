"""`atb-db watch`."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from select import select
from time import monotonic

import psycopg
import pytest
from rich.console import Console
from rich.screen import Screen

from atb_db import Database
from atb_db.cli.exits import ExitCode
from atb_db.cli.live_view import MOST_POSITIONS, view
from atb_db.cli.sparkline import BLOCKS
from atb_db.report.live import Live, live_batch
from atb_db.repository import metrics, positions, sessions
from atb_db.repository.reports import EquityPoint
from atb_db.types import TradeSource
from tests.cli.conftest import COMMAND, Run, environment
from tests.statements.examples import World, opening, prepare, trade

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
ESCAPE = "\x1b]0;owned\x07[red]name[/red]"


@pytest.fixture(scope="module")
def watched(server: object) -> tuple[str, World]:
    """A database with the example's rows."""
    from atb_db.embedded import Server
    from tests.conftest import TEMPLATE

    assert isinstance(server, Server)
    url = server.create_database("watched", template=TEMPLATE)
    with Database(url) as db:
        return url, prepare(db)


def drawn(live: Live, *, width: int = 120, encoding: str = "utf-8", trouble: str = "") -> str:
    text = StringIO()
    Console(file=text, width=width).print(view(live, now=NOW, encoding=encoding, trouble=trouble))
    return text.getvalue()


def test_sessions_of_different_modes_are_not_added_up_in_silence(watched: tuple[str, World]) -> None:
    warning = "These sessions have different modes: real money and simulations are added up."
    with Database(watched[0]) as db:
        mixed = db.run_batch(live_batch())
    mixed = mixed._replace(scope=mixed.scope._replace(mode=None, base_currency="USDT"))
    assert mixed.scope.total_sessions > 1
    assert warning in " ".join(drawn(mixed).split())
    assert warning not in drawn(mixed._replace(scope=mixed.scope._replace(mode=TradeSource.LIVE)))


def test_a_session_s_id_is_given_by_either_name(call: Run, watched: tuple[str, World]) -> None:
    url, world = watched
    by_name = json.loads(call("watch", "--session", str(world.session_id), "--json", url=url).out)
    by_id = json.loads(call("watch", "--session-id", str(world.session_id), "--json", url=url).out)
    assert by_id["scope"] == by_name["scope"]


@pytest.mark.parametrize("width", [40, 70, 80, 100, 120])
def test_no_number_is_cut_at_any_width(watched: tuple[str, World], width: int) -> None:
    with Database(watched[0]) as db:
        live = db.run_batch(live_batch())
    position = live.positions[0]._replace(
        symbol="BTC-27JUN26-100000-C",
        current_quantity=Decimal("0.01230000001"),
        entry_price=Decimal("67890.12345678"),
        current_price=Decimal("67891.12345678"),
        stop_loss=Decimal("70123.5"),
        unrealized_pnl=Decimal("-1234567.89"),
    )
    rising = [EquityPoint(NOW, Decimal(number), Decimal(number), Decimal(0)) for number in range(60)]
    outcome = live.outcomes[0]._replace(strategy_name="ml_adaptive_momentum_v3", net_pnl=Decimal("7654321.09"))
    text = drawn(live._replace(positions=[position], outcomes=[outcome]), width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    curve = re.search(rf"Equity +([{BLOCKS}]+) ", drawn(live._replace(equity=rising), width=width))
    assert curve is not None
    assert (curve[1][0], curve[1][-1]) == (BLOCKS[0], BLOCKS[-1])
    words = set(text.replace("\N{MINUS SIGN}", " ").replace("-1,", " 1,").split())
    whole = {"0.01230000001", "1,234,567.89", "+7,654,321.09", "BTC-27JUN26-100000-C"}
    assert whole <= words or width == 40  # where they go on in the next line
    assert set(re.findall(r"(?<![\d,.])(?:67,8|70,1)[\d.]*", text)) <= {
        "67,890.12345678",
        "67,891.12345678",
        "70,123.5",
    }


def test_away_from_a_terminal_it_shows_them_once(call: Run, watched: tuple[str, World]) -> None:
    url, world = watched
    done = call("watch", "--session", str(world.session_id), url=url)
    assert (done.code, done.err) == (ExitCode.OK, "")
    with Database(url) as db:
        due = db.run(metrics.get_performance_metrics(session_id=world.session_id))
    assert f"{due.net_pnl:,.2f}" in done.out
    assert "ETHUSDT" in done.out
    assert "\x1b" not in done.out


def test_json_is_what_the_queries_answer(call: Run, watched: tuple[str, World]) -> None:
    url, _ = watched
    done = call("watch", "--strategy", "example", "--json", url=url)
    assert done.code == ExitCode.OK
    found = json.loads(done.out)
    with Database(url) as db:
        due = db.run_batch(live_batch(strategy_name="example"))
    assert set(found) == set(Live._fields)
    assert [one["id"] for one in found["positions"]] == [one.id for one in due.positions]
    assert found["performance"]["net_pnl"] == f"{due.performance.net_pnl:f}"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--session", "999999"), ExitCode.FAILED),
        (("--strategy", "nobody"), ExitCode.FAILED),
        (("--session", "1", "--strategy", "x"), ExitCode.USAGE),
        (("--every", "soon"), ExitCode.USAGE),
    ],
)
def test_what_cannot_be_watched(call: Run, watched: tuple[str, World], words: tuple[str, ...], code: ExitCode) -> None:
    done = call("watch", *words, url=watched[0])
    assert (done.code, done.out) == (code, "")


def test_a_server_that_is_not_there(call: Run) -> None:
    assert call("watch", url="postgresql://postgres@localhost:1/nowhere").code == ExitCode.UNREACHABLE


def test_names_are_neither_markup_nor_orders_to_the_terminal(fresh_db: Database) -> None:
    session_id = fresh_db.run(
        sessions.create_trading_session(
            session_name=ESCAPE, strategy_name=ESCAPE, symbol="X", timeframe="1h", mode="PAPER", initial_balance=1000
        )
    )
    fresh_db.run(trade(session_id, exit_time=NOW + timedelta(days=400), pnl=1))
    text = drawn(fresh_db.run_batch(live_batch(session_id=session_id)))
    assert "?]0;owned?[red]name[/red]" in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)


def test_nothing_yet_is_shown_too(fresh_db: Database) -> None:
    text = drawn(fresh_db.run_batch(live_batch()))
    assert "0 sessions" in text
    assert "No position is open." in text


def test_it_fits_and_knows_plain_terminals(watched: tuple[str, World]) -> None:
    with Database(watched[0]) as db:
        live = db.run_batch(live_batch())
    many = live._replace(positions=[live.positions[0]] * (MOST_POSITIONS + 3))
    text = drawn(many, width=80, encoding="ascii", trouble="it is away")
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "and 3 more" in text
    assert "it is away" in text
    assert not set("\N{MINUS SIGN}▁█") & set(text)


@pytest.mark.parametrize("height", [60, 24, 10, 4])
def test_errors_and_trouble_are_seen_however_low_the_terminal_is(watched: tuple[str, World], height: int) -> None:
    with Database(watched[0]) as db:
        live = db.run_batch(live_batch())
    many = live._replace(positions=[live.positions[0]] * MOST_POSITIONS)
    text = StringIO()
    console = Console(file=text, width=80, height=height)
    console.print(Screen(view(many, now=NOW, encoding="utf-8", trouble="it is away", height=height)), end="")
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    assert len(lines) == height
    shown = [line for line in lines if line]
    assert [line.split(":")[0] for line in shown[-3:]] == ["Errors in 24 h", "Read at 2024-06-01 12", "it is away"]
    assert ("..." in shown) == (height < 60)


class Terminal:
    """A terminal in which the command runs."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self.process = process
        self.screen = screen

    def until(self, pattern: str, *, within: float = 40) -> str:
        """What is on the screen until the pattern is."""
        seen, deadline = "", monotonic() + within
        while not re.search(pattern, seen):
            assert monotonic() < deadline, seen[-2000:]
            if select([self.screen], [], [], 0.2)[0]:
                seen += os.read(self.screen, 65536).decode(errors="replace")
        return seen


@contextmanager
def terminal(url: str, folder: Path, *words: str) -> Iterator[Terminal]:
    screen, inside = pty.openpty()
    process = subprocess.Popen(
        (*COMMAND, "watch", *words), env=environment(url) | {"TERM": "xterm", "COLUMNS": "100", "LINES": "50"},
        cwd=folder, stdin=inside, stdout=inside, stderr=inside, start_new_session=True,
    )  # fmt: skip
    os.close(inside)
    with process:
        try:
            yield Terminal(process, screen)
        finally:
            process.kill()
            os.close(screen)


def test_on_a_terminal_it_goes_on_through_changes_and_outages(fresh_url: str, tmp_path: Path) -> None:
    name = psycopg.conninfo.conninfo_to_dict(fresh_url)["dbname"]
    with Database(fresh_url) as db:
        session_id = prepare(db).other_session_id
    with terminal(fresh_url, tmp_path, "--session", str(session_id), "--every", "1s") as shown:
        assert "No position is open." in shown.until("Read at")
        with Database(fresh_url) as db:
            position = db.run(opening(session_id, "NEWUSDT"))
            shown.until("NEWUSDT")
            db.run(positions.update_position(position_id=position, current_price=250, unrealized_pnl=300))
            shown.until(r"\+300\.00")
        with psycopg.connect(fresh_url, dbname="postgres", autocommit=True) as other:
            other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            shown.until("not currently accepting connections")
            other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        shown.until("Read at")
        os.killpg(shown.process.pid, signal.SIGINT)
        shown.until(r"\x1b\[\?1049l")
        assert shown.process.wait(20) == ExitCode.INTERRUPTED
