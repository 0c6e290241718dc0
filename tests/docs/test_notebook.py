"""docs/notebooks: every notebook runs from its first cell to its last, on a session like the demo's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import nbformat
import pytest
from nbclient import NotebookClient

from atb_db import Database
from tests.statements.examples import prepare

NOTEBOOKS: Final = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, fresh_url: str, fresh_db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(fresh_db, unbooked=False)
    monkeypatch.setenv("DATABASE_URL", fresh_url)
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    assert all(cell.get("outputs", []) == [] for cell in notebook.cells), "written without outputs"
    # Each output is kept in the notebook that is executed, not in the file.
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    assert any(cell.get("outputs") for cell in notebook.cells)
