"""Samples of real sources with expected figures, where they are at hand, and running imports."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest

from atb_db.admin.audit import audit
from atb_db.importing.results import Imported
from atb_db.testing import settings_of

SAMPLES = Path(os.environ.get("ATB_DB_SAMPLES") or Path(__file__).parents[3] / "shared" / "data" / "import")
"""Dumps, sqlite files and exchange files that real programs have written; they are not part of the repository."""

Sample: TypeAlias = Callable[[str], Path]


@pytest.fixture(scope="session")
def sample() -> Sample:
    """A sample's path; the test is skipped where there is none."""

    def find(name: str) -> Path:
        path = SAMPLES / name
        if not path.exists():
            pytest.skip(f"no sample {name}: ATB_DB_SAMPLES names their folder")
        return path

    return find


def expected(path: Path) -> dict[str, Any]:
    """The figures that belong to samples."""
    return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))


def silent(_what: str, _done: int, _total: int | None) -> None:
    """Nobody watches."""


def books_are_clean(url: str) -> bool:
    """Whether the audit finds nothing."""
    found = audit(settings_of(url)).findings
    assert found == ()
    return True


def adds_up(done: Imported) -> bool:
    """Whether every row of each table has become a record, an adjusted record, or is in quarantine."""
    for one in done.counts:
        assert one.rows == one.records + one.adjusted + one.quarantined, one
    return True
