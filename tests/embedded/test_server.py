import os
import pwd
import signal
import socket
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from time import monotonic, sleep

import psycopg
import pytest

from atb_db.embedded import Server, find_binaries, postgresql, version_of, wheel_binaries
from atb_db.embedded import server as server_module
from atb_db.embedded.account import server_account
from atb_db.embedded.cluster import password_file
from atb_db.errors import AtbDbError, ConfigurationError

BIN_DIRS = sorted({find_binaries(), *wheel_binaries()})


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # Without somebody to reap it, an orphan stays in the table.
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def wait_until_gone(pid: int, base: Path) -> None:
    deadline = monotonic() + 60
    while runs(pid) or base.exists():
        assert monotonic() < deadline, (runs(pid), base.exists())
        sleep(0.05)


@pytest.mark.parametrize("bin_dir", BIN_DIRS, ids=lambda path: f"{path.parent.name}")
def test_starts_and_leaves_nothing(bin_dir: Path, temporary: Path) -> None:
    with postgresql(bin_dir=bin_dir) as server:
        assert server.version == version_of(bin_dir)
        assert str(value(server.url(), "SHOW server_version")).startswith(server.version)
        assert value(server.url(), "SHOW server_encoding") == "UTF8"
        assert value(server.url(), "SHOW TimeZone") == "UTC"
        assert value(server.url(), "SHOW listen_addresses") == "127.0.0.1"
        assert value(server.url(), "SHOW data_directory") == str(server.data_dir)
        assert "ready to accept connections" in server.log
        assert runs(server.pid)
    assert not runs(server.pid)
    assert list(temporary.iterdir()) == []


def test_databases_are_copies_of_their_template() -> None:
    with postgresql() as server:
        template = server.create_database("template")
        with psycopg.connect(template) as connection:
            connection.execute("CREATE TABLE here (id integer)")
        copy = server.create_database('odd "name" / 1', template="template")
        assert value(copy, "SELECT current_database()") == 'odd "name" / 1'
        assert value(copy, "SELECT count(*) FROM here") == 0
        assert value(server.create_database("empty"), "SELECT to_regclass('here')") is None


@pytest.mark.slow
def test_fast_unless_durable() -> None:
    with postgresql() as fast, postgresql(durable=True, settings={"work_mem": "7MB"}) as durable:
        assert value(fast.url(), "SHOW fsync") == "off"
        assert value(durable.url(), "SHOW fsync") == "on"
        assert value(durable.url(), "SHOW work_mem") == "7MB"
        assert fast.port != durable.port


def test_settings_meant_for_another_server_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {"PGDATA": "/nowhere", "PGHOST": "/nowhere", "PGPORT": "1", "PGSSLMODE": "require"}
    for name, setting in (other | {"LC_ALL": "xx_XX.UTF-8"}).items():
        monkeypatch.setenv(name, setting)
    with postgresql() as server:
        server.create_database("made")


@pytest.mark.slow
def test_stops_when_the_block_fails(temporary: Path) -> None:
    with pytest.raises(LookupError), postgresql() as server:
        raise LookupError
    assert not runs(server.pid)
    assert list(temporary.iterdir()) == []


def test_what_postgresql_refuses_is_told_and_leaves_nothing(temporary: Path) -> None:
    with (
        pytest.raises(AtbDbError, match='unrecognized configuration parameter "nonsense"'),
        postgresql(settings={"nonsense": "1"}),
    ):
        pass
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_a_port_taken_meanwhile_is_left_to_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        free = server_module._unused_port()
        monkeypatch.setattr(server_module, "_unused_port", iter([taken, free]).__next__)
        with postgresql() as server:
            assert server.port == free


@pytest.mark.parametrize("crash", [pytest.param(False, marks=pytest.mark.slow), True], ids=["tidy", "crash"])
def test_after_an_outage_it_answers_at_the_same_url(*, crash: bool) -> None:
    with postgresql(settings={"synchronous_commit": "on"}) as server:
        url, tcp_url, before = server.url(), server.tcp_url(), server.pid
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        with server.outage(crash=crash):
            assert not runs(before)
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(url)
        assert server.pid != before
        assert value(url, "SELECT one FROM kept") == 1
        assert value(tcp_url, "SELECT one FROM kept") == 1
        assert ("recovery in progress" in server.log) == crash
        server.restart(crash=crash)
        assert value(url, "SELECT one FROM kept") == 1
    assert not runs(server.pid)


@pytest.mark.slow
def test_an_outage_ends_though_its_block_fails() -> None:
    with postgresql() as server:
        with pytest.raises(LookupError), server.outage():
            raise LookupError
        assert value(server.url(), "SELECT 1") == 1


@pytest.mark.slow
def test_its_port_taken_during_an_outage_is_said(temporary: Path) -> None:
    with pytest.raises(AtbDbError, match="Address already in use"), postgresql() as server, server.outage():
        other = socket.create_server(("127.0.0.1", server.port))
    other.close()
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_a_given_folder_keeps_the_cluster(folder: Path) -> None:
    base = folder / "cluster"
    with postgresql(base_dir=base) as server:
        server.create_database("kept")
    assert not runs(server.pid)
    with postgresql(base_dir=base) as again:
        assert again.base == base
        assert value(again.url(database="kept"), "SELECT 1") == 1
    assert (base / "data" / "PG_VERSION").exists()


def test_a_path_too_long_for_a_socket_is_refused(folder: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match="too long"),
        postgresql(base_dir=folder / ("x" * 90)),
    ):
        pass


def test_a_folder_that_it_makes_itself_is_open_to_the_server(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        with postgresql(base_dir=folder / "made" / "here") as server:
            assert value(server.url(), "SELECT 1") == 1
    finally:
        os.umask(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server is another user's")
def test_a_folder_closed_to_the_server_is_refused(folder: Path) -> None:
    folder.chmod(0o700)
    with pytest.raises(ConfigurationError, match="may not enter"), postgresql(base_dir=folder):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server is another user's")
@pytest.mark.skipif(not wheel_binaries(), reason="PostgreSQL's PyPI package is not installed")
@pytest.mark.slow
def test_a_package_closed_to_the_server_is_copied(folder: Path) -> None:
    bin_dir = wheel_binaries()[0]
    package = bin_dir.parents[1]
    closed = folder / "closed"
    inner = bin_dir.parent.name
    copytree(package / inner, closed / package.name / inner)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        copytree(libraries, closed / libraries.name)
    closed.chmod(0o700)
    for _ in "made", "started again":
        with postgresql(base_dir=folder / "cluster", bin_dir=closed / package.name / inner / "bin") as server:
            assert server.bin_dir.is_relative_to(server.base)
            assert server.version == version_of(bin_dir)


# --- nobody else's way in


def doors(server: Server) -> list[str]:
    """What somebody can try who reads the list of processes and the names in /tmp."""
    return [
        f"host={host} port={server.port} dbname=postgres user={user} {password}"
        for host in ("127.0.0.1", server.socket_dir)
        for user in ("postgres", "drill")
        for password in ("", "password=postgres", "password=' '")
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_of_the_machine_gets_in_by_no_door(temporary: Path) -> None:
    everybody = [entry for entry in pwd.getpwall() if entry.pw_uid not in (0, server_account().uid)]
    nobody = next(entry for entry in everybody if entry.pw_name in ("nobody", "daemon"))
    temporary.chmod(0o755)
    with postgresql(durable=True) as server:
        psycopg.connect(server.url()).close()
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE ROLE drill LOGIN")
        for door in doors(server):
            done = subprocess.run(
                [server.bin_dir / "psql", "-X", "-w", "-c", "SELECT 1", door],
                capture_output=True,
                text=True,
                check=False,
                user=nobody.pw_uid,
                group=nobody.pw_gid,
                extra_groups=[],
                cwd="/",
            )
            assert done.returncode == 2, (door, done.stdout)
            assert ("password" if "127.0.0.1" in door else "Permission denied") in done.stderr
        for secret in (password_file(server.data_dir), server._log_file):
            assert secret.stat().st_mode & 0o077 == 0


def test_over_tcp_the_password_is_needed_and_by_the_socket_the_right_account() -> None:
    with postgresql() as server:
        for door in doors(server)[:6]:
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(door)
        assert value(server.tcp_url(), "SELECT inet_server_addr() IS NOT NULL") is True
        assert value(server.url(), "SELECT inet_server_addr() IS NULL") is True
        assert server.password not in server.url()
        assert server.socket_dir.stat().st_mode & 0o777 == 0o700
        assert (server.socket_dir / f".s.PGSQL.{server.port}").stat().st_mode & 0o077 == 0


def test_a_server_started_again_keeps_its_password_and_closes_its_folder(folder: Path) -> None:
    base = folder / "cluster"
    with postgresql(base_dir=base) as server:
        password = server.password
    (base / "tmp").chmod(0o777)
    with postgresql(base_dir=base) as again:
        assert again.password == password
        assert value(again.tcp_url(), "SELECT 1") == 1
        assert (base / "tmp").stat().st_mode & 0o777 == 0o700


# --- the end of the process that made it

PARENT = """
import sys, time
from atb_db.embedded import postgresql
with postgresql() as server:
    print(server.pid, server.base, flush=True)
    if "detach" in sys.argv:
        server.detach()
        print(server.stop_command, server.url(), sep="\\n")
    else:
        time.sleep(60)
"""


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        signal.SIGKILL,
    ],
)
def test_ends_with_its_process(ending: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        pid, base = parent.stdout.readline().split()
        os.killpg(parent.pid, ending)  # as the terminal does on Ctrl-C
    wait_until_gone(int(pid), Path(base))


@pytest.mark.slow
def test_detached_it_goes_on_until_it_is_stopped() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PARENT, "detach"],
        capture_output=True,
        text=True,
        check=True,
    )
    first, stop_command, url = done.stdout.splitlines()
    pid, base = first.split()
    try:
        assert done.stderr == ""
        assert value(url, "SELECT 1") == 1
    finally:
        subprocess.run(["/bin/sh", "-c", stop_command], check=True)
    wait_until_gone(int(pid), Path(base))
