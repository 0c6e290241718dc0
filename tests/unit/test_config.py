"""Settings: argument before environment before `.env`; what cannot be used is refused without showing a password."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from atb_db.config import Settings, Source, redacted, sources
from atb_db.errors import ConfigurationError

URL = "postgresql://bot:s3cret@db.example.com:6543/books"


def load(
    url: str | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    ssl_mode: str | None = None,
    dotenv: Path | None = None,
) -> Settings:
    return Settings.load(url, ssl_mode=ssl_mode, environ=environ or {}, dotenv=dotenv or Path("no such file"))


def parts(settings: Settings) -> dict[str, object]:
    return dict(conninfo_to_dict(settings.conninfo))


def test_argument_before_environment_before_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("DATABASE_URL=postgresql://file/f\nDATABASE_POOL_MAX=3\nDATABASE_POOL_TIMEOUT=2.5\n")
    assert parts(load(dotenv=dotenv))["dbname"] == "f"
    found = load(environ={"DATABASE_URL": "postgresql://environment/e", "DATABASE_POOL_MAX": "7"}, dotenv=dotenv)
    assert (parts(found)["dbname"], found.pool_max, found.pool_timeout) == ("e", 7, 2.5)
    argument = load("postgresql://argument/a", {"DATABASE_URL": "postgresql://environment/e"}, dotenv=dotenv)
    assert parts(argument)["dbname"] == "a"


def test_arguments_are_checked_as_the_environment_is() -> None:
    found = Settings.load(URL, pool_max=3, lock_timeout=0.5, environ={"DATABASE_POOL_MAX": "7"})
    assert (found.pool_max, found.lock_timeout) == (3, 0.5)
    with pytest.raises(ConfigurationError, match="DATABASE_POOL_MAX must be a whole number of at least 1"):
        Settings.load(URL, pool_max=0, environ={})
    with pytest.raises(ConfigurationError, match="DATABASE_PGBOUNCER must be 1 or 0"):
        Settings.load(URL, pgbouncer=2, environ={})  # type: ignore[arg-type]
    assert Settings.load(URL, pgbouncer=True, environ={}).pgbouncer
    with pytest.raises(TypeError, match="there is no setting 'pool_maximum'"):
        Settings.load(URL, pool_maximum=3, environ={})  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgresql://u@h:1/d", "h", "1"),
        ("postgres://u@h:1/d", "h", "1"),
        ("host=h port=1 dbname=d user=u", "h", "1"),
        ("postgresql://u@/d?host=/var/run/postgresql&port=1", "/var/run/postgresql", "1"),
        ("postgresql://u@%2Fvar%2Frun/d", "/var/run", None),
        ("postgresql://u@a:1,b:2/d?target_session_attrs=read-write", "a,b", "1,2"),
        ("host=h port=1 dbname=d password='p w://x'", "h", "1"),
    ],
)
def test_every_form_that_libpq_knows(url: str, host: str, port: str | None) -> None:
    found = parts(load(url))
    assert (found["host"], found.get("port")) == (host, port)


@pytest.mark.parametrize(
    ("url", "environ", "mode"),
    [
        ("postgresql://localhost/d", {}, "prefer"),
        ("postgresql:///d", {}, "prefer"),
        ("postgresql:///d?host=/tmp", {}, "prefer"),
        ("postgresql://127.0.0.1/d", {}, "prefer"),
        ("postgresql://[::1]/d", {}, "prefer"),
        ("postgresql://10.1.2.3/d", {}, "prefer"),
        ("postgresql://192.168.0.9/d", {}, "prefer"),
        ("postgresql://postgres/d", {}, "prefer"),
        ("postgresql://postgres.railway.internal/d", {}, "prefer"),
        ("postgresql://db.example.com/d", {}, "require"),
        ("postgresql://8.8.8.8/d", {}, "require"),
        ("postgresql://localhost,db.example.com/d", {}, "require"),
        ("postgresql://localhost/d", {"ENV": "production"}, "require"),
        ("postgresql://localhost/d", {"ENV": "Production"}, "require"),
        ("postgresql://localhost/d", {"ENV": "staging"}, "prefer"),
        ("postgresql://db.example.com/d?sslmode=verify-full", {}, "verify-full"),
        # Ours stands in for the default, and weakens nothing that libpq would do by itself.
        ("postgresql://db.example.com/d", {"DATABASE_SSL_MODE": "disable"}, "prefer"),
        ("postgresql://db.example.com/d?sslmode=disable", {"DATABASE_SSL_MODE": "disable"}, "disable"),
        ("postgresql://db.example.com/d?sslmode=disable", {}, "require"),
        ("postgresql://localhost/d?sslmode=disable", {}, "disable"),
        ("postgresql://localhost/d?sslmode=disable", {"ENV": "production"}, "require"),
        ("postgresql://db.example.com/d?sslmode=verify-full", {"DATABASE_SSL_MODE": "require"}, "verify-full"),
        ("postgresql://db.example.com/d?sslmode=require", {"DATABASE_SSL_MODE": "verify-full"}, "verify-full"),
        ("postgresql://db.example.com/d", {"DATABASE_SSL_MODE": "require", "PGSSLMODE": "verify-ca"}, "verify-ca"),
        ("postgresql://db.example.com/d", {"PGSSLMODE": "verify-ca"}, "verify-ca"),
    ],
)
def test_ssl_mode(url: str, environ: dict[str, str], mode: str) -> None:
    assert parts(load(url, environ))["sslmode"] == mode


def test_the_stricter_of_an_argument_and_the_environment() -> None:
    assert parts(load(URL, {"DATABASE_SSL_MODE": "disable"}, ssl_mode="verify-full"))["sslmode"] == "verify-full"
    assert parts(load(URL, {"DATABASE_SSL_MODE": "verify-full"}, ssl_mode="require"))["sslmode"] == "verify-full"


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_url_does_not_hide_the_file(tmp_path: Path, empty: str) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("DATABASE_URL=postgresql://file/f\n")
    assert parts(load(environ={"DATABASE_URL": empty}, dotenv=dotenv))["dbname"] == "f"
    assert sources(environ={"DATABASE_URL": empty}, dotenv=dotenv)["DATABASE_URL"] is Source.DOTENV


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_in_utf_8_with_a_mark_or_without(tmp_path: Path, encoding: str) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("DATABASE_URL=postgresql://file/f\nNAME=ünïcode\n", encoding=encoding)
    assert parts(load(dotenv=dotenv))["dbname"] == "f"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_a_file_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("DATABASE_URL=postgresql://bot:s3cret@file/f\n# Zürich\n", encoding=encoding)
    with pytest.raises(ConfigurationError, match=r"is not encoded in UTF-8: save it in UTF-8$") as caught:
        load(dotenv=dotenv)
    assert "s3cret" not in str(caught.value)
    assert parts(load(URL, dotenv=dotenv))["dbname"] == "books"
    assert parts(load(environ={"DATABASE_URL": URL}, dotenv=dotenv))["dbname"] == "books"
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load(environ={"DATABASE_URL": ""}, dotenv=dotenv)


def test_names_and_times() -> None:
    found = load(
        URL,
        {
            "DATABASE_APPLICATION_NAME": "engine",
            "DATABASE_CONNECT_TIMEOUT": "3",
            "DATABASE_STATEMENT_TIMEOUT": "1.5",
            "DATABASE_LOCK_TIMEOUT": "0",
        },
    )
    assert (found.statement_timeout, found.lock_timeout) == (1.5, 0)
    assert parts(found)["application_name"] == "engine"
    assert parts(found)["connect_timeout"] == "3"
    assert parts(load(URL))["application_name"] == "atb_db"


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "  "}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "mysql://bot:s3cret@h/d"}, "must begin with postgresql://, not mysql://"),
        ({"DATABASE_URL": "sqlite:///:memory:"}, "must begin with postgresql://, not sqlite://"),
        ({"DATABASE_URL": "postgresql+psycopg2://bot:s3cret@h/d"}, "must begin with postgresql://"),
        ({"DATABASE_URL": "s3cret"}, "not a connection string that PostgreSQL understands"),
        ({"DATABASE_URL": "postgresql://bot:s3cret@h:port:x/d?nonsense=s3cret"}, "not a connection string"),
        ({"DATABASE_URL": URL, "DATABASE_SSL_MODE": "on"}, "DATABASE_SSL_MODE must be one of"),
        ({"DATABASE_URL": URL, "DATABASE_POOL_MAX": "0"}, "DATABASE_POOL_MAX must be a whole number of at least 1"),
        ({"DATABASE_URL": URL, "DATABASE_POOL_MAX": "many"}, "DATABASE_POOL_MAX must be a whole number"),
        (
            {"DATABASE_URL": URL, "DATABASE_POOL_MIN": "11"},
            r"DATABASE_POOL_MIN \(11\) exceeds DATABASE_POOL_MAX \(10\)",
        ),
        ({"DATABASE_URL": URL, "DATABASE_POOL_TIMEOUT": "-1"}, "DATABASE_POOL_TIMEOUT must be a number of seconds"),
        ({"DATABASE_URL": URL, "DATABASE_LOCK_TIMEOUT": "nan"}, "DATABASE_LOCK_TIMEOUT must be a number of seconds"),
    ],
    ids=repr,
)
def test_refusals_name_the_setting_and_no_secret(environ: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as refusal:
        load(environ=environ)
    assert "s3cret" not in str(refusal.value)


def test_passwords_are_not_shown() -> None:
    assert redacted(URL) == "bot@db.example.com:6543/books"
    assert redacted("host=a,b port=1 user=u password=s3cret dbname=d") == "u@a:1,b:1/d"
    assert "s3cret" not in repr(load(URL))
