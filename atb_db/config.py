"""Settings: from arguments, else the environment, else a `.env` file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypedDict, Unpack

from atb_db.conninfo import SSL_MODES, in_force, parsed, redacted, spelled_out
from atb_db.errors import ConfigurationError
from atb_db.sslmode import modes, strictest
from atb_db.variables import Secret, Source, Variables, hidden, read_variables

__all__ = ["DEFAULTS", "URL_SETTINGS", "Settings", "Source", "read_variables", "redacted", "sources", "variable"]


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
    metrics: bool | None


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
        "`require` if ENV=production or a host is neither local nor private, else `prefer`",
        f"How connections are encrypted: {', '.join(f'`{mode}`' for mode in SSL_MODES)}; the strictest of "
        "all that ask for one counts (below).",
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
    metrics: bool = False
    """1 to count statements, their times, errors and retries for `Database.metrics`."""

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
        # What reports errors with the variables of a frame must not get at the password by any of this one's.
        url, replica_url = hidden(url), None if replica_url is None else Secret(replica_url)
        environ = Variables(os.environ if environ is None else environ)
        try:
            found = Variables(read_variables(environ, dotenv, url_is_given=url is not None))
            found.update(_texts(given))
            if replica_url is not None:
                found["DATABASE_REPLICA_URL"] = replica_url
            return cls._of(found, url, ssl_mode=ssl_mode, application_name=application_name)
        except ConfigurationError as error:
            raise error.with_traceback(None) from None

    @classmethod
    def _of(
        cls, found: Mapping[str, str], url: str | None, *, ssl_mode: str | None, application_name: str | None
    ) -> Settings:
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


def sources(
    url: str | None = None, *, environ: Mapping[str, str] | None = None, dotenv: Path | None = None
) -> Mapping[str, Source]:
    """Where each setting comes from, by the names of `Settings.load`; those that are missing have their defaults.

    Raises:
        ConfigurationError: as `Settings.load`.
    """
    url, environ = hidden(url), Variables(os.environ if environ is None else environ)
    try:
        return _sources(url, environ, read_variables(environ, dotenv, url_is_given=url is not None))
    except ConfigurationError as error:
        raise error.with_traceback(None) from None


def _sources(url: str | None, given: Mapping[str, str], texts: Mapping[str, str]) -> Mapping[str, Source]:
    found = {
        name: Source.ENVIRONMENT if given.get(name) == text else Source.DOTENV for name, text in texts.items() if text
    }
    if url:
        found["DATABASE_URL"] = Source.ARGUMENT
    source = "the database URL"
    inside = parsed((url or texts.get("DATABASE_URL", "")).strip(), source)
    libpq = in_force(inside, source)
    found |= {one.variable: Source.URL for one in URL_SETTINGS if one.part in inside and one.variable not in found}
    _, found["DATABASE_SSL_MODE"] = strictest(modes(inside, libpq, texts, None, known=found))
    if found["DATABASE_SSL_MODE"] is Source.DEFAULT:
        del found["DATABASE_SSL_MODE"]
    return found


def _texts(given: Mapping[str, object]) -> dict[str, str]:
    """The arguments as if they were variables, so that they are checked in the same way."""
    return {
        variable(field): str(int(value) if value is True or value is False else value)
        for field, value in given.items()
        if value is not None
    }


def _conninfo(
    name: str,
    url: str | None = None,
    *,
    ssl_mode: str | None,
    application_name: str | None,
    found: Mapping[str, str],
) -> str:
    from psycopg.conninfo import make_conninfo

    source = "the database URL" if url else name
    url = (url or found.get(name, "")).strip()
    if not url:
        raise ConfigurationError("DATABASE_URL is not set: set it to a PostgreSQL URL or key=value connection string")
    given = parsed(url, source)
    libpq = in_force(given, source)
    mode = strictest(modes(given, libpq, found, ssl_mode, known={})).mode
    if libpq.get("sslrootcert") == "system" and mode != SSL_MODES[-1]:
        raise ConfigurationError(f"{source}: sslrootcert=system needs sslmode=verify-full, not {mode}")
    parts = spelled_out(given, libpq) | {"sslmode": mode}
    application = application_name or found.get("DATABASE_APPLICATION_NAME") or libpq.get("application_name")
    parts["application_name"] = application or "atb_db"
    # Each of several hosts has this long: a dead one must leave time for the next.
    timeout = libpq.get("connect_timeout") or ("2" if "," in (parts.get("host") or parts.get("hostaddr", "")) else "5")
    if given_timeout := found.get("DATABASE_CONNECT_TIMEOUT"):
        name = "DATABASE_CONNECT_TIMEOUT"
        timeout = str(_whole({name: given_timeout}, name, 5, least=1))
    if not timeout.isdecimal():
        raise ConfigurationError(f"{source}: connect_timeout must be a whole number of seconds")
    parts["connect_timeout"] = timeout
    return make_conninfo("", **parts)


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
