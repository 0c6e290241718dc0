"""What every command keeps to: twice is once, and a request_id stands for one content."""

from __future__ import annotations

from contextlib import suppress
from typing import cast

import pytest

from atb_db import Database
from atb_db.errors import IdempotencyConflict
from atb_db.repository import statements
from atb_db.statement import Declared, Kind, Statement
from atb_db.values import new_request_id
from tests.each import each
from tests.statements.books import contents
from tests.statements.conforms import differences
from tests.statements.examples import ALTERNATIVES, World, changed, example

STATEMENTS = statements()
COMMANDS = [declaration for declaration in STATEMENTS if declaration.kind is Kind.COMMAND]
REPAIRS = {"metrics.rebuild_equity", "metrics.rebuild_performance_metrics"}
KEYED = [declaration for declaration in COMMANDS if declaration.keyed]
COPIES = [declaration for declaration in STATEMENTS if declaration.kind is Kind.COPY]


def test_every_statement_has_an_example(world: World) -> None:
    def holds(declaration: Declared[object]) -> None:
        assert example(declaration, world).declaration is declaration

    each(STATEMENTS, holds)


def test_the_example_gives_every_parameter(world: World) -> None:
    def holds(declaration: Declared[object]) -> None:
        given = {parameter.name for parameter in declaration.parameters} - {"request_id"}
        assert set(example(declaration, world).given) == given - set(ALTERNATIVES.get(declaration.name, ()))

    each([*KEYED, *COPIES], holds)


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_twice_leaves_what_once_leaves_and_a_request_has_one_content(
    fresh_world_db: Database, fresh_world_url: str, world: World, command: Declared[object]
) -> None:
    request_id = new_request_id()
    own = {"request_id": request_id} if command.keyed else {}
    statement = command.value({**example(command, world).args, **own})
    before = contents(fresh_world_url)
    with suppress(RuntimeError), fresh_world_db.transaction() as transaction:
        transaction.run(statement)
        raise RuntimeError
    assert contents(fresh_world_url) == before, "a request that failed can be made again"
    first = fresh_world_db.run(statement)
    once = contents(fresh_world_url)
    assert fresh_world_db.run(statement) == first
    assert contents(fresh_world_url) == once
    assert differences(statement, first) == []
    if command.name not in REPAIRS:
        assert once != before
    if command.keyed:
        again = command.value({**statement.args, "request_id": str(request_id)})
        assert fresh_world_db.run(again) == first, "the same request in a new value is the same request"
        refuse_other_content(fresh_world_db, statement, world)
        assert contents(fresh_world_url) == once


def refuse_other_content(db: Database, statement: Statement[object], world: World) -> None:
    for name, other in changed(statement, world):
        with pytest.raises(IdempotencyConflict) as caught:
            db.run(other)
        assert (name, caught.value.statement, caught.value.field) == (name, statement.name, "request_id")
        # The server said so: in a run_many, everything before it is rolled back.
        assert caught.value.sqlstate is not None


@pytest.mark.parametrize("copy", COPIES, ids=str)
def test_a_bulk_load_repeated_is_refused(
    fresh_world_db: Database, fresh_world_url: str, world: World, copy: Declared[None]
) -> None:
    rows = [copy.value({**example(copy, world).args, "request_id": new_request_id()}) for _ in range(3)]
    assert fresh_world_db.copy_in(rows) == 3
    once = contents(fresh_world_url)
    with pytest.raises(IdempotencyConflict) as caught:
        fresh_world_db.copy_in([copy.value({**example(copy, world).args, "request_id": new_request_id()}), rows[1]])
    assert (caught.value.statement, caught.value.field) == (copy.name, "request_id")
    assert contents(fresh_world_url) == once


@pytest.mark.parametrize("copy", COPIES, ids=str)
def test_a_bulk_load_stores_what_its_command_would(
    fresh_world_db: Database, fresh_world_url: str, world: World, copy: Declared[None]
) -> None:
    single = {
        "account.copy_account_snapshots": "account.log_account_snapshot",
        "events.copy_events": "events.log_event",
        "events.copy_strategy_executions": "events.log_strategy_execution",
    }[copy.name]
    row = cast("Statement[None]", example(copy, world))
    command = next(declaration for declaration in COMMANDS if declaration.name == single)
    fenced = {parameter.name for parameter in command.parameters} - {"token"}  # a bulk load is no engine's
    assert fenced == {parameter.name for parameter in copy.parameters}
    fresh_world_db.copy_in([row])
    loaded = contents(fresh_world_url)
    # The command takes the loaded row for its own, for it has the same request_id and content.
    fresh_world_db.run(command.value(dict(row.args)))
    assert contents(fresh_world_url) == loaded
