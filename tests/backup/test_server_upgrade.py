"""docs/upgrading-postgresql.md: from one major version of PostgreSQL to the next ones, by backup and restore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from atb_db import Database, Settings, embedded
from atb_db.admin.audit import audit
from atb_db.admin.backup.dump import backup
from atb_db.admin.backup.restore import restore
from atb_db.admin.collation import check_collation
from atb_db.admin.continuous.layout import FORMAT, Archive, write_archive
from atb_db.admin.continuous.preparing import prepare
from atb_db.admin.errors import Refused
from atb_db.admin.migrations import migrate
from atb_db.embedded import version_of, wheel_binaries
from atb_db.embedded.account import server_account
from atb_db.embedded.binaries import major_of, usual_folders
from atb_db.repository import positions, trades
from tests.statements.books import Contents, contents
from tests.statements.examples import prepare as prepare_world

RECORDED = {"system_events", "deployment"}
"""Backups and restores are recorded; the collation that indexes were built under is the new server's."""


def servers() -> Iterator[tuple[int, Path]]:
    """The PostgreSQL versions of this machine, the oldest first."""
    found = {}
    for folder in (*wheel_binaries(), *usual_folders()):
        version = version_of(folder, server_account())
        if version is not None and major_of(version) >= embedded.OLDEST_MAJOR:
            found[major_of(version)] = folder
    yield from sorted(found.items())


def books(url: str) -> Contents:
    return {table: rows for table, rows in contents(url).items() if table not in RECORDED}


@pytest.mark.slow
def test_from_the_oldest_version_here_to_the_newest_everything_stays_as_it_was(tmp_path: Path) -> None:
    (first, first_bin), *later = servers()
    if not later:
        pytest.skip(f"there is only PostgreSQL {first} on this machine")
    with ExitStack() as running:
        server = running.enter_context(embedded.postgresql(bin_dir=first_bin))
        settings = Settings.load(server.create_database("atb", template="template0"), environ={})
        migrate(settings)
        with Database(settings) as db:
            world = prepare_world(db, unbooked=False)
        for major, folder in later:
            was = books(settings.conninfo)
            made = backup(settings, folder=tmp_path / str(major))
            server = running.enter_context(embedded.postgresql(bin_dir=folder))
            settings = Settings.load(server.create_database("atb", template="template0"), environ={})
            done = restore(settings, made.path)
            assert major_of(done.server.version) == major
            assert done.verification.clean
            assert books(settings.conninfo) == was
            assert audit(settings).findings == ()
            assert check_collation(settings).clean
            with Database(settings) as db:
                # Ids go on where they were.
                last = max(one.id for one in db.run(trades.get_recent_trades(session_id=world.session_id)))
                position = db.run(
                    positions.open_position(
                        session_id=world.session_id, symbol="XRPUSDT", side="LONG", entry_price=1, size="0.1",
                        quantity=1, strategy_name="example", entry_order_id=f"after {major}",
                    )
                )  # fmt: skip
                assert db.run(positions.close_position(position_id=position, exit_price=2, exit_reason="target")) > last
        write_archive(tmp_path, Archive(FORMAT, "1", "atb_archive_1", 1 << 24, first))
        with pytest.raises(Refused, match="another server"):
            prepare(settings, tmp_path)
