"""Connection strings: libpq's own sources, pieces of passwords that would be hosts, and other drivers' parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from atb_db.config import Settings, Source, sources
from atb_db.errors import ConfigurationError

SERVICE = """\
[prod]
host=db.example.com
port=6543
dbname=books
user=bot
password=s3cret
sslmode=verify-full
application_name=desk
connect_timeout=7
options=-c geqo=off

[plain]
host=db.example.com
sslmode=disable

[here]
host=127.0.0.1

[cluster]
host=a.internal,b.internal
"""


@pytest.fixture
def service_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "services.conf"
    path.write_text(SERVICE)
    monkeypatch.setenv("PGSERVICEFILE", str(path))
    return path


def parts(url: str, **environ: str) -> dict[str, str]:
    settings = Settings.load(url, environ=environ, dotenv=Path("no such file"))
    return {keyword: str(value) for keyword, value in conninfo_to_dict(settings.conninfo).items()}


@pytest.mark.usefixtures("service_file")
@pytest.mark.parametrize("form", ["service=prod", "postgresql:///?service=prod"])
def test_a_service_file_is_honoured(form: str) -> None:
    found = parts(form)
    expected = {"host": "db.example.com", "port": "6543", "dbname": "books", "user": "bot", "sslmode": "verify-full"}
    assert expected.items() <= found.items()
    assert (found["application_name"], found["connect_timeout"], found["options"]) == ("desk", "7", "-c geqo=off")
    assert "password" not in found


@pytest.mark.usefixtures("service_file")
@pytest.mark.parametrize(
    ("url", "ours", "mode"),
    [
        ("service=prod", "prefer", "verify-full"),
        ("service=prod", "verify-ca", "verify-full"),
        ("service=prod sslmode=require", "", "require"),  # libpq prefers the string to the file
        ("service=plain", "", "require"),
        ("service=plain", "disable", "disable"),
        ("service=here", "", "prefer"),
        ("service=here", "verify-full", "verify-full"),
    ],
)
def test_the_stricter_of_the_service_file_and_ours(url: str, ours: str, mode: str) -> None:
    assert parts(url, DATABASE_SSL_MODE=ours)["sslmode"] == mode


@pytest.mark.usefixtures("service_file")
def test_a_service_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICE", "prod")
    assert (parts("dbname=x")["sslmode"], parts("dbname=x")["host"]) == ("verify-full", "db.example.com")
    assert sources("dbname=x", environ={})["DATABASE_SSL_MODE"] is Source.SERVICE


@pytest.mark.usefixtures("service_file")
def test_hosts_of_a_service_share_the_time() -> None:
    assert (parts("service=cluster")["host"], parts("service=cluster")["connect_timeout"]) == (
        "a.internal,b.internal",
        "2",
    )


@pytest.mark.usefixtures("service_file")
def test_a_service_that_is_not_there() -> None:
    with pytest.raises(ConfigurationError, match='definition of service "absent" not found'):
        parts("service=absent")


def test_the_host_of_the_environment_is_not_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example.com")
    assert (parts("dbname=x")["sslmode"], parts("dbname=x")["host"]) == ("require", "db.example.com")
    assert parts("postgresql:///x?host=127.0.0.1")["sslmode"] == "prefer"
    monkeypatch.setenv("PGHOSTADDR", "8.8.8.8")
    assert parts("postgresql:///x?host=localhost")["sslmode"] == "require"


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("host=localhost hostaddr=8.8.8.8", "require"),
        ("host=a,b hostaddr=10.0.0.1,8.8.8.8", "require"),
        ("host=a,db.example.com hostaddr=10.0.0.1,", "require"),
        ("host=db.example.com hostaddr=127.0.0.1", "require"),  # the other end of a tunnel
        ("host=db hostaddr=127.0.0.1", "prefer"),
    ],
)
def test_a_name_and_its_address_are_both_to_be_near(url: str, mode: str) -> None:
    assert parts(url)["sslmode"] == mode


def test_the_mode_of_the_process_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-ca")
    assert parts("dbname=x", DATABASE_SSL_MODE="require")["sslmode"] == "verify-ca"
    assert parts("dbname=x sslmode=disable")["sslmode"] == "disable"  # as libpq, which takes the string's
    monkeypatch.setenv("PGSSLMODE", "s3cret")
    with pytest.raises(ConfigurationError, match="sslmode must be one of"):
        parts("dbname=x")


def test_authorities_of_the_system_mean_verify_full() -> None:
    assert parts("host=127.0.0.1 sslrootcert=system")["sslmode"] == "verify-full"
    assert parts("host=127.0.0.1 sslrootcert=system", DATABASE_SSL_MODE="require")["sslmode"] == "verify-full"
    with pytest.raises(ConfigurationError, match="sslrootcert=system needs sslmode=verify-full, not require"):
        parts("host=127.0.0.1 sslrootcert=system sslmode=require")


PIECES = "deB0t!Secret"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://bot@{PIECES}@127.0.0.1",
        f"postgresql://bot:p@{PIECES}@127.0.0.1/books",
        f"postgresql://bot:p@{PIECES}@127.0.0.1:5432/books?sslmode=require",
        f"postgres://bot:{PIECES}/p@127.0.0.1/books",
        f"postgresql://bot:12/{PIECES}@127.0.0.1/books",
        f"postgresql://bot:12/{PIECES}@127.0.0.1/books?sslmode=require",
        f"postgresql://bot:{PIECES}/p?q=r@127.0.0.1/books",
        f"postgresql://bot:12/p?pgbouncer={PIECES}@127.0.0.1/books",
        f"postgresql://bot:{PIECES}%zz@127.0.0.1/books",
        f"host=bot@{PIECES} dbname=books",
        f"host=10.0.0.1,p/{PIECES} dbname=books",
        f"hostaddr={PIECES}@127.0.0.1",
        f"postgresql:///books?host=p%40{PIECES}",
    ],
)
def test_pieces_of_a_password_are_no_host(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"@ as %40|% as %25") as caught:
        parts(url)
    for piece in (PIECES, "deB0t", "bot"):
        assert piece not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bot:p%40s%2Fs@127.0.0.1/books",
        "postgresql://bot:p?s#s@127.0.0.1/books?sslmode=prefer",
        "postgresql://127.0.0.1/books?user=a@b&password=p@s",
        "host=@abstract user=a@b password=p@s/s",
        "postgresql://bot@%2Fvar%2Frun%2Fa@b/books".replace("a@b", "a%40b"),
    ],
)
def test_what_libpq_takes_is_taken(url: str) -> None:
    assert conninfo_to_dict(url).items() <= parts(url).items()


@pytest.mark.parametrize(
    ("url", "instead"),
    [
        ("postgresql://u@h/d?pgbouncer=true", "instead of pgbouncer, write DATABASE_PGBOUNCER=1"),
        ("postgresql://u@h/d?schema=public", "instead of schema, write nothing"),
        ("postgresql://u@h/d?connection_limit=1", "instead of connection_limit, write DATABASE_POOL_MAX=1"),
        ("postgresql://u@h/d?sslmode=require&pool_timeout=0", "instead of pool_timeout, write DATABASE_POOL_TIMEOUT=0"),
        ("postgresql://u@h/d?sslaccept=strict", "instead of sslaccept, write sslmode=verify-full"),
        ("postgresql://u@h/d?currentSchema=x&ApplicationName=desk", "ApplicationName, write application_name=desk"),
        ("postgresql://u@h/d?connection_limit=%20s3cret", "DATABASE_POOL_MAX=…"),
        ("host=h dbname=d pgbouncer=true", "instead of pgbouncer, write DATABASE_PGBOUNCER=1"),
    ],
)
def test_parameters_of_other_drivers_are_named(url: str, instead: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parts(url)
    assert instead in str(caught.value)
    assert "s3cret" not in str(caught.value)
