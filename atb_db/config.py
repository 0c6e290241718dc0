"""Settings: from arguments, else the environment, else a `.env` file."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypedDict, Unpack

from atb_db.errors import ConfigurationError

SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_PRIVATE_SUFFIXES: Final = (".internal", ".local", ".localhost", ".lan")


class Source(StrEnum):
    """Where a setting comes from."""

    ARGUMENT = "argument"
    ENVIRONMENT = "environment"
    DOTENV = ".env"
    URL = "in the URL"
    DEFAULT = "default"


class Given(TypedDict, total=False):
    """The arguments of `Settings.load` that are fields of `Settings`; None is as if it were not given."""

    pool_min: int | None
    pool_max: int | None
    pool_timeout: float | None
    pool_waiting: int | None
    deadline: float | None
    query_deadline: float | None
    statement_timeout: float | None
    lock_timeout: float | None
    idle_timeout: float | None
    pgbouncer: bool | None
    replica_lag: float | None


class UrlSetting(NamedTuple):
    """A setting that becomes part of a connection string."""

    variable: str
    part: str | None
    """The keyword of libpq that it sets; None for the connection string itself."""
    default: str
    meaning: str


URL_SETTINGS: Final = (
    UrlSetting(
        "DATABASE_URL", None, "required", "The database: URL, key=value, socket or several hosts, as libpq takes."
    ),
    UrlSetting(
        "DATABASE_SSL_MODE",
        "sslmode",
        "the URL's; else `require` if ENV=production or a host is neither local nor private, else `prefer`",
        f"How connections are encrypted: {', '.join(f'`{mode}`' for mode in SSL_MODES)}.",
    ),
    UrlSetting("DATABASE_APPLICATION_NAME", "application_name", "`atb_db`", "Name in pg_stat_activity."),
    UrlSetting(
        "DATABASE_CONNECT_TIMEOUT",
        "connect_timeout",
        "5; 2 with several hosts",
        "Seconds to wait for a server to connect.",
    ),
    UrlSetting(
        "DATABASE_REPLICA_URL",
        None,
        "none",
        "A replica for `run(query, stale_ok=True)`: any form that DATABASE_URL takes.",
    ),
)


class Settings(NamedTuple):
    """How to reach the database and how long to wait for it; times are in seconds.

    All but the connection strings are also variables, `DATABASE_POOL_MAX` for pool_max, and arguments of `load`.
    """

    conninfo: str
    """A libpq connection string, the password included; it is left out of `repr`."""
    pool_min: int = 1
    """Connections that are kept open."""
    pool_max: int = 10
    """Most connections at a time."""
    pool_timeout: float = 5.0
    """Seconds to wait for a free connection."""
    pool_waiting: int = 1000
    """Callers that may wait for a free connection; one more is refused at once."""
    deadline: float = 5.0
    """Seconds for a command with everything around it: pool, connecting, retries, commit; 0 = no limit."""
    query_deadline: float = 30.0
    """The same for a query or a batch; for a stream or a bulk load, the longest time without progress."""
    statement_timeout: float = 30.0
    """Seconds that one statement may run on the server; 0 = no limit."""
    lock_timeout: float = 5.0
    """Seconds to wait for a lock inside a statement; 0 = no limit."""
    idle_timeout: float = 60.0
    """Seconds a transaction may be idle before the server ends it; 0 = no limit."""
    pgbouncer: bool = False
    """1 if a PgBouncer in transaction mode is between: nothing is prepared, no settings go with the connection."""
    replica_conninfo: str | None = None
    """Connection string of a replica for queries that may be stale; it is left out of `repr`."""
    replica_lag: float = 5.0
    """Seconds that the replica may be behind; beyond that the primary is asked."""

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
        replica_url: str | None = None,
        environ: Mapping[str, str] | None = None,
        dotenv: Path | None = None,
        **given: Unpack[Given],
    ) -> Settings:
        """The settings from the arguments, else the environment, else the `.env` file of the current folder.

        Each is checked in the same way wherever it comes from; an argument that is None is not given. docs/settings.md
        lists the variables.

        Raises:
            ConfigurationError: a setting is missing or unusable; the message names it and never shows a password.
        """
        if unknown := given.keys() - DEFAULTS.keys():
            raise TypeError(f"there is no setting {min(unknown)!r}")
        overrides = {
            variable(field): str(int(value) if value is True or value is False else value)
            for field, value in given.items()
            if value is not None
        }
        found = {**read_variables(environ, dotenv), **overrides}
        if replica_url is not None:
            found["DATABASE_REPLICA_URL"] = replica_url
        connect = partial(_conninfo, ssl_mode=ssl_mode, application_name=application_name, found=found)
        values: dict[str, object] = {field: _read(found, field, default) for field, default in DEFAULTS.items()}
        values["conninfo"] = connect("DATABASE_URL", url)
        values["replica_conninfo"] = connect("DATABASE_REPLICA_URL") if found.get("DATABASE_REPLICA_URL") else None
        settings = cls._make(values[field] for field in cls._fields)
        if settings.pool_min > settings.pool_max:
            raise ConfigurationError(
                f"DATABASE_POOL_MIN ({settings.pool_min}) exceeds DATABASE_POOL_MAX ({settings.pool_max})"
            )
        return settings


DEFAULTS: Final[Mapping[str, float]] = {
    field: default for field, default in Settings._field_defaults.items() if not field.endswith("conninfo")
}
"""The settings that are fields and arguments of their own, with their defaults; the type of one is how it is read."""


def variable(field: str) -> str:
    """The environment variable of a field: `DATABASE_POOL_MAX` of pool_max."""
    return f"DATABASE_{field.upper()}"


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
    """Where each setting comes from, by the names of `Settings.load`; those that are missing have their defaults."""
    from psycopg.conninfo import conninfo_to_dict

    given = os.environ if environ is None else environ
    texts = read_variables(environ, dotenv)
    found = {name: Source.ENVIRONMENT if name in given else Source.DOTENV for name, text in texts.items() if text}
    if url:
        found["DATABASE_URL"] = Source.ARGUMENT
    inside = conninfo_to_dict((url or texts.get("DATABASE_URL", "")).strip())
    found |= {one.variable: Source.URL for one in URL_SETTINGS if one.part in inside and one.variable not in found}
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
        raise ConfigurationError("DATABASE_URL is not set: set it to a PostgreSQL URL or key=value connection string")
    scheme, separator, _ = url.partition("://")
    if separator and "=" not in scheme and scheme not in {"postgresql", "postgres"}:
        raise ConfigurationError(f"{source} must begin with postgresql://, not {scheme[:20]}://")
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:
        # libpq's own message quotes the string with the password.
        raise ConfigurationError(f"{source} is not a connection string that PostgreSQL understands") from None
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
    # Each of several hosts has this long: a dead one must leave time for the next.
    parts.setdefault("connect_timeout", 2 if "," in str(parts.get("host") or parts.get("hostaddr")) else 5)
    if not str(parts["connect_timeout"]).isdecimal():
        raise ConfigurationError(f"{source}: connect_timeout must be a whole number of seconds")
    if not all(port.isdecimal() for port in str(parts.get("port") or "").split(",") if port):
        raise ConfigurationError(f"{source} has a port that is not a whole number")
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


def _read(found: Mapping[str, str], field: str, default: float) -> float:
    name = variable(field)
    if isinstance(default, bool):
        return _switch(found, name)
    if isinstance(default, int):
        return _whole(found, name, default, least=0 if field == "pool_min" else 1)
    return _seconds(found, name, default)


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
