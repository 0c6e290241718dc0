"""Folders that a server of another user can use."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path that every user may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="atb-test-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    rmtree(path)


@pytest.fixture
def temporary(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made during the test."""
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder
