"""`atb-db import`: what it prints, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from atb_db import Database
from atb_db.cli.exits import ExitCode
from atb_db.embedded import Server
from atb_db.repository import events, sessions
from atb_db.testing import settings_of
from tests.cli.conftest import Run
from tests.importing.freqtrade_files import EXIT, ORDER, TRADE, write_freqtrade
from tests.importing.incumbents import ROWS, SCHEMA

GOOD = "time,symbol,side,quantity,price,fee\n2025-11-05,BTCUSDT,buy,2,100,1\n2025-11-06,BTCUSDT,sell,2,110,1\n"
BAD = GOOD + "2025-11-07,BTCUSDT,hold,2,110,1\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trades.csv"
    path.write_text(GOOD)
    return path


def test_it_shows_what_became_of_the_rows(call: Run, fresh_url: str, file: Path) -> None:
    code, out, err = call("import", "trades", str(file), "--initial-balance", "1000", url=fresh_url)
    assert code == ExitCode.OK, err
    assert out.splitlines()[1].split() == ["trades", "2", "2", "0", "0", "0"]
    assert "1018.00000000" in out
    code, out, _ = call("import", "trades", str(file), url=fresh_url)
    assert (code, out.splitlines()[1].split()) == (ExitCode.OK, ["trades", "2", "2", "0", "0", "2"])


def test_a_dry_run_names_no_session_that_is_not_there(call: Run, fresh_url: str, file: Path) -> None:
    def shown(*more: str) -> str:
        code, out, err = call("import", "trades", str(file), "--initial-balance", "1000", *more, url=fresh_url)
        assert code == ExitCode.OK, err
        [line] = [line for line in out.splitlines() if "1018.0" in line]
        return line.partition(" plain")[0].strip()

    assert shown("--dry-run") == "a new one"
    made = shown()
    assert made.isdecimal()
    assert shown("--dry-run") == made


def test_what_was_only_imported_is_no_silent_engine_until_one_has_taken_it_up(
    call: Run, migrated_url: str, file: Path
) -> None:
    def healthy() -> tuple[int, str]:
        ended = call("health", url=migrated_url)
        findings = json.loads(call("doctor", "--json", url=migrated_url).out)["findings"]
        assert ("engine" in {one["what"] for one in findings}) == (ended.code != ExitCode.OK)
        return ended.code, ended.out

    said = "no active LIVE or PAPER session, 1 imported session without an engine"
    for day, rows in enumerate((GOOD, GOOD, GOOD + "2026-02-07,BTCUSDT,buy,2,110,1\n")):
        file.write_text(rows)
        code, _, err = call("import", "trades", str(file), url=migrated_url)
        assert code == ExitCode.OK, err
        assert healthy() == (ExitCode.OK, f"healthy: {said}, no backup on record\n"), day
    with Database(settings_of(migrated_url)) as db:
        [session] = db.run(sessions.get_active_sessions())
        db.run(events.log_event(event_type="TEST", message="an engine's", session_id=session.id))
    with psycopg.connect(migrated_url) as connection:
        connection.execute("UPDATE imported_rows SET imported_at = imported_at - interval '9 days'")
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE system_events SET timestamp = timestamp - interval '2 days' WHERE event_type = 'TEST'"
        )
    code, out = healthy()
    assert (code, f"session {session.id} (plain USDT, LIVE) silent for 2d" in out) == (ExitCode.FOUND, True)
    assert out.endswith("held by nobody: start its engine again, or atb-db end-crashed --silent 10m\n")


def test_a_session_that_was_held_is_no_import_any_more(call: Run, migrated_url: str, file: Path) -> None:
    assert call("import", "trades", str(file), url=migrated_url).code == ExitCode.OK
    with Database(settings_of(migrated_url)) as db:
        [session] = db.run(sessions.get_active_sessions())
    taken = sessions.resume_or_create(
        strategy_name=session.strategy_name, symbol=session.symbol, timeframe=session.timeframe, mode=session.mode,
        initial_balance=0, base_currency=session.base_currency, session_id=session.id, holder="engine-1",
    )  # fmt: skip
    with Database(settings_of(migrated_url)) as db:
        assert db.run(taken).session_id == session.id
    assert call("health", url=migrated_url).out.startswith("healthy: 1 active session, silent for at most ")


def test_quarantine_is_exit_code_3_and_says_where(call: Run, fresh_url: str, file: Path) -> None:
    file.write_text(BAD)
    code, _, err = call("import", "trades", str(file), "--dry-run", url=fresh_url)
    assert (code, "A dry run: nothing was kept." in err) == (ExitCode.FOUND, True)
    code, _, err = call("import", "trades", str(file), url=fresh_url)
    assert code == ExitCode.FOUND
    assert "side is 'hold', not buy or sell" in err
    [line] = [line for line in err.splitlines() if "get_quarantine" in line]
    code, out, _ = call(*line.partition("atb-db ")[2].split(), "--json", url=fresh_url)
    assert (code, json.loads(out)[0]["content"]["side"]) == (ExitCode.OK, "hold")


def test_rows_with_the_same_reason_share_a_line(call: Run, fresh_url: str, file: Path) -> None:
    rows = [f"2025-11-{7 + day:02},BTCUSDT,hold,2,110,1,t-{day}\n" for day in range(9)]
    file.write_text("time,symbol,side,quantity,price,fee,trade_id\n" + "".join(rows))
    code, _, err = call("import", "trades", str(file), "--dry-run", url=fresh_url)
    assert code == ExitCode.FOUND
    [line] = [line for line in err.splitlines() if "hold" in line]
    named = ", ".join(f"BTCUSDT t-{day}" for day in range(3))
    assert line == f"quarantined: trades {named} and 6 more: side is 'hold', not buy or sell"
    assert "--json has all of them" in err
    code, out, _ = call("import", "trades", str(file), "--dry-run", "--json", url=fresh_url)
    assert (code, len(json.loads(out)["fates"])) == (ExitCode.FOUND, len(rows))


def test_what_is_in_no_book_is_named_before_adjustments_and_the_driver_says_nothing(
    call: Run, fresh_url: str, file: Path
) -> None:
    crossing = "".join(
        f"2025-11-{day:02},BTCUSDT,{'sell' if day % 2 else 'buy'},{quantity},100,\n"
        for day, quantity in [(1, 1), *((day, 2) for day in range(2, 28))]
    )
    file.write_text(f"time,symbol,side,quantity,price,fee\n{crossing}2025-11-29,ETHUSDT,sell,2,9e29,\n")
    code, _, err = call("import", "trades", str(file), url=fresh_url)
    assert code == ExitCode.FOUND
    assert err.splitlines()[0].startswith("quarantined: trades 2025-11-29|ETHUSDT")
    assert err.splitlines()[1].startswith("adjusted: ")


def test_json_has_everything(call: Run, fresh_url: str, file: Path) -> None:
    file.write_text(BAD)
    code, out, _ = call("import", "trades", str(file), "--account", "main", "--json", url=fresh_url)
    done = json.loads(out)
    assert code == ExitCode.FOUND
    assert done["source"] == {"kind": "plain", "name": "main", "fingerprint": "account", "time_zone": None}
    assert [(one["records"], one["quarantined"]) for one in done["counts"]] == [(2, 1)]
    assert [one["outcome"] for one in done["fates"]] == ["QUARANTINED"]


def test_freqtrade(call: Run, fresh_url: str, tmp_path: Path) -> None:
    closed = {**TRADE, "is_open": 0, "close_profit_abs": 84.51, "exit_reason": "roi"}
    path = write_freqtrade(tmp_path / "bot.sqlite", [closed], [ORDER, EXIT])
    code, out, err = call("import", "freqtrade", str(path), "--mode", "paper", url=fresh_url)
    assert code == ExitCode.OK, err
    assert "84.51000000" in out
    key = ("--source-table", "orders", "--source-key", "2:x1")
    code, out, _ = call("query", "imports.find_imported", *key, "--json", url=fresh_url)
    assert (code, json.loads(out)[0]["target_table"]) == (ExitCode.OK, "orders")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--map", "when"], "is not COLUMN=FIELD"),
        (["--map", "when=time"], "the file has no column when"),
        (["--map", "time=when"], "there is no field when"),
        (["--format", "mt5"], "there is no format mt5"),
        (["--format", "kraken"], "as kraken files have"),
        (["--since", "soon"], "is no day, no time"),
        (["--initial-balance", "-1"], "is no amount"),
    ],
)
def test_wrong_usage_is_exit_code_2(call: Run, fresh_url: str, file: Path, arguments: list[str], said: str) -> None:
    code, _, err = call("import", "trades", str(file), *arguments, url=fresh_url)
    assert code == ExitCode.USAGE
    assert said in " ".join(err.replace("│", " ").split())


def test_an_unusable_file_is_exit_code_2_and_an_unreachable_database_4(call: Run, file: Path) -> None:
    away = "postgresql://postgres@127.0.0.1:1/away"
    assert call("import", "trades", str(file), url=away).code == ExitCode.UNREACHABLE
    file.write_text("a,b\n1,2\n")
    assert call("import", "trades", str(file), url=away).code == ExitCode.USAGE
    assert call("import", "freqtrade", str(file), url=away).code == ExitCode.USAGE


@pytest.fixture
def incumbent(server: Server) -> Iterator[str]:
    url = server.create_database("incumbent_cli", template="template0")
    with psycopg.connect(url) as connection:
        connection.execute((SCHEMA + ROWS).encode())
    yield url
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE incumbent_cli WITH (FORCE)")


def test_the_incumbent(call: Run, fresh_url: str, incumbent: str) -> None:
    arguments = ("import", "incumbent", "--from", incumbent, "--timezone", "UTC")
    code, out, err = call(*arguments, url=fresh_url)
    assert code == ExitCode.OK, err
    assert "916.00000000" in out
    code, out, _ = call(*arguments, "--json", url=fresh_url)
    assert code == ExitCode.OK
    assert all(one["known"] == one["rows"] for one in json.loads(out)["counts"])


def test_without_a_zone_one_time_is_shown_in_both_readings(call: Run, fresh_url: str, incumbent: str) -> None:
    code, out, err = call("import", "incumbent", "--from", incumbent, url=fresh_url)
    assert (code, out) == (ExitCode.USAGE, "")
    said = " ".join(err.split())
    assert "system_events 2 says 2026-01-02 00:00:00" in said
    assert "2026-01-02 00:00 UTC with --timezone UTC" in said
    assert "2026-01-01 23:00 UTC with --timezone Europe/Berlin" in said


def test_a_zone_that_there_is_not_and_a_database_that_is_not_the_incumbents(
    call: Run, fresh_url: str, incumbent: str
) -> None:
    code, _, err = call("import", "incumbent", "--from", incumbent, "--timezone", "Mars", url=fresh_url)
    assert (code, "'Mars' is no time zone" in err) == (ExitCode.USAGE, True)
    code, _, err = call("import", "incumbent", "--from", fresh_url, "--timezone", "UTC", url=fresh_url)
    assert (code, "atb_db's own" in err) == (ExitCode.USAGE, True)
