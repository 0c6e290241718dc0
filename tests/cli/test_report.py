"""`atb-db report`."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest

from atb_db import Database
from atb_db.admin.readable import read_moment
from atb_db.cli.exits import ExitCode
from atb_db.report.live import live_batch
from atb_db.report.mixing import mixing_warning
from atb_db.repository import metrics, sessions
from atb_db.types import TradeSource
from tests.cli.conftest import COMMAND, Run, environment
from tests.statements.examples import World, prepare

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def reported(server: object) -> tuple[str, World]:
    """A database with the example's rows."""
    from atb_db.embedded import Server
    from tests.conftest import TEMPLATE

    assert isinstance(server, Server)
    url = server.create_database("reported", template=TEMPLATE)
    with Database(url) as db:
        return url, prepare(db)


def test_it_writes_a_page_that_only_its_owner_may_read(call: Run, reported: tuple[str, World], tmp_path: Path) -> None:
    url, world = reported
    done = call("report", "--session", str(world.session_id), url=url)
    assert (done.code, done.out) == (ExitCode.OK, "")
    path = tmp_path / "report.html"
    assert f"Wrote {path} (" in done.err
    assert "are added up" not in done.err
    assert path.read_text().startswith("<!doctype html>")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["report.html"]  # noqa: PTH208  hidden ones count


def test_what_is_added_up_is_said(call: Run, fresh_url: str, fresh_db: Database) -> None:
    for mode in TradeSource:
        fresh_db.run(
            sessions.create_trading_session(
                strategy_name="trend", symbol="BTCUSDT", timeframe="1h", mode=mode, initial_balance=1000
            )
        )
    due = mixing_warning(fresh_db.run_batch(live_batch()).scope)
    assert due.startswith("These sessions have different modes")
    said = call("report", url=fresh_url).err.splitlines()
    assert said[1:] == [f"{due} Choose with --session, --mode or --strategy."]
    assert json.loads(call("report", "--json", url=fresh_url).out)["warning"] == due
    assert "different" not in call("report", "--mode", "live", url=fresh_url).err


def test_json_has_the_figures_of_the_page(call: Run, reported: tuple[str, World], tmp_path: Path) -> None:
    url, world = reported
    since = "2024-03-02"
    done = call("report", "--session", str(world.session_id), "--since", since, "--out", "a.html", "--json", url=url)
    assert (done.code, done.err) == (ExitCode.OK, "")
    found = json.loads(done.out)
    with Database(url) as db:
        due = db.run(
            metrics.get_performance_metrics(session_id=world.session_id, start=datetime(2024, 3, 2, tzinfo=UTC))
        )
    assert found["path"] == str(tmp_path / "a.html")
    assert found["size"] == (tmp_path / "a.html").stat().st_size
    assert found["performance"]["net_pnl"] == f"{due.net_pnl:f}"
    assert f'value="{due.net_pnl:f}"' in (tmp_path / "a.html").read_text()


def test_a_strategy_is_the_title_of_its_page(call: Run, reported: tuple[str, World], tmp_path: Path) -> None:
    done = call("report", "--strategy", "example", "--mode", "paper", url=reported[0])
    assert done.code == ExitCode.OK
    assert "<h1>example</h1>" in (tmp_path / "report.html").read_text()


def test_the_page_that_is_there_keeps_its_mode(call: Run, reported: tuple[str, World], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    path.chmod(0o644)
    assert call("report", url=reported[0]).code == ExitCode.OK
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert path.read_text() != "old"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--session", "999999"), ExitCode.FAILED, "session 999999 does not exist"),
        (("--strategy", "nobody"), ExitCode.FAILED, "no session has traded with the strategy 'nobody'"),
        (("--session", "1", "--strategy", "x"), ExitCode.USAGE, "exclude each other"),
        (("--since", "yesterday"), ExitCode.USAGE, "'yesterday' is no day"),
        (("--every", "0.5s"), ExitCode.USAGE, "a second or longer"),
        (("--out", "nowhere/page.html"), ExitCode.USAGE, "nowhere/page.html cannot be written"),
    ],
)
def test_what_cannot_be_reported_leaves_the_page_that_is_there(
    call: Run, reported: tuple[str, World], tmp_path: Path, *, words: tuple[str, ...], code: ExitCode, message: str
) -> None:
    (tmp_path / "report.html").write_text("old")
    done = call("report", *words, url=reported[0])
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert (tmp_path / "report.html").read_text() == "old"
    assert len(os.listdir(tmp_path)) == 1  # noqa: PTH208  hidden ones count


def test_a_server_that_is_not_there(call: Run) -> None:
    done = call("report", url="postgresql://postgres@localhost:1/nowhere")
    assert done.code == ExitCode.UNREACHABLE


def test_without_jinja_it_says_what_to_install(reported: tuple[str, World], tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['jinja2'] = None; sys.argv = ['atb-db', 'report']; from atb_db.cli import main; main()"
    )
    done = subprocess.run(
        (COMMAND[0], "-c", program), env=environment(reported[0]), cwd=tmp_path, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (ExitCode.NO_TOOL, "")
    assert done.stderr == "atb-db: reports need Jinja: pip install 'atb-db[report]'\n"


@contextmanager
def writing(url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        (*COMMAND, "report", "--every", "1s"),
        env=environment(url) | {"DATABASE_QUERY_DEADLINE": "5"},
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_it_is_written_again_and_again_whole(reported: tuple[str, World], tmp_path: Path) -> None:
    """A reader that looks all the time finds whole pages only, and more than one."""
    path, seen = tmp_path / "report.html", set[str]()
    with writing(reported[0], tmp_path) as process:
        deadline = monotonic() + 30
        while len(seen) < 3 and monotonic() < deadline:
            if path.exists():
                text = path.read_text()
                assert text.rstrip().endswith("</html>")
                seen.add(text)
            sleep(0.01)
        assert len(seen) >= 3
        assert all('http-equiv="refresh" content="1"' in text for text in seen)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == ExitCode.INTERRUPTED
    assert [name for name in os.listdir(tmp_path) if name != "report.html"] == []  # noqa: PTH208


def test_an_outage_leaves_the_last_page_and_ends_nothing(fresh_url: str, tmp_path: Path) -> None:
    import psycopg

    path = tmp_path / "report.html"
    with writing(fresh_url, tmp_path) as process:
        deadline = monotonic() + 30
        while not path.exists() and monotonic() < deadline:
            sleep(0.05)
        name = psycopg.conninfo.conninfo_to_dict(fresh_url)["dbname"]
        with psycopg.connect(fresh_url, dbname="postgres", autocommit=True) as other:
            other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            assert process.stderr is not None
            assert process.stderr.readline().startswith("Wrote ")
            while not (line := process.stderr.readline()).startswith("atb-db: "):
                assert line
            during = path.read_text()
            other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        deadline = monotonic() + 30
        while path.read_text() == during and monotonic() < deadline:
            sleep(0.05)
        assert path.read_text() != during
        assert process.poll() is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-03-01", datetime(2024, 3, 1, tzinfo=UTC)),
        ("2024-03-01T02:00+02:00", datetime(2024, 3, 1, tzinfo=UTC)),
        ("36h", NOW - timedelta(hours=36)),
    ],
)
def test_since_is_a_day_a_time_or_so_long_ago(text: str, moment: datetime) -> None:
    assert read_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["2024-03-01T02:00", "2024-03-01 02:00", "", "now"])
def test_since_is_never_guessed(text: str) -> None:
    with pytest.raises(ValueError, match=r"no length of time|has no offset"):
        read_moment(text, NOW)
