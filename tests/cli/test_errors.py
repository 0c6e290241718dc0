import shlex
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from atb_db.admin.errors import LockHeld, Refused, ToolMissing
from atb_db.admin.migrations.yoyo_backend import Backend
from atb_db.cli.exits import ExitCode, exit_code
from atb_db.config import Settings
from atb_db.errors import AtbDbError, ConfigurationError, SchemaMismatch, Timeout, Unavailable
from tests.cli.conftest import COMMAND, PASSWORD, Run, environment
from tests.each import each

UNUSABLE = [
    "",
    f"mysql://u:{PASSWORD}@h/db",
    f"postgresql://u:{PASSWORD}@[::/db",
    f"postgresql://u:{PASSWORD}@127.0.0.1:notaport/db",
    f"host=127.0.0.1 port=1 password='{PASSWORD}",
    f"host=127.0.0.1 nonsense=1 password={PASSWORD}",
]
UNREACHABLE = [
    f"postgresql://u:{PASSWORD}@127.0.0.1:1/db",
    f"postgresql://u:{PASSWORD}@no-such-host.invalid/db",
    f"postgresql://u:{PASSWORD}@127.0.0.1:1,127.0.0.1:2/db",
    f"host=/nowhere dbname=db password={PASSWORD}",
]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SchemaMismatch(), ExitCode.FAILED),
        (Timeout(sqlstate="57014"), ExitCode.FAILED),
        (Unavailable(), ExitCode.UNREACHABLE),
        (ConfigurationError(), ExitCode.UNREACHABLE),
        (Refused(), ExitCode.REFUSED),
        (LockHeld(), ExitCode.LOCKED),
        (Timeout(sqlstate="55P03"), ExitCode.LOCKED),
        (Unavailable(sqlstate="25006"), ExitCode.REFUSED),
        (ToolMissing(), ExitCode.NO_TOOL),
    ],
)
def test_exit_codes(error: AtbDbError, code: ExitCode) -> None:
    assert exit_code(error) is code


@pytest.mark.parametrize(
    ("command", "url"), [("status", url) for url in UNUSABLE] + [(name, "") for name in ("migrate", "verify", "psql")]
)
def test_an_unusable_url_is_one_sentence(command: str, url: str, call: Run) -> None:
    code, out, err = call(command, url=url)
    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith("atb-db: DATABASE_URL ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "url"),
    [("status", url) for url in UNREACHABLE] + [(name, UNREACHABLE[0]) for name in ("migrate", "verify")],
)
def test_an_unreachable_server_is_one_sentence(command: str, url: str, call: Run) -> None:
    code, out, err = call(command, "--url", url)
    assert (code, out) == (ExitCode.UNREACHABLE, "")
    assert err.startswith("atb-db: ")
    assert err.count("\n") == 1
    assert "goes on" not in err  # nothing has begun


def test_an_unknown_database_is_unreachable(empty_url: str, call: Run) -> None:
    code, _, err = call("status", url=empty_url + "_not")
    assert code == ExitCode.UNREACHABLE
    assert "does not exist" in err


def test_the_option_goes_before_the_environment(empty_url: str, call: Run) -> None:
    assert call("status", "--url", empty_url, url="mysql://elsewhere/db").code == 0


def test_the_url_may_be_in_a_file(empty_url: str, call: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"DATABASE_URL={empty_url}\n")
    assert call("status").code == 0


@pytest.mark.parametrize("arguments", [["migrate", "--wait", "-1"], ["psql", "--nonsense"], ["nonsense"]])
def test_wrong_usage(arguments: list[str], call: Run) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (ExitCode.USAGE, "")
    assert "Usage: atb-db" in err


def test_a_held_lock(empty_url: str, call: Run) -> None:
    with Backend.connect_to(Settings.load(empty_url)) as holder, holder.lock():
        code, out, err = call("migrate", "--wait", "0.2", url=empty_url)
    assert (code, out) == (ExitCode.LOCKED, "")
    assert err == "atb-db: another migration is under way; waited 0.2 s for it to finish\n"


def test_interrupted(empty_url: str, tmp_path: Path) -> None:
    with (
        Backend.connect_to(Settings.load(empty_url)) as holder,
        holder.lock(),
        subprocess.Popen(
            (*COMMAND, "migrate"), env=environment(empty_url), cwd=tmp_path, stderr=subprocess.PIPE, text=True
        ) as waiting,
    ):
        wait_for_connection(empty_url, 3)
        waiting.send_signal(signal.SIGINT)
        _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in err


def wait_for_connection(url: str, count: int) -> None:
    """Wait until so many connections to the database have asked for something, this one included."""
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(2000):
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query <> ''"
            ).fetchone()
            if row is not None and row[0] >= count:
                return
            connection.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("nobody connected")


PRINTING = (
    "verify --json",
    "status",
    "health",
    "queries",
    "query markets.get_market_sessions --csv",
    "watch",
    *(["metrics"] if find_spec("prometheus_client") else []),
)
"""An extra may be missing where the oldest versions are tried."""


def redirected(command: str, how: str, url: str, folder: Path) -> tuple[int, str]:
    """The exit code of a command whose streams a shell redirects, and what it says on stderr."""
    line = f"{shlex.join((*COMMAND, *shlex.split(command)))} {how}"
    done = subprocess.run(
        ["/bin/bash", "-c", line], env=environment(url), cwd=folder, stderr=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stderr


def test_a_closed_pipe_is_no_error_message(fresh_url: str, tmp_path: Path) -> None:
    def holds(command: str) -> None:
        code, err = redirected(command, "| sleep 0; exit ${PIPESTATUS[0]}", fresh_url, tmp_path)
        assert "rror" not in err
        assert code in {ExitCode.OK, ExitCode.FAILED}  # a short one may be there before nobody reads

    each(PRINTING, holds)


def test_a_full_disk_behind_stdout_is_one_sentence(fresh_url: str, tmp_path: Path) -> None:
    def holds(command: str) -> None:
        code, err = redirected(command, ">/dev/full", fresh_url, tmp_path)
        assert (code, err.splitlines()[-1]) == (ExitCode.FAILED, "atb-db: No space left on device")
        assert "Traceback" not in err

    each(PRINTING, holds)


@pytest.mark.parametrize("closed", [">&-", ">/dev/null 2>&-", ">/dev/null <&-", ">&- 2>&- <&-"])
def test_a_closed_stream_ends_nothing(fresh_url: str, tmp_path: Path, closed: str) -> None:
    """Some supervisors start programs without; and no connection may be given a stream's number."""

    def holds(command: str) -> None:
        code, err = redirected(command, closed, fresh_url, tmp_path)
        assert (code, "Traceback" in err) == (redirected(command, ">/dev/null", fresh_url, tmp_path)[0], False)

    each(PRINTING, holds)


def test_a_program_that_is_started_has_its_streams(fresh_url: str, tmp_path: Path) -> None:
    code, err = redirected("psql -- -c 'SELECT 1'", ">&-", fresh_url, tmp_path)
    assert (code, err) == (ExitCode.OK, "")
