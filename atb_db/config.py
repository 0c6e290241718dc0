"""Settings: from an argument, else the environment, else a `.env` file."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from atb_db.errors import ConfigurationError

SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_URL_PARTS: Final = {
    "DATABASE_SSL_MODE": "sslmode",
    "DATABASE_APPLICATION_NAME": "application_name",
    "DATABASE_CONNECT_TIMEOUT": "connect_timeout",
}
_PRIVATE_SUFFIXES: Final = (".internal", ".local", ".localhost", ".lan")


class Source(StrEnum):
    """Where a setting comes from."""

    ARGUMENT = "argument"
    ENVIRONMENT = "environment"
    DOTENV = ".env"
    URL = "in the URL"
    DEFAULT = "default"


class Settings(NamedTuple):
    """How to reach the database and how long to wait for it; times are in seconds."""

    conninfo: str
    """A libpq connection string, the password included; it is left out of `repr`."""
    pool_min: int = 1
    """Connections that are kept open."""
    pool_max: int = 10
    """Connections at the most."""
    pool_timeout: float = 5.0
    """Wait for a free connection."""
    statement_timeout: float = 30.0
    """Run time of one statement; 0 is no limit."""
    lock_timeout: float = 5.0
    """Wait for a lock inside a statement; 0 is no limit."""
    idle_timeout: float = 60.0
    """Idle time inside a transaction before the server ends it; 0 is no limit."""
    pool_waiting: int = 1000
    """Callers that may wait for a free connection; one more is refused at once."""
    deadline: float = 5.0
    """A command with everything around it: waiting for the pool, connecting, retries, commit; 0 is no limit."""
    query_deadline: float = 30.0
    """The same for a query or a batch; of a stream or a bulk load, the longest time without progress."""
    pgbouncer: bool = False
    """Whether a PgBouncer in transaction mode is between: nothing is prepared, no settings go with the connection."""
    replica_conninfo: str | None = None
    """Connection string of a replica for queries that may be stale; it is left out of `repr`."""
    replica_lag: float = 5.0
    """How far the replica may be behind, else the primary is asked."""

    def __repr__(self) -> str:
        shown = self._asdict() | {"conninfo": redacted(self.conninfo)}
        if self.replica_conninfo is not None:
            shown["replica_conninfo"] = redacted(self.replica_conninfo)
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @classmethod
    def load(
        cls,
        url: str | None = None,
        *,
        ssl_mode: str | None = None,
        application_name: str | None = None,
        pool_min: int | None = None,
        pool_max: int | None = None,
        pool_timeout: float | None = None,
        statement_timeout: float | None = None,
        lock_timeout: float | None = None,
        idle_timeout: float | None = None,
        pool_waiting: int | None = None,
        deadline: float | None = None,
        query_deadline: float | None = None,
        pgbouncer: bool | None = None,
        replica_url: str | None = None,
        replica_lag: float | None = None,
        environ: Mapping[str, str] | None = None,
        dotenv: Path | None = None,
    ) -> Settings:
        """The settings from the arguments, else the environment, else the `.env` file of the current folder.

        `DATABASE_URL` takes every form that libpq knows: URL or key=value, sockets, several hosts. `DATABASE_SSL_MODE`
        is, unless it or the URL says so, `require` when ENV=production or a host is neither local nor private, else
        `prefer`. Further: `DATABASE_APPLICATION_NAME`, `DATABASE_POOL_MIN`, `DATABASE_POOL_MAX`, and in seconds
        `DATABASE_POOL_TIMEOUT`, `DATABASE_CONNECT_TIMEOUT`, `DATABASE_STATEMENT_TIMEOUT`, `DATABASE_LOCK_TIMEOUT`,
        `DATABASE_IDLE_TIMEOUT`, `DATABASE_POOL_WAITING`, `DATABASE_DEADLINE`, `DATABASE_QUERY_DEADLINE`,
        `DATABASE_PGBOUNCER` (1 or 0), `DATABASE_REPLICA_URL` and `DATABASE_REPLICA_LAG`.

        Raises:
            ConfigurationError: a setting is missing or unusable; the message names it and never shows a password.
        """
        arguments = {
            "DATABASE_POOL_MIN": pool_min,
            "DATABASE_POOL_MAX": pool_max,
            "DATABASE_POOL_TIMEOUT": pool_timeout,
            "DATABASE_STATEMENT_TIMEOUT": statement_timeout,
            "DATABASE_LOCK_TIMEOUT": lock_timeout,
            "DATABASE_IDLE_TIMEOUT": idle_timeout,
            "DATABASE_POOL_WAITING": pool_waiting,
            "DATABASE_DEADLINE": deadline,
            "DATABASE_QUERY_DEADLINE": query_deadline,
            "DATABASE_PGBOUNCER": None if pgbouncer is None else int(pgbouncer),
            "DATABASE_REPLICA_URL": replica_url,
            "DATABASE_REPLICA_LAG": replica_lag,
        }
        given = {name: str(value) for name, value in arguments.items() if value is not None}
        found = {**read_variables(environ, dotenv), **given}
        defaults = cls._field_defaults
        connect = partial(_conninfo, ssl_mode=ssl_mode, application_name=application_name, found=found)
        settings = cls(
            conninfo=connect("DATABASE_URL", url),
            pool_min=_whole(found, "DATABASE_POOL_MIN", defaults["pool_min"], least=0),
            pool_max=_whole(found, "DATABASE_POOL_MAX", defaults["pool_max"], least=1),
            pool_timeout=_seconds(found, "DATABASE_POOL_TIMEOUT", defaults["pool_timeout"]),
            statement_timeout=_seconds(found, "DATABASE_STATEMENT_TIMEOUT", defaults["statement_timeout"]),
            lock_timeout=_seconds(found, "DATABASE_LOCK_TIMEOUT", defaults["lock_timeout"]),
            idle_timeout=_seconds(found, "DATABASE_IDLE_TIMEOUT", defaults["idle_timeout"]),
            pool_waiting=_whole(found, "DATABASE_POOL_WAITING", defaults["pool_waiting"], least=1),
            deadline=_seconds(found, "DATABASE_DEADLINE", defaults["deadline"]),
            query_deadline=_seconds(found, "DATABASE_QUERY_DEADLINE", defaults["query_deadline"]),
            pgbouncer=_switch(found, "DATABASE_PGBOUNCER"),
            replica_conninfo=connect("DATABASE_REPLICA_URL") if found.get("DATABASE_REPLICA_URL") else None,
            replica_lag=_seconds(found, "DATABASE_REPLICA_LAG", defaults["replica_lag"]),
        )
        if settings.pool_min > settings.pool_max:
            raise ConfigurationError(
                f"DATABASE_POOL_MIN ({settings.pool_min}) exceeds DATABASE_POOL_MAX ({settings.pool_max})"
            )
        return settings


def redacted(conninfo: str) -> str:
    """The connection string without its secrets, for people: `user@host:port/dbname`."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(conninfo)
    hosts = str(parts.get("host") or parts.get("hostaddr") or "local socket").split(",")
    ports = str(parts.get("port") or "5432").split(",")
    ports += ports[-1:] * (len(hosts) - len(ports))
    where = ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=False))
    return f"{parts.get('user') or '(system user)'}@{where}/{parts.get('dbname') or '(default)'}"


def sources(
    url: str | None = None, *, environ: Mapping[str, str] | None = None, dotenv: Path | None = None
) -> Mapping[str, Source]:
    """Where each setting comes from, by the names of `Settings.load`; what is not in it has its default."""
    from psycopg.conninfo import conninfo_to_dict

    given = os.environ if environ is None else environ
    texts = read_variables(environ, dotenv)
    found = {name: Source.ENVIRONMENT if name in given else Source.DOTENV for name, text in texts.items() if text}
    if url:
        found["DATABASE_URL"] = Source.ARGUMENT
    inside = conninfo_to_dict((url or texts.get("DATABASE_URL", "")).strip())
    found |= {name: Source.URL for name, part in _URL_PARTS.items() if part in inside and name not in found}
    if "PGSSLMODE" in found:
        found.setdefault("DATABASE_SSL_MODE", found["PGSSLMODE"])
    return found


def read_variables(environ: Mapping[str, str] | None = None, dotenv: Path | None = None) -> Mapping[str, str]:
    """The variables that settings come from: those of the `.env` file of the current folder, over them the environment.

    Secrets are among them.
    """
    path = dotenv or Path(".env")
    values: dict[str, str] = {}
    if path.is_file():
        from dotenv import dotenv_values

        values = {name: value for name, value in dotenv_values(path).items() if value is not None}
    return values | dict(os.environ if environ is None else environ)


def _conninfo(
    name: str,
    url: str | None = None,
    *,
    ssl_mode: str | None,
    application_name: str | None,
    found: Mapping[str, str],
) -> str:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    source = "the database URL" if url else name
    url = (url or found.get(name, "")).strip()
    if not url:
        raise ConfigurationError("DATABASE_URL is not set: give it a PostgreSQL URL or key=value connection string")
    scheme, separator, _ = url.partition("://")
    if separator and "=" not in scheme and scheme not in {"postgresql", "postgres"}:
        raise ConfigurationError(f"{source} must begin with postgresql://, not {scheme[:20]}://")
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:
        # libpq's own message quotes the string, and with it the password.
        raise ConfigurationError(f"{source} is no connection string that PostgreSQL understands") from None
    mode = ssl_mode or found.get("DATABASE_SSL_MODE") or parts.get("sslmode") or found.get("PGSSLMODE")
    if mode is None:
        mode = "prefer" if _is_near(parts) and found.get("ENV", "").lower() != "production" else "require"
    if mode not in SSL_MODES:
        raise ConfigurationError(f"DATABASE_SSL_MODE must be one of {', '.join(SSL_MODES)}")
    parts["sslmode"] = str(mode)
    application = application_name or found.get("DATABASE_APPLICATION_NAME") or parts.get("application_name")
    parts["application_name"] = str(application or "atb_db")
    if timeout := found.get("DATABASE_CONNECT_TIMEOUT"):
        parts["connect_timeout"] = _whole({"DATABASE_CONNECT_TIMEOUT": timeout}, "DATABASE_CONNECT_TIMEOUT", 5, least=1)
    # Of several hosts each has so long: a dead one must leave time for the next.
    parts.setdefault("connect_timeout", 2 if "," in str(parts.get("host") or parts.get("hostaddr")) else 5)
    if not str(parts["connect_timeout"]).isdecimal():
        raise ConfigurationError(f"{source}: connect_timeout must be a whole number of seconds")
    if not all(port.isdecimal() for port in str(parts.get("port") or "").split(",") if port):
        raise ConfigurationError(f"{source} has a port that is no whole number")
    return make_conninfo("", **parts)


def _is_near(parts: Mapping[str, object]) -> bool:
    """Whether every host is this machine or on a private network."""
    hosts = str(parts.get("host") or parts.get("hostaddr") or "").split(",")
    return all(_is_private(host.strip()) for host in hosts)


def _is_private(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        # A name without a dot resolves on this network only, as the service names of containers do.
        return "." not in host or host.lower().endswith(_PRIVATE_SUFFIXES)
    return address.is_loopback or address.is_private


def _seconds(found: Mapping[str, str], name: str, default: float) -> float:
    text = found.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ConfigurationError(f"{name} must be a number of seconds, not {text[:20]!r}")
    return value


def _switch(found: Mapping[str, str], name: str) -> bool:
    text = (found.get(name) or "0").strip().lower()
    if text not in {"0", "1", "false", "true"}:
        raise ConfigurationError(f"{name} must be 1 or 0, not {text[:20]!r}")
    return text in {"1", "true"}


def _whole(found: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = found.get(name)
    if not text:
        return default
    if not text.strip().isdecimal() or int(text) < least:
        raise ConfigurationError(f"{name} must be a whole number of at least {least}, not {text[:20]!r}")
    return int(text)
