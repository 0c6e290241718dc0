"""Back to just before a request: everything committed before it is there, and neither it nor anything later."""

from __future__ import annotations

import json
import os
from random import Random
from uuid import UUID, uuid4

import psycopg
import pytest

from atb_db import Database, Settings
from atb_db.admin.backup.drill import Limits
from atb_db.admin.continuous.drill import drill_archive
from atb_db.admin.continuous.plan import plan
from atb_db.admin.continuous.recover import scratch
from atb_db.admin.continuous.requests import plan_before
from atb_db.admin.errors import Unusable
from atb_db.admin.migrations import rollback, rollback_plan, status
from atb_db.cli.exits import ExitCode
from atb_db.repository import events
from atb_db.statement import Statement
from tests.continuous.conftest import Scene, numbers

pytestmark = pytest.mark.slow


def event(number: int, request_id: UUID) -> Statement[int]:
    return events.log_event(event_type="TEST", message=f"number {number}", request_id=request_id)


def before(scene: Scene, request_id: UUID) -> list[int]:
    with scratch(plan_before(scene.archive, request_id), scene.settings) as recovered:
        assert recovered.books.findings == ()
        return numbers(recovered.settings)


def test_everything_before_a_request_is_there_and_nothing_after(scene: Scene) -> None:
    early = uuid4()
    with Database(scene.settings) as db:
        db.run(event(1, early))
    archiver = scene.launch()
    scene.protects(scene.now())
    wanted, late = uuid4(), uuid4()
    with Database(scene.settings) as db, psycopg.connect(scene.url) as other:
        db.run(event(2, uuid4()))
        # An attempt that came to nothing is not what stored it.
        with psycopg.connect(scene.url) as failed:
            failed.execute(
                "INSERT INTO system_events (timestamp, event_type, severity, message, request_id) "
                "VALUES (now(), 'TEST', 'INFO', 'number 99', %s)",
                [wanted],
            )
            failed.rollback()
        with psycopg.connect(scene.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        # The log has the whole page again, with what the attempt left in it.
        db.run(event(3, uuid4()))
        other.execute(
            "INSERT INTO system_events (timestamp, event_type, severity, message) "
            "VALUES (now(), 'TEST', 'INFO', 'number 4')"
        )
        with db.transaction() as transaction:  # a savepoint inside, and a commit of another between row and commit
            with transaction.transaction() as inside:
                inside.run(event(5, wanted))
            other.commit()
        db.run(event(5, wanted))  # repeated: the row is written again
        db.run(event(6, late))
    scene.forget()
    scene.protects(scene.record(7))
    assert before(scene, wanted) == [1, 2, 3, 4]
    assert before(scene, late) == [1, 2, 3, 4, 5]
    for unknown in (uuid4(), early):
        with pytest.raises(Unusable, match=r"no transaction in .* has stored the request .* what can be restored"):
            plan_before(scene.archive, unknown)
    where = ("--archive-dir", str(scene.archive))
    restored = scene.cli("restore", "--before-request", str(wanted), *where, "--json")
    assert restored.code == ExitCode.OK, restored.err
    found = json.loads(restored.out)
    try:
        assert numbers(Settings.load(found["url"], environ={})) == [1, 2, 3, 4]
        assert found["before"]["request_id"] == str(wanted)
    finally:
        os.system(found["stop_command"])  # noqa: S605  as it is printed
    refused = scene.cli("restore", "--before-request", "x", *where)
    assert refused.code == ExitCode.USAGE
    archiver.terminate()
    archiver.wait(60)


def test_requests_anywhere_in_the_log_are_found_also_across_pages_and_segments(scene: Scene) -> None:
    """Identifiers begin at any place in a page; one in a few hundred is interrupted by the header of the next one."""
    archiver = scene.launch()
    scene.protects(scene.now())
    requests = [uuid4() for _ in range(3000)]
    with Database(scene.settings) as db:
        db.run_many([event(number, request_id) for number, request_id in enumerate(requests)])
        with psycopg.connect(scene.url, autocommit=True) as connection:
            connection.execute("SELECT pg_switch_wal()")
        last = uuid4()
        db.run(event(len(requests), last))
    scene.protects(scene.now())
    archiver.terminate()
    archiver.wait(60)
    chosen = Random(1).sample(requests, 12)  # noqa: S311
    found = [plan_before(scene.archive, request_id).before for request_id in chosen]
    assert all(found)
    # All of the pipeline is one transaction.
    assert len({one.transaction for one in found if one is not None}) == 1
    assert before(scene, last) == list(range(len(requests)))
    assert before(scene, chosen[0]) == []


def test_in_a_log_with_compressed_pages_the_moment_is_right_or_refused(scene: Scene) -> None:
    with psycopg.connect(scene.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET wal_compression = 'on'")
        connection.execute("SELECT pg_reload_conf()")
    archiver = scene.launch()
    scene.protects(scene.now())
    requests = [uuid4() for _ in range(4)]
    for number, request_id in enumerate(requests):
        with Database(scene.settings) as db, psycopg.connect(scene.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
            db.run(event(number, request_id))
            db.run(event(number, request_id))  # repeated
    scene.protects(scene.now())
    archiver.terminate()
    archiver.wait(60)
    for number, request_id in enumerate(requests):
        try:
            found = before(scene, request_id)
        except Unusable as error:
            assert "wal_compression" in error.message or "give the moment with --at" in error.message  # noqa: PT017
        else:
            assert found == list(range(number))


def test_a_moment_before_an_upgrade_is_brought_to_this_release(scene: Scene) -> None:
    """This release's audit and statements read columns that the last one had not."""
    taken_back = rollback(scene.settings, rollback_plan(scene.settings, to="0008"))
    scene.launch()
    scene.protects(scene.now())
    with scratch(plan(scene.archive, None), scene.settings) as recovered:
        assert recovered.migrated == taken_back[::-1]
        assert (recovered.verification.clean, recovered.books.findings) == (True, ())
        assert numbers(recovered.settings) == []
    assert status(scene.settings).pending
    drilled = drill_archive(scene.settings, scene.archive, None, limits=Limits())
    assert (drilled.drill.passed, drilled.drill.migrated) == (True, taken_back[::-1])
