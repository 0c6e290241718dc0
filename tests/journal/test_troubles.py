"""Whatever a server is in trouble with, the entry is kept as in an outage; only an entry's own fault sets it aside."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from atb_db import Database, Journal, Settings, embedded
from atb_db.embedded import Server
from atb_db.errors import AtbDbError, ResourceFull
from atb_db.journal import Queued, read_entries
from atb_db.repository import events
from atb_db.sqlfile import schema_sql
from atb_db.statement import Statement
from tests.conftest import TEMPLATE
from tests.journal.conftest import ANSWERED

BRIEF = 0.1
"""Seconds of patience with what is in trouble."""

# By what the server is in trouble with. https://www.postgresql.org/docs/current/errcodes-appendix.html
TROUBLES = {
    "out of numbers": ("2200H",),
    "out of disk, memory, connections": ("53000", "53100", "53200", "53300", "53400"),
    "read-only": ("25006",),
    "the disk or the operating system": ("58000", "58030", "58P01", "58P02"),
    "damaged": ("XX000", "XX001", "XX002"),
    "configuration": ("F0000", "F0001"),
    "stopped or starting": ("57000", "57014", "57P01", "57P02", "57P03", "57P04", "57P05"),
    "a connection": ("08000", "08003", "08006", "08P01"),
    "locks and collisions": ("55P03", "40001", "40P01"),
    "not in the state for it": ("55000", "55006", "55P02", "25000", "25P02", "25P03", "2D000"),
    "another schema": ("42P01", "42703", "42883", "42804", "3D000", "3F000", "0A000", "26000"),
    "who one is": ("28000", "28P01", "0L000"),
    "a foreign server": ("HV000",),
}
FAULTS = {
    "a value": ("22000", "22003", "22P02", "22007", "22023"),
    "a constraint": ("23000", "23502", "23503", "23505", "23514", "23P01", "44000", "27000"),
    "too many rows": ("21000", "20000"),
    "too large or complex": ("54000", "54001", "54011", "54023"),
    "a right": ("42501",),
    "what we refuse": ("AT404", "AT409", "AT410", "AT412", "AT422", "AT423"),
    "what a function raises": ("P0001", "P0002", "P0004", "2F005", "38000", "39000"),
}


class Trouble(NamedTuple):
    """A database in which recording an event ends with a SQLSTATE of one's choice."""

    url: str
    owner: psycopg.Connection

    def begin(self, code: str) -> None:
        self.owner.execute("INSERT INTO trouble VALUES (%s)", [code])

    def end(self) -> None:
        self.owner.execute("DELETE FROM trouble")

    def stored(self) -> int:
        found = self.owner.execute("SELECT count(*) FROM system_events").fetchone()
        assert found is not None
        return int(found[0])


@pytest.fixture(scope="module")
def troubled(server: Server) -> Iterator[Trouble]:
    url = server.create_database("troubled", template=TEMPLATE)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE TABLE trouble (code text)")
        owner.execute(
            "CREATE FUNCTION make_trouble() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE code text;"
            " BEGIN SELECT t.code INTO code FROM trouble AS t;"
            " IF code IS NOT NULL THEN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = 'trouble'; END IF;"
            " RETURN NEW; END $$"
        )
        owner.execute(
            "CREATE TRIGGER trouble BEFORE INSERT ON system_events FOR EACH ROW EXECUTE FUNCTION make_trouble()"
        )
        yield Trouble(url, owner)


@pytest.fixture
def trouble(troubled: Trouble) -> Iterator[Trouble]:
    yield troubled
    troubled.end()


@pytest.fixture(scope="module")
def engine(troubled: Trouble) -> Iterator[Database]:
    """It gives up soon: for what is asked while there is trouble."""
    with Database(Settings.load(troubled.url, environ={})._replace(deadline=2.0)) as database:
        yield database


@pytest.fixture(scope="module")
def patient(troubled: Trouble) -> Iterator[Database]:
    """For what is answered, however busy the machine is."""
    with Database(Settings.load(troubled.url, environ={})._replace(deadline=ANSWERED)) as database:
        yield database


def note() -> Statement[int]:
    return events.log_event(event_type="TEST", message="in trouble")


def each(codes: dict[str, tuple[str, ...]]) -> pytest.MarkDecorator:
    flat = [(what, code) for what, several in codes.items() for code in several]
    return pytest.mark.parametrize("code", [code for _, code in flat], ids=[f"{what}: {code}" for what, code in flat])


@each({what: codes[:1] for what, codes in TROUBLES.items()})
def test_the_entry_is_kept(trouble: Trouble, engine: Database, patient: Database, tmp_path: Path, code: str) -> None:
    keep_the_entry(trouble, engine, patient, tmp_path / "journal", code)


def keep_the_entry(trouble: Trouble, engine: Database, patient: Database, path: Path, code: str) -> None:
    before = trouble.stored()
    with Journal(path, engine, patience=BRIEF) as journal:
        trouble.begin(code)
        answers = [journal.record(note()) for _ in range(3)]
        assert all(isinstance(answer, Queued) for answer in answers)
        assert isinstance(answers[0], Queued)
        assert answers[0].reason
        assert journal.status()[2:4] == (3, 0)
        stopped = journal.replay(timeout=0.1)
        assert stopped[:3] == (0, 0, 3)
        trouble.end()
    with Journal(path, patient) as journal:
        assert journal.replay() == (3, 0, 0, None)
    assert trouble.stored() == before + 3


@pytest.mark.slow
@each({what: codes[1:] for what, codes in TROUBLES.items()})
def test_so_it_is_by_any_other_code(
    trouble: Trouble, engine: Database, patient: Database, tmp_path: Path, code: str
) -> None:
    keep_the_entry(trouble, engine, patient, tmp_path / "journal", code)


@each(FAULTS)
def test_its_own_fault_is_told_to_who_waits_and_blocks_nobody(
    trouble: Trouble, engine: Database, patient: Database, tmp_path: Path, code: str
) -> None:
    path = tmp_path / "journal"
    with Journal(path, patient, patience=ANSWERED) as journal:
        trouble.begin(code)
        with pytest.raises(AtbDbError) as caught:
            journal.record(note())
        assert caught.value.sqlstate == code
        assert journal.status()[2:4] == (0, 0)
        trouble.end()
    with Journal(path, engine, patience=BRIEF) as journal:
        trouble.begin("53100")
        assert isinstance(journal.record(note()), Queued)
        trouble.end()
    with Journal(path, patient, patience=ANSWERED) as journal:
        trouble.begin(code)
        assert journal.replay()[:3] == (0, 1, 0)
        trouble.end()
        journal.record(note())
        journal.replay()
        assert journal.status()[2:4] == (0, 1)
    [entry] = read_entries(path)
    assert entry.problem is not None
    assert entry.problem.sqlstate == code


def test_a_sequence_that_has_come_to_its_end(fresh_url: str, tmp_path: Path) -> None:
    with Database(fresh_url) as db, Journal(tmp_path / "journal", db, patience=ANSWERED) as journal:
        for _ in range(2):
            assert isinstance(journal.record(note()), int)
    with Database(fresh_url) as db, Journal(tmp_path / "journal", db) as journal:
        with psycopg.connect(fresh_url, autocommit=True) as owner:
            owner.execute("ALTER TABLE system_events ALTER id SET MAXVALUE 2")
            with pytest.raises(ResourceFull):
                db.run(note())
            assert isinstance(journal.record(note()), Queued)
            owner.execute("ALTER TABLE system_events ALTER id SET NO MAXVALUE")
        assert journal.replay() == (1, 0, 0, None)


def test_a_server_that_has_run_out_of_transaction_ids(tmp_path: Path) -> None:
    """54000 is also what a value says that is too large for an index, which is the entry's own fault."""
    with embedded.postgresql() as server:
        url = server.create_database("own", template="template0")
        with psycopg.connect(url) as connection:
            connection.execute(schema_sql())
        with Database(url) as db, Journal(tmp_path / "journal", db, patience=ANSWERED) as journal:
            assert isinstance(journal.record(note()), int)
        with Database(url) as db, Journal(tmp_path / "journal", db, patience=0.2) as journal:
            with server.outage():
                leap(server, to=2_146_000_000)
            with pytest.raises(ResourceFull, match="wraparound"):
                db.run(note())
            assert isinstance(journal.record(note()), Queued)
            assert journal.replay()[:3] == (0, 0, 1)


def leap(server: Server, *, to: int) -> None:
    """Make that the next transaction id, with a page of the commit log for it."""
    data = Path(server.data_dir)
    owner = data.stat()
    page = data / "pg_xact" / f"{to // 2**20:04X}"
    page.write_bytes(bytes(2**18))
    os.chown(page, owner.st_uid, owner.st_gid)
    program = server.bin_dir / "pg_resetwal"
    subprocess.run(
        [program, "--next-transaction-id", str(to), data], check=True, capture_output=True, user=owner.st_uid, cwd=data
    )


def test_a_database_that_has_become_read_only(fresh_url: str, tmp_path: Path) -> None:
    with psycopg.connect(fresh_url, autocommit=True) as owner:
        name = owner.info.dbname
        owner.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
        with Database(fresh_url) as db, Journal(tmp_path / "journal", db) as journal:
            assert isinstance(journal.record(note()), Queued)
            owner.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'.encode())
            assert journal.replay() == (1, 0, 0, None)
