"""`atb-db export` and `atb-db import export`: what they print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atb_db import Database
from atb_db.cli.exits import ExitCode
from atb_db.embedded import Server
from tests.cli.conftest import Run
from tests.conftest import TEMPLATE
from tests.statements.examples import prepare


@pytest.mark.parametrize("file_format", ["parquet", pytest.param("csv", marks=pytest.mark.slow)])
def test_out_and_in(call: Run, server: Server, fresh_url: str, tmp_path: Path, file_format: str) -> None:
    with Database(fresh_url) as db:
        world = prepare(db, unbooked=False)
    out = str(tmp_path / "out")
    options = ("--session", str(world.session_id), "--format", file_format)
    code, printed, err = call("export", *options, "--out", out, url=fresh_url)
    assert (code, "1 session, " in err) == (ExitCode.OK, True), err
    assert any(line.split()[:1] == ["trades"] for line in printed.splitlines())
    other = server.create_database(f"cli_export_{file_format}", template=TEMPLATE)
    code, _, err = call("import", "export", out, "--dry-run", url=other)
    assert (code, "A dry run: nothing was kept." in err) == (ExitCode.OK, True), err
    code, printed, err = call("import", "export", out, "--json", url=other)
    done = json.loads(printed)
    assert (code, [one["known"] for one in done["sessions"]]) == (ExitCode.OK, [False]), err
    code, printed, _ = call("import", "export", out, url=other)
    assert (code, "imported before" in printed) == (ExitCode.OK, True)
    assert call("export", *options, "--out", out, url=fresh_url)[0] == ExitCode.USAGE
    code, _, err = call("import", "export", out, url=fresh_url)
    assert (code, "is in this database already" in err) == (ExitCode.FAILED, True)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--session", "999999"), ExitCode.FAILED),
        (("--session", "1", "--since", "1d"), ExitCode.USAGE),
        (("--format", "xlsx"), ExitCode.USAGE),
    ],
)
def test_what_cannot_be_exported(
    call: Run, fresh_url: str, tmp_path: Path, options: tuple[str, ...], code: ExitCode
) -> None:
    found, _, err = call("export", *options, "--out", str(tmp_path / "out"), url=fresh_url)
    assert found == code
    assert "999999" not in options or err == "atb-db: session 999999 does not exist\n"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_export(call: Run, fresh_url: str, tmp_path: Path) -> None:
    code, _, err = call("import", "export", str(tmp_path), url=fresh_url)
    assert (code, "is no export: it has no manifest.json" in err) == (ExitCode.USAGE, True)
