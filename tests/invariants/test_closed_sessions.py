"""A session that has ended takes no more entries, and says so."""

from __future__ import annotations

import pytest

from atb_db import Database
from atb_db.errors import SessionClosed
from atb_db.repository import sessions, statements
from atb_db.statement import Declared, Kind
from tests.statements.examples import World, example

CLOSED = {
    declaration.name: declaration
    for declaration in statements()
    if declaration.kind is Kind.COMMAND and any(parameter.name == "session_id" for parameter in declaration.parameters)
}
# What is observed at or after the end, or done to a session that has ended.
OPEN_TO_ENDED_SESSIONS = {
    "events.log_event",
    "metrics.rebuild_performance_metrics",
    "optimization.record_optimization_cycle",
    "reconciliation.log_reconciliation",
    "sessions.end_trading_session",
    "sessions.release_hold",
}


@pytest.mark.parametrize("declaration", CLOSED.values(), ids=CLOSED)
def test_an_ended_session_refuses_writes(fresh_world_db: Database, world: World, declaration: Declared[object]) -> None:
    fresh_world_db.run(sessions.end_trading_session(session_id=world.session_id))
    value = declaration.value({**example(declaration, world).args, "session_id": world.session_id})
    if declaration.name in OPEN_TO_ENDED_SESSIONS:
        fresh_world_db.run(value)
        return
    with pytest.raises(SessionClosed, match=f"session {world.session_id} is closed since") as caught:
        fresh_world_db.run(value)
    assert caught.value.statement == declaration.name
