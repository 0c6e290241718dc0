"""Every command of an engine takes its token, and a token that holds nothing writes nothing."""

from __future__ import annotations

from typing import Final

import pytest

from atb_db import Database
from atb_db.errors import SessionHeld
from atb_db.repository import statements
from atb_db.statement import Declared, Kind
from atb_db.values import new_request_id
from tests.statements.books import contents
from tests.statements.examples import World, example

FENCED: Final = [one for one in statements() if any(parameter.name == "token" for parameter in one.parameters)]
OF_THE_HOLD: Final = {"sessions.renew_hold", "sessions.release_hold"}
UNFENCED: Final = {
    "events.log_event": "an engine that lost its hold must be able to say so",
    "reconciliation.log_reconciliation": "says what was found, and changes nothing",
}
"""What an engine records of its session without a token, and why."""


@pytest.mark.parametrize("command", [one for one in FENCED if one.name not in OF_THE_HOLD], ids=str)
def test_a_token_that_holds_nothing_writes_nothing(
    fresh_world_db: Database, fresh_world_url: str, world: World, command: Declared[object]
) -> None:
    before = contents(fresh_world_url)
    with pytest.raises(SessionHeld, match="is held by engine-1") as caught:
        fresh_world_db.run(command.value({**example(command, world).args, "token": new_request_id()}))
    assert (caught.value.statement, caught.value.retryable) == (command.name, False)
    assert contents(fresh_world_url) == before


def test_every_command_that_moves_an_engine_s_books_takes_a_token() -> None:
    fenced = {one.name for one in FENCED}
    of_books = {
        one.name
        for one in statements()
        if one.kind is Kind.COMMAND and one.name.partition(".")[0] in {"orders", "positions", "trades", "account"}
    }
    assert of_books - fenced <= {
        "positions.move_position_to_session",
        "positions.correct_entry_price",
        "positions.correct_position_quantity",
    }
    assert not fenced & UNFENCED.keys()
