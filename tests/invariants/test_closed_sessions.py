"""A session that has ended takes no more entries, and says so."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from atb_db import AsyncDatabase, Database
from atb_db.errors import Conflict, SessionClosed
from atb_db.repository import account, events, positions, sessions, statements
from atb_db.statement import Declared, Kind, Statement
from tests.invariants.running import run
from tests.statements.books import contents
from tests.statements.examples import World, at, example

WRITES: Final = {one.name: one for one in statements() if one.kind is not Kind.QUERY}

OPEN_TO_ENDED: Final = {
    "events.log_event": "what happens at the end, or is found out after it",
    "metrics.rebuild_equity": "repairs, and makes the same of the same snapshots",
    "metrics.rebuild_performance_metrics": "repairs, and makes the same figures of the same trades",
    "optimization.record_optimization_cycle": "a strategy is optimised on sessions that have ended",
    "orders.link_order_to_position": "the exchange goes on without the session: what it reports late is still so",
    "orders.record_fill": "the exchange reports late",
    "orders.update_order_status": "the exchange reports late",
    "positions.correct_entry_price": "what is found to differ is corrected, also after the end",
    "positions.correct_position_quantity": "what is found to differ is corrected, also after the end",
    "positions.move_position_to_session": "what is open goes on in a session that has not ended",
    "positions.record_funding": "the exchange reports late",
    "positions.record_margin_interest": "the exchange reports late",
    "reconciliation.log_reconciliation": "what was found to differ, also after the end",
    "sessions.end_trading_session": "ending it again changes nothing",
    "sessions.release_hold": "an engine lets go of what it has ended",
}
"""Writes to a session that go on when it has ended, and why."""

OF_NO_SESSION: Final = {
    "control": "flags of the whole system",
    "deployment": "what the database is used for",
    "imports": "where rows were imported from, and what became of them",
    "markets": "trading hours of exchanges",
    "portfolio": "figures of the whole portfolio",
    "predictions": "a cache, and measurements, of models",
    "strategies": "the register of strategies",
}
"""Modules whose records belong to no session."""

BEGINNING: Final = {
    "sessions.create_trading_session": "begins another session",
    "sessions.resume_or_create": "takes a session up again that had ended",
}
"""Writes that make a session active, and why they may."""

REFUSED: Final = [
    one
    for name, one in WRITES.items()
    if name.partition(".")[0] not in OF_NO_SESSION and name not in OPEN_TO_ENDED | BEGINNING
]


@pytest.fixture
def ended(fresh_world_db: Database, world: World) -> Database:
    fresh_world_db.run(sessions.end_trading_session(session_id=world.session_id))
    return fresh_world_db


def of_the_session(declaration: Declared[object], world: World) -> Statement[object]:
    """Its example, about the world's session, or a position or an order of it."""
    given = example(declaration, world).args
    return declaration.value({**given, "session_id": world.session_id} if "session_id" in given else dict(given))


@pytest.mark.parametrize("declaration", REFUSED, ids=str)
def test_an_ended_session_refuses_writes(
    ended: Database, fresh_world_url: str, world: World, declaration: Declared[object]
) -> None:
    before = contents(fresh_world_url)
    with pytest.raises(SessionClosed, match=f"session {world.session_id} is closed since") as caught:
        run(ended, of_the_session(declaration, world))
    assert caught.value.statement == declaration.name
    assert contents(fresh_world_url) == before


@pytest.mark.parametrize("name", OPEN_TO_ENDED)
def test_what_may_come_late_is_taken(ended: Database, world: World, name: str) -> None:
    run(ended, of_the_session(WRITES[name], world))


def test_what_belongs_to_no_session_names_none() -> None:
    assert {name.partition(".")[0] for name in WRITES} >= set(OF_NO_SESSION)
    for name, declaration in WRITES.items():
        if name.partition(".")[0] in OF_NO_SESSION:
            named = {parameter.name for parameter in declaration.parameters}
            assert not named & {"session_id", "position_id", "order_id"}, name


def test_one_row_for_an_ended_session_stops_a_whole_load(ended: Database, fresh_world_url: str, world: World) -> None:
    rows = [
        account.copy_account_snapshots(session_id=session_id, balance=1, equity=1, timestamp=at(1))
        for session_id in (world.other_session_id, world.session_id, world.empty_session_id)
    ]
    before = contents(fresh_world_url)
    with pytest.raises(SessionClosed) as caught:
        ended.copy_in(rows)
    assert caught.value.statement == "account.copy_account_snapshots"

    async def load() -> None:
        async with AsyncDatabase(fresh_world_url) as database:
            await database.copy_in(rows)

    with pytest.raises(SessionClosed):
        asyncio.run(load())
    assert contents(fresh_world_url) == before
    # Events outside of any session are of none that could have ended.
    assert ended.copy_in([events.copy_events(event_type="TEST", message="outside", timestamp=at(1))]) == 1


def test_a_closed_position_says_so_first(ended: Database, world: World) -> None:
    with pytest.raises(Conflict, match="already closed"):
        ended.run(positions.update_position(position_id=world.closed_position_id, stop_loss=1))
