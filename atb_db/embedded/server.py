"""A running throwaway server: made, started, watched, and removed with the process that made it."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import quote

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from atb_db.embedded.account import environment, server_account
from atb_db.embedded.binaries import WHEEL, find_binaries, version_of
from atb_db.embedded.cluster import make_cluster, password_file, readable_copy
from atb_db.embedded.folders import given_base, temporary_base
from atb_db.embedded.watchdog import Watchdog
from atb_db.errors import AtbDbError, ConfigurationError

try:
    from testing.postgresql import Postgresql
except ImportError as error:
    raise ConfigurationError("The embedded PostgreSQL needs an extra: pip install 'atb-db[embedded]'") from error

_NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
}
_COPIES_BY_WAL = 150000
_START_SECONDS = 60
_STOP_SECONDS = 10
_PORT_ATTEMPTS = 5
_LOG_LINES = 50
_ASK_FIRST = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)


class Server(Postgresql):
    """A running throwaway server, as `postgresql()` makes it.

    Its superuser is `postgres`. The unix socket asks for no password, and lies in a folder that only
    the account of this process and the server's (as root: another one) may enter; over TCP it listens on
    127.0.0.1 alone, with a random password. No other user of this machine gets in by either, or
    `COPY FROM PROGRAM` would make them the server's account. It ends with the process that made it,
    however that ends.
    """

    child_process: subprocess.Popen[bytes] | None = None
    bin_dir: Path
    version: str
    port: int
    pid: int

    def __init__(self, base_dir: Path, bin_dir: Path, settings: Mapping[str, str], *, temporary: bool) -> None:
        self.bin_dir = bin_dir
        self.base = base_dir
        self._temporary = temporary
        self._settings = settings
        self._account = server_account()
        self._watchdog: Watchdog | None = None
        self.port = 0  # the first start finds one
        super().__init__(base_dir=str(base_dir))

    @property
    def data_dir(self) -> Path:
        """PGDATA."""
        return self.base / "data"

    @property
    def socket_dir(self) -> Path:
        """The folder of the unix socket; usable as `host`."""
        return self.base / "tmp"

    @property
    def log(self) -> str:
        """The end of the server's log."""
        lines = self._log_file.read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LOG_LINES:])

    @property
    def stop_command(self) -> str:
        """The shell command that stops a detached server and removes its files."""
        return f"kill -INT {self.pid} && sleep 1 && rm -rf {shlex.quote(str(self.base))}"

    def url(self, *, database: str = "postgres") -> str:
        """The connection URL of one of its databases, by the socket: it holds no password."""
        return f"postgresql://postgres@{quote(str(self.socket_dir), safe='')}:{self.port}/{quote(database, safe='')}"

    def tcp_url(self, *, database: str = "postgres") -> str:
        """The connection URL over TCP. It holds the password: nothing for a command line, which all users can read."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    @property
    def password(self) -> str:
        """Of the superuser, over TCP. A standby has its primary's: it lies in the data folder."""
        return password_file(self.data_dir).read_text(encoding="ascii")

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Create a database as a copy of `template`, to which nobody may be connected; its URL."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            if connection.info.server_version >= _COPIES_BY_WAL:
                statement += sql.SQL(" STRATEGY file_copy")  # in half the time
            connection.execute(statement)
        return self.url(database=name)

    def detach(self) -> None:
        """Keep the server running when this process ends; `stop_command` stops it."""
        self._dismiss_watchdog()
        if self.child_process is not None:
            self.child_process.returncode = 0  # or its finaliser warns of a process left behind
        self.child_process = None
        self._use_tmpdir = False

    def restart(self, *, crash: bool = False) -> None:
        """End the server and start it again on the same port, so that every URL stays right; all connections are lost.

        With `crash` nothing is tidied up first, and it recovers from its log: unless the server is durable or
        synchronous_commit is on, the last commits before a crash may be lost.
        """
        with self.outage(crash=crash):
            pass

    @contextmanager
    def outage(self, *, crash: bool = False) -> Generator[None, None, None]:
        """No server inside the block; after it, also if the block fails, it answers again on the same port.

        `crash` as for `restart`.
        """
        self._end(*((signal.SIGQUIT, signal.SIGKILL) if crash else _ASK_FIRST))
        try:
            yield
        finally:
            self.start()

    @property
    def _log_file(self) -> Path:
        return self.base / "postgresql.log"

    @property
    def _conninfo(self) -> str:
        """By the socket, which is this server's for certain; a port can be somebody else's."""
        return make_conninfo(host=str(self.socket_dir), port=self.port, user="postgres", dbname="postgres")

    # What follows is called by testing.postgresql, in this order.

    def initialize(self) -> None:
        """Before anything is written."""
        self._use_tmpdir = self._temporary
        self._watchdog = Watchdog(self.base, keep=not self._temporary)
        if WHEEL in self.bin_dir.parts and version_of(self.bin_dir, self._account) is None:
            self.bin_dir = readable_copy(self.bin_dir, self.base)
        version = version_of(self.bin_dir, self._account)
        if version is None:
            raise ConfigurationError(f"The server's user cannot run postgres in {self.bin_dir}")
        self.version = version

    def initialize_database(self) -> None:
        """Make an empty cluster, unless the folder has one."""
        if self._account.uid is not None:
            for folder in (self.data_dir, self.socket_dir):
                shutil.chown(folder, self._account.uid, self._account.gid)
        self.socket_dir.chmod(0o700)  # also a folder that was there before
        if not (self.data_dir / "PG_VERSION").exists():
            make_cluster(self.bin_dir, self.data_dir, self._account, secrets=self.socket_dir)

    def start(self) -> None:
        """Start the server and wait until it answers: on a free port the first time, later on the same one.

        Raises:
            AtbDbError: it did not start; the end of its log says why.
        """
        started_before = self.port != 0
        try:
            for _ in range(1 if started_before else _PORT_ATTEMPTS):
                if not started_before:
                    self.port = _unused_port()
                self.child_process = self._launch()
                self.pid = self.child_process.pid
                if self._answers(self.child_process):
                    return
                if "Address already in use" not in self.log:
                    break
            raise AtbDbError(f"PostgreSQL did not start:\n{self.log}")
        except BaseException:
            self.terminate()
            raise

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.socket_dir),
            "unix_socket_permissions": "0700",
            "logging_collector": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._settings,
        }
        self._log_file.touch(mode=0o600)  # failed statements are in it, with their values
        with self._log_file.open("wb") as log:
            return subprocess.Popen(
                [
                    self.bin_dir / "postgres",
                    "-D",
                    self.data_dir,
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we stop the server when we are done
                cwd="/",
                env=environment(),
                user=self._account.uid,
                group=self._account.gid,
                extra_groups=self._account.groups,
            )

    def _answers(self, child: subprocess.Popen[bytes]) -> bool:
        """Whether the server accepts connections once it is up; False if it ended instead."""
        deadline = monotonic() + _START_SECONDS
        while child.poll() is None:
            if self.is_server_available():
                return True
            if monotonic() > deadline:
                raise AtbDbError(f"PostgreSQL is not up after {_START_SECONDS} s:\n{self.log}")
            sleep(0.02)
        return False

    def is_server_available(self) -> bool:
        """Whether it accepts connections now."""
        return pq.PGconn.ping(self._conninfo.encode()) == pq.Ping.OK

    def terminate(self, *_signals: object) -> None:
        """Stop the server; its files stay."""
        self._end(*_ASK_FIRST)

    def _end(self, *signals: signal.Signals) -> None:
        child = self.child_process
        if child is None or self._owner_pid != os.getpid():
            return
        for stronger in signals:
            child.send_signal(stronger)
            try:
                child.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            break
        self.child_process = None

    def cleanup(self) -> None:
        """Remove the files of a stopped server, if their folder is a temporary one."""
        super().cleanup()
        if self.child_process is None:
            self._dismiss_watchdog()

    def _dismiss_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.dismiss()


def _unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def postgresql(
    *,
    durable: bool = False,
    settings: Mapping[str, str] | None = None,
    base_dir: Path | None = None,
    bin_dir: Path | None = None,
) -> Generator[Server, None, None]:
    """Start a PostgreSQL for this process, and stop it at the end of the block.

    Unless `durable`, a crash of the machine may lose data, for speed. `settings` are PostgreSQL's
    own names and values. In `base_dir` the files stay, and a cluster that is there is started
    again, by the rules of its own pg_hba.conf; the default is a temporary folder, in memory where that
    is possible and TMPDIR is not set. `bin_dir` defaults to `find_binaries()`.
    """
    bin_dir = bin_dir or find_binaries()
    account = server_account()
    base = temporary_base(account, durable=durable) if base_dir is None else given_base(base_dir, account)
    server = Server(
        base,
        bin_dir,
        {**({} if durable else _NOT_DURABLE), **(settings or {})},
        temporary=base_dir is None,
    )
    try:
        yield server
    finally:
        server.stop()
