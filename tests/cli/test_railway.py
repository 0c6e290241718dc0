from __future__ import annotations

import json
import subprocess
from itertools import count as count_up

import psycopg
import pytest

from atb_db.admin.destroy.deployment import mark_environment
from atb_db.admin.railway import Outcome, Topic, find_template, judge_encryption, judge_environment, judge_hosts
from atb_db.cli.exits import ExitCode
from atb_db.config import Settings
from atb_db.database import ServerInfo
from atb_db.embedded import Server
from atb_db.types import Environment
from tests.cli.conftest import COMMAND, PASSWORD, Ended, Run, environment
from tests.tcp import over_tcp

PRIVATE = "db.railway.internal"
PUBLIC = "db.proxy.rlwy.net"
_numbers = count_up(1)


@pytest.fixture
def ready_url(server: Server, migrated: str) -> str:
    return server.create_database(f"ready_{next(_numbers)}", template=migrated)


def named(url: str, host: str) -> str:
    """The URL by another name of its host, which nobody has to look up."""
    return over_tcp(url).replace("127.0.0.1", host) + "?hostaddr=127.0.0.1"


def steps_of(ended: Ended) -> dict[str, tuple[str, str]]:
    return {step["topic"]: (step["state"], step["detail"]) for step in json.loads(ended.out)}


def states_of(ended: Ended) -> dict[str, str]:
    return {topic: state for topic, (state, _) in steps_of(ended).items()}


def count(url: str, what: str) -> object:
    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT count(*) FROM {what}".encode()).fetchall()[0][0]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "is not set"),
        ("${{Postgres.DATABASE_URL}}", "a reference"),
        (f"postgresql://u:{PASSWORD}@${{{{RAILWAY_PRIVATE_DOMAIN}}}}:5432/railway", "a reference"),
        ("postgresql://:@:/", "parts were empty"),
        ("postgresql://:@:5432/", "parts were empty"),
        ("postgresql://", "parts were empty"),
        ("postgresql://:@db.railway.internal:5432/railway", "parts were empty"),
        (f"mysql://u:{PASSWORD}@h/db", "must begin with postgresql://"),
        (f"postgresql://u:{PASSWORD}@[::/db", "not a connection string"),
    ],
)
def test_an_unusable_url_is_the_only_step(url: str, said: str, call: Run) -> None:
    ended = call("setup-railway", "--verify", "--json", url=url)
    steps = steps_of(ended)
    assert (ended.code, list(steps)) == (ExitCode.USAGE, [Topic.URL])
    assert steps[Topic.URL][0] == Outcome.FAILED
    assert said in steps[Topic.URL][1]


@pytest.mark.parametrize(
    "url", ["postgresql:///bot", "postgresql://u@h/db", "host=/run/postgresql dbname=bot", "service=bot"]
)
def test_a_whole_url_is_no_template(url: str) -> None:
    assert find_template("DATABASE_URL", url) is None


@pytest.mark.parametrize(
    ("host", "local", "inside", "state"),
    [
        (PRIVATE, False, True, Outcome.DONE),
        (PRIVATE, True, False, Outcome.FAILED),
        (PUBLIC, False, False, Outcome.DONE),
        (PUBLIC, False, True, Outcome.TODO),
        (PUBLIC, True, False, Outcome.FAILED),
        ("db.example.com", False, True, Outcome.DONE),
        *((host, True, False, Outcome.DONE) for host in ("localhost", "127.0.0.1", "::1", "/run/postgresql", "")),
        *((host, False, True, Outcome.FAILED) for host in ("localhost", "127.0.0.1", "::1", "/run/postgresql", "")),
    ],
)
def test_the_host_is_where_it_should_be(*, host: str, local: bool, inside: bool, state: Outcome) -> None:
    assert judge_hosts([host], local=local, inside=inside).state is state


@pytest.mark.parametrize(
    ("ssl", "host", "state"),
    [
        (True, PUBLIC, Outcome.DONE),
        (False, PUBLIC, Outcome.FAILED),
        (False, PRIVATE, Outcome.DONE),
        (False, "localhost", Outcome.DONE),
    ],
)
def test_what_leaves_a_private_network_is_encrypted(*, ssl: bool, host: str, state: Outcome) -> None:
    server = ServerInfo(version="16.4", database="d", user="u", ssl=ssl)
    assert judge_encryption(server, [host]).state is state


@pytest.mark.parametrize(
    ("marked", "wanted", "state"),
    [
        (None, None, Outcome.TODO),
        (None, Environment.STAGING, Outcome.TODO),
        (Environment.STAGING, None, Outcome.DONE),
        (Environment.STAGING, Environment.STAGING, Outcome.DONE),
        (Environment.STAGING, Environment.PRODUCTION, Outcome.FAILED),
    ],
)
def test_the_marker_is_what_somebody_says(
    marked: Environment | None, wanted: Environment | None, state: Outcome
) -> None:
    assert judge_environment(marked, wanted).state is state


def test_a_private_host_outside_of_railway_is_told_the_way_in(call: Run) -> None:
    code, out, err = call("setup-railway", url=f"postgresql://postgres@{PRIVATE}:1/db?hostaddr=127.0.0.1")
    assert (code, err) == (ExitCode.UNREACHABLE, "")
    assert "[x] host:" in out
    assert "[!] connection:" in out
    assert "DATABASE_PUBLIC_URL" in out


def test_a_public_host_without_encryption_is_not_reached(ready_url: str, call: Run) -> None:
    for url in (named(ready_url, PUBLIC), named(ready_url, PUBLIC) + "&sslmode=disable"):
        ended = call("setup-railway", "--verify", "--json", url=url)
        assert ended.code == ExitCode.UNREACHABLE
        assert "SSL" in steps_of(ended)[Topic.CONNECTION][1]
    allowed = environment(named(ready_url, PUBLIC) + "&sslmode=disable") | {"DATABASE_SSL_MODE": "prefer"}
    done = subprocess.run(
        (*COMMAND, "setup-railway", "--verify", "--json"), env=allowed, capture_output=True, text=True, check=False
    )
    ended = Ended(done.returncode, done.stdout, done.stderr)
    assert ended.code == ExitCode.FOUND
    assert states_of(ended)[Topic.ENCRYPTION] == Outcome.FAILED
    assert count(ready_url, "trading_sessions") == 0


def test_the_steps_with_what_is_done(empty_url: str, call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", PASSWORD)
    monkeypatch.setenv("TRADING_MODE", " ")
    url = named(empty_url, PRIVATE)
    ended = call("setup-railway", "--json", url=url)
    assert ended.code == 0
    todo = (Topic.MIGRATIONS, Topic.ROLES, Topic.ENVIRONMENT, Topic.VARIABLES, Topic.VERIFICATION)
    assert [topic for topic, state in states_of(ended).items() if state == Outcome.TODO] == list(todo)
    variables = "set: BINANCE_API_KEY; not set: BINANCE_API_SECRET, TRADING_MODE, INITIAL_BALANCE"
    assert steps_of(ended)[Topic.VARIABLES][1] == variables
    assert count(empty_url, "pg_class WHERE relnamespace = 'public'::regnamespace") == 0
    for command in ("migrate", "roles", "environment set staging", "setup-railway --env staging --verify"):
        done = call(*command.split(), url=url)
        assert done.code == 0, done
    for name in ("BINANCE_API_SECRET", "TRADING_MODE", "INITIAL_BALANCE"):
        monkeypatch.setenv(name, PASSWORD)
    code, out, err = call("setup-railway", "--env", "staging", url=url)
    assert (code, err) == (0, "")
    assert [line[:3] for line in out.splitlines() if not line.startswith(" ")] == ["[x]"] * len(Topic)


def test_a_verification_trade_is_recorded_left_out_of_reports_and_removed(ready_url: str, call: Run) -> None:
    ended = call("setup-railway", "--check-local", "--env", "development", "--verify", "--json", url=ready_url)
    assert ended.code == 0, ended
    assert states_of(ended)[Topic.VERIFICATION] == Outcome.DONE
    assert states_of(ended)[Topic.ENVIRONMENT] == Outcome.DONE
    of_it = "trading_sessions WHERE mode = 'PAPER' AND is_verification AND NOT is_active"
    assert [count(ready_url, what) for what in (of_it, "trades", "trading_sessions")] == [1, 1, 1]
    for view in ("reporting.sessions", "reporting.trades", "reporting.daily_pnl", "reporting.performance"):
        assert count(ready_url, view) == 0
    assert count(ready_url, "deployment WHERE environment = 'DEVELOPMENT'") == 1
    assert call("audit", url=ready_url).code == 0
    assert call("setup-railway", "--check-local", "--verify", url=ready_url).code == 0
    assert "2 recorded" in call("setup-railway", "--check-local", url=ready_url).out

    removed = call("setup-railway", "--remove-verification", "--json", url=ready_url)
    assert (removed.code, len(json.loads(removed.out)["sessions"])) == (0, 2)
    assert [count(ready_url, table) for table in ("trading_sessions", "trades", "account_balances")] == [0, 0, 0]
    again = call("setup-railway", "--remove-verification", url=ready_url)
    assert (again.code, again.err) == (0, "Removed 0 verification sessions with 0 rows.\n")


def test_only_verification_trades_are_removed(ready_url: str, call: Run) -> None:
    rows = [("PAPER", False, True), ("LIVE", True, True), ("PAPER", True, False), ("PAPER", True, True)]
    with psycopg.connect(ready_url) as connection:
        for mode, is_verification, ended in rows:
            started = connection.execute(
                "SELECT start_session(NULL, %s, 's', 'BTCUSDT', '1h', NULL, 'USDT', now(), 1, NULL, NULL, NULL, %s,"
                " gen_random_uuid(), 0)",
                [mode, is_verification],
            ).fetchone()
            assert started is not None
            if ended:
                connection.execute(
                    "UPDATE trading_sessions SET end_time = now(), final_balance = 1, total_pnl = 0, total_trades = 0,"
                    " max_drawdown = 0 WHERE id = %s",
                    started,
                )
    assert call("setup-railway", "--remove-verification", url=ready_url).code == 0
    assert count(ready_url, "trading_sessions") == len(rows) - 1
    assert count(ready_url, "trading_sessions WHERE is_verification AND mode = 'PAPER' AND NOT is_active") == 0


def test_nothing_is_written_before_all_is_in_order(ready_url: str, call: Run) -> None:
    mark_environment(Settings.load(ready_url), Environment.STAGING)
    for options in ("", "--check-local --env production"):
        ended = call("setup-railway", "--verify", "--json", *options.split(), url=ready_url)
        assert ended.code == ExitCode.FOUND
        assert "nothing was written" in steps_of(ended)[Topic.VERIFICATION][1]
    assert count(ready_url, "trading_sessions") == 0
    assert count(ready_url, "deployment WHERE environment = 'STAGING'") == 1


def test_verification_waits_for_migrations(empty_url: str, call: Run) -> None:
    ended = call("setup-railway", "--check-local", "--verify", "--json", url=empty_url)
    assert ended.code == ExitCode.FOUND
    assert steps_of(ended)[Topic.VERIFICATION][1] == "nothing was written: first fix the migrations"


def test_env_names_the_variable(ready_url: str, call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAILWAY_STAGING_DATABASE_URL", named(ready_url, PRIVATE))
    ended = call("setup-railway", "--env", "Staging", "--json", url="postgresql://:@:/")
    assert ended.code == 0
    assert steps_of(ended)[Topic.URL][1].startswith(f"RAILWAY_STAGING_DATABASE_URL: postgres@{PRIVATE}:")
    ended = call("setup-railway", "--env", "production", "--json", url="postgresql://:@:/")
    assert (ended.code, steps_of(ended)[Topic.URL][0]) == (ExitCode.USAGE, Outcome.FAILED)


@pytest.mark.parametrize("options", ["--env test", "--verify --remove-verification"])
def test_wrong_usage(options: str, call: Run) -> None:
    assert call("setup-railway", *options.split(), url="postgresql://:@:/").code == ExitCode.USAGE


def test_a_role_that_may_not_record_is_told_so(ready_url: str, call: Run) -> None:
    with psycopg.connect(ready_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE looker LOGIN IN ROLE pg_read_all_data")
    try:
        ended = call(
            "setup-railway", "--check-local", "--verify", "--json", url=ready_url.replace("postgres@", "looker@")
        )
        assert ended.code == ExitCode.FOUND
        assert "permission denied" in steps_of(ended)[Topic.VERIFICATION][1]
    finally:
        with psycopg.connect(ready_url, autocommit=True) as connection:
            connection.execute("DROP ROLE looker")


def test_an_environment_is_changed_only_deliberately(ready_url: str, call: Run) -> None:
    name = ready_url.rpartition("/")[2]

    def shown() -> tuple[int, str]:
        return call("environment", url=ready_url)[:2]

    assert shown() == (ExitCode.FOUND, "")
    for command, code, after in (
        ("set staging", 0, "STAGING"),
        ("set staging", 0, "STAGING"),
        ("set production", ExitCode.REFUSED, "STAGING"),
        ("set production --yes", 0, "PRODUCTION"),
        ("set staging", ExitCode.REFUSED, "PRODUCTION"),
        ("set staging --yes", ExitCode.REFUSED, "PRODUCTION"),
        ("set staging --yes --confirm other", ExitCode.REFUSED, "PRODUCTION"),
        (f"set staging --confirm {name}", ExitCode.REFUSED, "PRODUCTION"),
        (f"set staging --yes --confirm {name}", 0, "STAGING"),
        ("set test", ExitCode.USAGE, "STAGING"),
    ):
        done = call("environment", *command.split(), url=ready_url)
        assert (done.code, shown()) == (code, (0, f"{after}\n")), (command, done)
    found = json.loads(call("environment", "show", "--json", url=ready_url).out)
    assert found["deployment"]["environment"] == "STAGING"


def test_an_environment_needs_its_table(empty_url: str, call: Run) -> None:
    assert call("environment", "show", url=empty_url).code == ExitCode.FOUND
    code, _, err = call("environment", "set", "staging", url=empty_url)
    assert (code, err.count("\n")) == (ExitCode.FAILED, 1)
