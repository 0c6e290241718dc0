"""SQL in a string is text: whatever the statement and the parameter."""

from __future__ import annotations

from typing import Final

from atb_db import Database
from atb_db.repository import statements
from atb_db.statement import Declared
from atb_db.types import Json
from tests.each import each
from tests.faults.conftest import FULL
from tests.invariants.running import undone
from tests.invariants.test_any_values import differences, rows, run
from tests.statements.examples import World, example

# Without blanks, so that a symbol may be one, too.
EVIL: Final = (
    "';DROP/**/TABLE/**/trades;--",
    '";DELETE/**/FROM/**/trades;--',
    "$1$;ROLLBACK;--",
    "%s%(session_id)s:session_id::price\\",
    "'||pg_sleep(9)||'",
)


def test_sql_is_text(world_db: Database, world: World) -> None:
    def holds(declaration: Declared[object]) -> None:
        arguments = example(declaration, world).args
        texts = [parameter for parameter in declaration.parameters if parameter.type in {str, Json}]
        for place, parameter in enumerate(texts):
            # All of them in a parameter, or others in each.
            for evil in EVIL if FULL else (EVIL[place % len(EVIL)], EVIL[(place + 2) % len(EVIL)]):
                value = evil if parameter.type is str else {evil: [evil]}
                statement = declaration.value({**arguments, parameter.name: value})
                with undone(world_db) as transaction:
                    refusal = run(transaction, statement)
                    assert transaction._connection.execute("SELECT count(*) >= 6 FROM trades").fetchone() == (True,)
                    # Its records stand in both sessions.
                    moves = declaration.name == "positions.move_position_to_session"
                    assert refusal is not None or moves or differences(statement, rows(transaction, statement)) == []

    each(statements(), holds)
