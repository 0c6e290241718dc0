"""A password is never shown: not by settings, databases, statements or errors, whatever goes wrong."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from atb_db import AsyncDatabase, Database, Settings
from atb_db.config import sources
from atb_db.embedded import Server
from atb_db.errors import AtbDbError, ConfigurationError, Unavailable
from atb_db.repository import account

SECRET = "s3cret-p4ss"


def shown(error: BaseException) -> str:
    """All that a log would have of the error."""
    return "".join([str(error), repr(error), *traceback.format_exception(error)])


def held(error: BaseException) -> str:
    """What a tool that reports errors would have of our frames' variables."""
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(str(frame.locals) for frame in found.stack if "/atb_db/" in frame.filename)


def test_settings_and_databases_do_not_show_it() -> None:
    url = f"postgresql://bot:{SECRET}@db.example.com/books"
    settings = Settings.load(url, environ={})
    for thing in (settings, Database(settings), AsyncDatabase(settings)):
        assert SECRET not in f"{thing} {thing!r}"
    assert "bot@db.example.com:5432/books" in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://bot:{SECRET}@127.0.0.1:1/books",
        f"postgresql://bot:{SECRET}@nowhere.invalid/books",
        f"host=127.0.0.1 port=1 user=bot password={SECRET}",
        f"postgresql://bot@127.0.0.1:1/books?password={SECRET}",
    ],
)
def test_errors_of_connecting_do_not_show_it(url: str) -> None:
    with pytest.raises(Unavailable) as caught:
        Database(url).open()
    assert SECRET not in shown(caught.value)
    assert "arguments" in held(caught.value)
    assert SECRET not in held(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://bot:{SECRET}@host:not-a-port/books",
        f"postgresql://bot:{SECRET}@[::1/books",
        f"postgresql://bot:{SECRET}%zz@host/books",
        f"mysql://bot:{SECRET}@host/books",
        f"host=x password='{SECRET}",
        f"host=x passwrd={SECRET}",
        f"bot:{SECRET}@host",
        f"postgresql://bot:{SECRET}@host/books?no_such_option={SECRET}",
        f"postgresql://bot:{SECRET}@host/books?sslmode={SECRET}",
    ],
)
def test_unusable_urls_are_not_shown(url: str) -> None:
    with pytest.raises(AtbDbError) as caught:
        Database(url).open()
    assert SECRET not in shown(caught.value)
    assert SECRET not in held(caught.value)
    if isinstance(caught.value, ConfigurationError):
        assert len(str(caught.value)) < 200


def test_settings_do_not_hold_it_in_their_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that is wrong, while the URL is right."""
    url = f"postgresql://bot:{SECRET}@db.example.com/books"
    monkeypatch.setenv("DATABASE_POOL_MAX", "none")
    (tmp_path / ".env").write_text(f"DATABASE_URL={url}\n")
    monkeypatch.chdir(tmp_path)
    calls: list[Callable[[], object]] = [
        Database.from_env,
        AsyncDatabase.from_env,
        lambda: Database.from_env(url),
        lambda: AsyncDatabase.from_env(url),
        lambda: Database(url),
        lambda: AsyncDatabase(url),
        lambda: Settings.load(url),
        lambda: Settings.load(environ={"DATABASE_URL": url, "DATABASE_POOL_MAX": "none"}),
        lambda: Settings.load(environ={"DATABASE_URL": "service=none", "DATABASE_REPLICA_URL": url}),
        lambda: Settings.load(replica_url=url),
    ]
    for call in calls:
        with pytest.raises(ConfigurationError) as caught:
            call()
        assert "load" in {frame.name for frame in traceback.extract_tb(caught.value.__traceback__)}
        assert SECRET not in held(caught.value)


@pytest.mark.parametrize("fault", ["sslmode=odd", "no_such_option=1"])
def test_where_settings_come_from_holds_it_in_no_frame(fault: str) -> None:
    url = f"postgresql://bot:{SECRET}@db.example.com/books?{fault}"
    calls: tuple[Callable[[], object], ...] = (
        lambda: sources(url, environ={}),
        lambda: sources(environ={"DATABASE_URL": url}),
    )
    for call in calls:
        with pytest.raises(ConfigurationError) as caught:
            call()
        assert "sources" in {frame.name for frame in traceback.extract_tb(caught.value.__traceback__)}
        assert SECRET not in held(caught.value)


def test_a_refused_password_is_not_shown(server: Server) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE bot LOGIN PASSWORD 'another'")
        connection.execute("ALTER ROLE bot CONNECTION LIMIT 0")
    url = server.url().replace("postgres@", f"bot:{SECRET}@")
    with pytest.raises(Unavailable) as caught:
        Database(url).open()
    assert SECRET not in shown(caught.value)


def test_long_values_are_cut_in_errors(db: Database, session_id: int) -> None:
    with pytest.raises(AtbDbError) as caught:
        db.run(account.adjust_balance(session_id=session_id, delta=1, reason="x" * 1000))
    assert "x" * 100 not in shown(caught.value)


def test_an_error_survives_being_sent_to_another_process() -> None:
    error = AtbDbError("message", statement="a.b", field="c", constraint="d", sqlstate="e")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    assert (str(copy), copy.statement, copy.field, copy.constraint, copy.sqlstate) == (str(error), "a.b", "c", "d", "e")
