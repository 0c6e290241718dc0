"""What libpq makes of a connection string: its parts, what its own sources add, and where it leads."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from typing import Final

from atb_db.errors import ConfigurationError

SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""From the loosest to the strictest."""
SSL_MODE_OF_LIBPQ: Final = "prefer"

_PRIVATE_SUFFIXES: Final = (".internal", ".local", ".localhost", ".lan")
_SCHEMES: Final = frozenset({"postgresql", "postgres"})

# Taken from the service file and the environment, so that all that goes by the string sees where it leads.
_SPELLED_OUT: Final = ("host", "hostaddr", "port")
_OF_A_SERVICE: Final = (
    "user",
    "dbname",
    "options",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)

_POOLER: Final = "DATABASE_PGBOUNCER=1 if a PgBouncer in transaction mode is between"
_NOTHING: Final = "nothing"
_FOREIGN: Final[Mapping[str, str]] = {
    "pgbouncer": _POOLER,
    "statement_cache_size": _POOLER,
    "prepared_statement_cache_size": _POOLER,
    "prepared_statements": _POOLER,
    "preparethreshold": _POOLER,
    "prepare_threshold": _POOLER,
    "default_query_exec_mode": _POOLER,
    "schema": "nothing: the tables are in the schema public",
    "currentschema": "nothing: the tables are in the schema public",
    "search_path": "nothing: the tables are in the schema public",
    "connection_limit": "DATABASE_POOL_MAX={}",
    "pool_size": "DATABASE_POOL_MAX={}",
    "max_pool_size": "DATABASE_POOL_MAX={}",
    "pool_max_conns": "DATABASE_POOL_MAX={}",
    "min_pool_size": "DATABASE_POOL_MIN={}",
    "pool_min_conns": "DATABASE_POOL_MIN={}",
    "max_overflow": "DATABASE_POOL_MAX, which is all there may be",
    "pool_timeout": "DATABASE_POOL_TIMEOUT={}",
    "pool_pre_ping": _NOTHING,
    "pool_recycle": _NOTHING,
    "socket_timeout": "DATABASE_QUERY_DEADLINE={}",
    "sockettimeout": "DATABASE_QUERY_DEADLINE={}",
    "command_timeout": "DATABASE_QUERY_DEADLINE={}",
    "logintimeout": "connect_timeout={}",
    "connecttimeout": "connect_timeout={}",
    "timeout": "connect_timeout={}",
    "statement_timeout": "DATABASE_STATEMENT_TIMEOUT, in seconds",
    "lock_timeout": "DATABASE_LOCK_TIMEOUT, in seconds",
    "idle_in_transaction_session_timeout": "DATABASE_IDLE_TIMEOUT, in seconds",
    "timezone": "nothing: times are in UTC",
    "sslaccept": "sslmode=verify-full, or sslmode=require without a check of the certificate",
    "ssl": "sslmode=require or sslmode=verify-full",
    "ssl_mode": "sslmode={}",
    "tls": "sslmode=require or sslmode=verify-full",
    "sslidentity": "sslcert and sslkey",
    "ssl_ca": "sslrootcert={}",
    "sslca": "sslrootcert={}",
    "applicationname": "application_name={}",
    "uselibpqcompat": _NOTHING,
    "supa": _NOTHING,
    "workaround": _NOTHING,
    "charset": _NOTHING,
    "encoding": _NOTHING,
    "serverversion": _NOTHING,
    "async_fallback": _NOTHING,
}
"""Parameters of other drivers, in lower case, and what stands for each of them here."""
_SHOWN: Final = re.compile(r"[\w.-]{1,20}")
_KEY: Final = re.compile(r"(?:^|\s)(\w+)\s*=\s*([\w.-]*)")


def parsed(text: str, source: str) -> dict[str, str]:
    """The parts of a URL or of key=value pairs, by libpq's keywords.

    Raises:
        ConfigurationError: libpq does not understand it, or would take pieces of a password for a host; the message
            names `source` and what to write instead, and shows nothing of the text but parameters' names.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    scheme, separator, rest = text.partition("://")
    is_url = bool(separator) and "=" not in scheme
    if is_url and scheme not in _SCHEMES:
        raise ConfigurationError(f"{source} must begin with postgresql://, not {scheme[:20]}://")
    if is_url:
        _refuse_unescaped(rest, source)
    try:
        parts = {keyword: str(value) for keyword, value in conninfo_to_dict(text).items() if value is not None}
    except ProgrammingError:
        # libpq's own message quotes the string with the password.
        raise ConfigurationError(_not_understood(rest if is_url else text, source, is_url=is_url)) from None
    for host in (*parts.get("host", "").split(","), *parts.get("hostaddr", "").split(",")):
        if not host.startswith(("/", "@")) and ("@" in host or "/" in host):
            raise ConfigurationError(
                f"{source} has an @ or / in a host's name: in a password, write @ as %40, / as %2F"
            )
    if not all(port.isdecimal() for port in parts.get("port", "").split(",") if port):
        raise ConfigurationError(f"{source} has a port that is not a whole number")
    return parts


def in_force(parts: Mapping[str, str], source: str) -> Mapping[str, str]:
    """All that libpq would connect with: the parts, over a service file's, PG… variables and its own defaults.

    It is libpq that says so, and connects to nothing.

    Raises:
        ConfigurationError: the service file or the service in it is not there, or is not well-formed.
    """
    from psycopg.conninfo import make_conninfo
    from psycopg.pq import PGconn

    # libpq reads its sources, finds that this cannot be, and gives up; a password keeps it from the password file.
    refused = make_conninfo("", **{**parts, "password": "none", "target_session_attrs": "none"})
    probe = PGconn.connect_start(refused.encode())
    try:
        found = {one.keyword.decode(): one.val.decode(errors="replace") for one in probe.info if one.val}
        if "sslmode" not in found and (reason := probe.error_message.decode(errors="replace").strip()):
            raise ConfigurationError(f"{source}: {reason.splitlines()[0]}")
    finally:
        probe.finish()
    return found


def spelled_out(parts: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """The parts, with where libpq would connect to by a service or PGHOST written out."""
    keywords = (*_SPELLED_OUT, *_OF_A_SERVICE) if _by_service(parts, found) else _SPELLED_OUT
    return {**{keyword: found[keyword] for keyword in keywords if keyword in found and _adds(keyword, found)}, **parts}


def _by_service(parts: Mapping[str, str], found: Mapping[str, str]) -> bool:
    # libpq before 18 does not say so itself.
    return bool(parts.get("service") or found.get("service") or os.environ.get("PGSERVICE"))


def _adds(keyword: str, found: Mapping[str, str]) -> bool:
    return keyword != "port" or found["port"] != "5432"


def is_near(parts: Mapping[str, str]) -> bool:
    """Whether every host is this machine or on a private network, by its name and by its address."""
    named = [one.strip() for keyword in ("host", "hostaddr") for one in parts.get(keyword, "").split(",")]
    return all(map(_is_private, named))


def redacted(conninfo: str) -> str:
    """The connection string without its secrets, for people: `user@host:port/dbname`."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(conninfo)
    hosts = str(parts.get("host") or parts.get("hostaddr") or "local socket").split(",")
    ports = str(parts.get("port") or "5432").split(",")
    ports += ports[-1:] * (len(hosts) - len(ports))
    where = ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=False))
    return f"{parts.get('user') or '(system user)'}@{where}/{parts.get('dbname') or '(default)'}"


def _is_private(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        # A name without a dot resolves on this network only, as the service names of containers do.
        return "." not in host or host.lower().endswith(_PRIVATE_SUFFIXES)
    return address.is_loopback or address.is_private


def _refuse_unescaped(rest: str, source: str) -> None:
    """Refuse a URL in which libpq would end the password too early; `rest` is what follows the scheme."""
    if "@" in _divided(rest)[1]:
        raise ConfigurationError(f"{source} has an @ or / in its password: write @ as %40, / as %2F")


def _divided(rest: str) -> tuple[str, str, str]:
    """User and password, host to database, and the parameters, as libpq divides what follows the scheme."""
    before, at, after = rest.partition("@")
    if not at or "/" in before:
        before, after = "", rest
    location, _, query = after.partition("?")
    return before, location, query


def _not_understood(text: str, source: str, *, is_url: bool) -> str:
    if is_url:
        before, _, query = _divided(text)
        # Behind a / in a password there are no parameters but pieces of it.
        pairs = [] if "@" in query and not before else [pair.partition("=")[::2] for pair in query.split("&")]
    else:
        pairs = _KEY.findall(text)
    named = [_instead(key, value) for key, value in pairs if key.lower() in _FOREIGN]
    if named:
        return f"{source}: {'; '.join(named)}"
    hint = ": in a password, write % as %25, / as %2F, @ as %40" if is_url else ""
    return f"{source} is not a connection string that PostgreSQL understands{hint}"


def _instead(key: str, value: str) -> str:
    hint = _FOREIGN[key.lower()]
    return f"instead of {key}, write {hint.format(value if _SHOWN.fullmatch(value) else '…')}"
