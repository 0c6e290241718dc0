"""No command shows the password: not in its output, the process list, a file, the database or the server's log."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

import psycopg
import pytest

from atb_db import Database, Journal
from atb_db.admin.backup.dump import backup
from atb_db.admin.continuous.layout import Archive, write_archive
from atb_db.admin.programs import tool_for
from atb_db.cli import main
from atb_db.cli.exits import ExitCode
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.embedded.binaries import major_of
from atb_db.repository import events
from tests.cli.conftest import COMMAND, environment
from tests.cli.test_help import COMMANDS
from tests.importing.freqtrade_files import ORDER, TRADE, write_freqtrade

NEEDLE: Final = "Xq7walk"
"""The beginning of the password, which is the same where the rest of it is quoted, escaped or cut off."""
PASSWORD: Final = f"{NEEDLE}@Zt9 '%"
TOOLS: Final = ("psql", "pg_dump", "pg_restore")

OK, USAGE, FOUND, UNREACHABLE = ExitCode.OK, ExitCode.USAGE, ExitCode.FOUND, ExitCode.UNREACHABLE


class Case(NamedTuple):
    """How a command is run: {name} is the database, {dump} a backup of it; the others are files."""

    arguments: str = ""
    reached: ExitCode = OK
    unreached: ExitCode = UNREACHABLE
    tool: str | None = None
    """The program of PostgreSQL that it runs."""


CASES: Final = {
    "migrate": Case(),
    "rollback": Case(reached=ExitCode.REFUSED),
    "status": Case(),
    "new": Case("'a thing' --sql {sql}", unreached=OK),
    "lint": Case(unreached=OK),
    "verify": Case(),
    "audit": Case(),
    "roles": Case("--check", reached=FOUND),
    "psql": Case("-- -c 'SELECT 1'", unreached=USAGE, tool="psql"),  # psql's own code
    "backup": Case(tool="pg_dump"),
    "backup list": Case(unreached=OK),
    "backup status": Case(reached=FOUND, unreached=FOUND),
    "backup verify": Case("{dump}", unreached=OK),
    "backup schedule": Case(unreached=OK),
    "archive": Case(reached=USAGE, unreached=USAGE),
    "archive start": Case("--archive-dir {archive}", reached=ExitCode.REFUSED),  # it is another server's
    "archive status": Case("--archive-dir {archive}", reached=FOUND, unreached=FOUND),
    "archive stop": Case("--archive-dir {archive}", reached=FOUND, unreached=FOUND),
    "archive schedule": Case("--archive-dir {archive}", unreached=OK),
    "restore": Case("{dump} --replace --confirm {name}", tool="pg_restore"),
    "drill": Case("{dump} --same-server --rpo 1d", tool="pg_restore"),
    "setup-railway": Case("--check-local --verify"),
    "environment": Case(reached=FOUND),
    "environment show": Case(reached=FOUND),
    "environment set": Case("staging --yes"),
    "nuke": Case("--confirm {name}", tool="pg_dump"),
    "reset-railway": Case("staging --yes", tool="pg_dump"),
    "doctor": Case(),
    "check-collation": Case(),
    "fix-collation": Case("--all"),
    "query": Case("sessions.get_active_sessions"),
    "queries": Case(unreached=OK),
    "health": Case(),
    "metrics": Case(unreached=OK),
    "halt": Case(reached=USAGE, unreached=USAGE),
    "halt on": Case("--reason test"),
    "halt off": Case("--reason test"),
    "halt status": Case(),
    "compare": Case("--from postgresql://127.0.0.1:1/x", reached=UNREACHABLE),
    "export": Case("--out everything", reached=ExitCode.FAILED),
    "report": Case("--out page.html"),
    "watch": Case(),
    "end-crashed": Case("--yes"),
    "rebuild": Case(),
    "purge": Case("--yes"),
    "purge-logs": Case("--yes"),
    "compact": Case("--yes"),
    "import": Case(reached=USAGE, unreached=USAGE),
    "import trades": Case("{trades}"),
    "import freqtrade": Case("{bot}"),
    "import export": Case("nothing", reached=USAGE, unreached=USAGE),
    "import incumbent": Case("--from postgresql://127.0.0.1:1/x --timezone UTC", reached=UNREACHABLE),
    "journal": Case(reached=USAGE, unreached=USAGE),
    "journal status": Case("{journal}", reached=FOUND, unreached=FOUND),
    "journal inspect": Case("{journal}", unreached=OK),
    "journal replay": Case("{journal}"),
    "journal discard": Case("{journal} 7", reached=FOUND, unreached=FOUND),
    "demo": Case("--candles {candles}", unreached=OK),
}

ALONE: Final = {"psql", "demo"}
"""What takes its process's place, and what never uses the URL."""


class Place(NamedTuple):
    """A database with a backup of it, and a folder of programs that write down how they were called."""

    template: str
    dump: Path
    candles: Path
    tools: Path
    calls: Path


@pytest.fixture(scope="module")
def place(server: Server, migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Place:
    template, folder = "walked_template", tmp_path_factory.mktemp("walk")
    url = server.create_database(template, template=migrated)
    dump = backup(Settings.load(url), folder=folder / "backups").path
    with psycopg.connect(url) as connection:
        major = major_of(str(connection.info.parameter_status("server_version")))
    candles = folder / "BTCUSDT-1h.csv"
    rows = (f"2024-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z,100,102,99,101,5" for hour in range(100))
    candles.write_text("\n".join(("timestamp,open,high,low,close,volume", *rows)) + "\n")
    tools, calls = folder / "tools", folder / "calls"
    tools.mkdir()
    for name in TOOLS:
        program = tools / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>"{calls}"\nexec "{tool_for(name, major).path}" "$@"\n')
        program.chmod(0o755)
    return Place(template, dump, candles, tools, calls)


@pytest.fixture
def walked_url(server: Server, place: Place) -> Iterator[str]:
    """A database of the test's own, at a URL with the password; the server asks for none."""
    name = "walked"
    bare = server.create_database(name, template=place.template)
    yield f"{bare}?{urlencode({'password': PASSWORD}, quote_via=quote)}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE walked WITH (FORCE)")


def arguments(command: str, place: Place, folder: Path) -> list[str]:
    (folder / "sql" / "migrations").mkdir(parents=True, exist_ok=True)
    files = {"dump": place.dump, "candles": place.candles, "sql": folder / "sql", "journal": folder / "journal"}
    files |= {"trades": folder / "trades.csv", "bot": folder / "bot.sqlite"}
    files["trades"].write_text("time,symbol,side,quantity,price\n2025-11-05,X,buy,1,2\n")
    write_freqtrade(files["bot"], [TRADE], [ORDER])
    files["archive"] = folder / "archive"
    if command.startswith("archive"):
        files["archive"].mkdir()
        write_archive(files["archive"], Archive(1, "another server", "atb_archive_walked", 16_777_216, 15))
        (files["archive"] / "chains").mkdir()
    if command.startswith("journal"):
        fill(files["journal"])
    filled = CASES[command].arguments.format(name="walked", **files)
    return [*command.split(), *shlex.split(filled)]


def fill(path: Path) -> None:
    """A journal in which an event waits for a database whose URL has the password."""
    url = f"host=127.0.0.1 port=1 user=u password='{NEEDLE}'"
    with closing(Database(url)) as away, Journal(path, away, patience=0.05) as journal:
        journal.record(events.log_event(event_type="TEST", message="waits"))


def variables(url: str, place: Place) -> dict[str, str]:
    path = f"{place.tools}{os.pathsep}{os.environ['PATH']}"
    # That folder would go before the PATH.
    usual = {name: text for name, text in environment(None).items() if name != "ATB_DB_PG_BIN"}
    return usual | {"DATABASE_URL": url, "PATH": path, "BINANCE_API_SECRET": PASSWORD}


def command_lines() -> Iterator[bytes]:
    """Those of every process at this moment; one may be gone before it is read."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield file.read_bytes()
        except OSError:
            continue


@contextmanager
def watched() -> Iterator[set[bytes]]:
    """The command lines of all processes, looked at again and again while the block runs."""
    seen: set[bytes] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            seen.update(command_lines())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def assert_hidden(text: str, where: str) -> None:
    if found := re.search(f".{{0,60}}{NEEDLE}", text):
        pytest.fail(f"{where}: {found[0]}")


def assert_files_hide_it(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            assert_hidden(file.read_bytes().decode(errors="replace"), str(file))


def test_every_command_has_a_case() -> None:
    assert sorted(CASES) == sorted(COMMANDS)


@pytest.mark.parametrize("command", CASES)
@pytest.mark.slow
def test_a_command_that_reaches_the_database_hides_it(
    command: str, place: Place, walked_url: str, server: Server, tmp_path: Path
) -> None:
    given = arguments(command, place, tmp_path)
    place.calls.write_text("")
    with watched() as seen:
        done = subprocess.run(
            (*COMMAND, *given),
            env=variables(walked_url, place),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == CASES[command].reached, done.stderr
    assert "Traceback" not in done.stderr
    assert_hidden(done.stdout + done.stderr, "output")
    if Path("/proc/self/cmdline").exists():
        assert any(command.split(maxsplit=1)[0].encode() in line for line in seen)
        assert_hidden(b"\n".join(seen).decode(errors="replace"), "process list")
    if tool := CASES[command].tool:
        assert f"{tool} " in place.calls.read_text()
        assert_hidden(place.calls.read_text(), "arguments of PostgreSQL's programs")
    assert_files_hide_it(tmp_path)
    assert_hidden((server.base / "postgresql.log").read_text(errors="replace"), "the server's log")
    with psycopg.connect(walked_url) as connection:
        if connection.execute("SELECT to_regclass('public.system_events') IS NOT NULL").fetchone() == (True,):
            assert_hidden(str(connection.execute("SELECT e::text FROM system_events AS e").fetchall()), "events")


@pytest.mark.parametrize("command", [name for name in CASES if name not in ALONE])
def test_a_command_that_reaches_nothing_hides_it(
    command: str,
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    url = f"postgresql://postgres@127.0.0.1:1/walked?{urlencode({'password': PASSWORD}, quote_via=quote)}"
    wanted = variables(url, place)
    with monkeypatch.context() as patched:
        for name in os.environ.keys() - wanted.keys():
            patched.delenv(name)
        for name, value in wanted.items():
            patched.setenv(name, value)
        patched.chdir(tmp_path)
        patched.setattr(sys, "argv", ["atb-db", *arguments(command, place, tmp_path)])
        with pytest.raises(SystemExit) as ended:
            main()
    out, err = capfd.readouterr()
    assert int(ended.value.code or 0) == CASES[command].unreached, err
    assert_hidden(out + err, "output")
    assert_files_hide_it(tmp_path)


def test_psql_that_reaches_nothing_hides_it(place: Place, tmp_path: Path) -> None:
    done = subprocess.run(
        (*COMMAND, *arguments("psql", place, tmp_path)),
        env=variables(f"host=127.0.0.1 port=1 user=u password='{NEEDLE}'", place),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == CASES["psql"].unreached
    assert_hidden(done.stdout + done.stderr, "output")
