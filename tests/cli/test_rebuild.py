"""`atb-db rebuild`."""

from __future__ import annotations

import json

import psycopg
import pytest

from atb_db import Database
from atb_db.cli.exits import ExitCode
from atb_db.embedded import Server
from tests.cli.conftest import Run
from tests.conftest import TEMPLATE
from tests.statements.examples import World, prepare

KEPT = """
SELECT (SELECT count(*) FROM trade_days WHERE session_id = %(of)s),
       (SELECT count(*) FROM trade_months WHERE session_id = %(of)s),
       (SELECT count(*) FROM order_days WHERE session_id = %(of)s),
       (SELECT count(*) FROM equity_spans WHERE session_id = %(of)s)
"""


@pytest.fixture(scope="module")
def traded(server: Server) -> tuple[str, World]:
    url = server.create_database("rebuilt", template=TEMPLATE)
    with Database(url) as db:
        return url, prepare(db)


def test_it_computes_what_is_kept_again_and_adds_what_is_missing(call: Run, traded: tuple[str, World]) -> None:
    url, world = traded
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("SELECT discard_rollups(%s)", [world.session_id])
        missing = call("rebuild", "--only-missing", "--session", str(world.session_id), "--json", url=url)
        assert missing.code == ExitCode.OK
        found = json.loads(missing.out)
        assert found["rows"] > 0
        assert [one["session_id"] for one in found["sessions"]] == [world.session_id]
        [kept] = owner.execute(KEPT, {"of": world.session_id}).fetchall()
        assert kept[0] > 0
        again = json.loads(call("rebuild", "--only-missing", "--session", str(world.session_id), "--json", url=url).out)
        assert again["rows"] == 0
        owner.execute("UPDATE trade_days SET win_streak = 99")
        assert "trade days" in call("audit", url=url).out
        everything = call("rebuild", "--step", "1", url=url)
        assert everything.code == ExitCode.OK
        assert "Added" in everything.err
        assert "days" not in call("audit", url=url).out
        assert owner.execute(KEPT, {"of": world.session_id}).fetchall() == [kept]


def test_a_session_that_is_not_there(call: Run, traded: tuple[str, World]) -> None:
    ended = call("rebuild", "--session", "987654321", url=traded[0])
    assert ended.code == ExitCode.FAILED
    assert "session 987654321 does not exist" in ended.err


@pytest.mark.slow
def test_a_session_that_is_kept_busy(call: Run, traded: tuple[str, World]) -> None:
    url, world = traded
    with psycopg.connect(url) as busy:
        busy.execute("SELECT FROM trading_sessions WHERE id = %s FOR KEY SHARE", [world.session_id])
        assert call("rebuild", "--session", str(world.session_id), url=url).code == ExitCode.LOCKED
