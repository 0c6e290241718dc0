"""What the commands on an archive say of where it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from atb_db.admin.continuous.plan import Window
from atb_db.admin.continuous.status import ArchiveStatus, shown_status
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    "words",
    [
        ("archive", "status"),
        ("archive", "stop"),
        ("restore", "--at", "2026-11-29 03:00:05+00"),
        ("restore", "--before-request", "0198c0de-0000-7000-8000-000000000001"),
        ("drill", "--at", "random"),
    ],
)
@pytest.mark.parametrize("where", [(), ("--archive-dir", "kept/here")])
def test_messages_name_the_whole_path(
    call: Run, empty_url: str, tmp_path: Path, words: tuple[str, ...], where: tuple[str, ...]
) -> None:
    ended = call(*words, *where, url=empty_url)
    assert str(tmp_path / (where[1] if where else "archive")) in ended.err, ended


def test_the_status_names_the_folder() -> None:
    now = datetime.now(UTC)
    nothing = ArchiveStatus(
        folder=Path("/srv/archive"), slot="s", running=True, streaming=True, protected_until=None, last_base=None,
        bases=0, bytes=0, windows=(), problems=(), elsewhere_until=None,
    )  # fmt: skip
    some = nothing._replace(protected_until=now, bases=1, windows=(Window(now, now),))
    assert all("/srv/archive" in shown_status(one) for one in (nothing, some))
