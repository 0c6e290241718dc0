from pathlib import Path

import pytest

from atb_db.admin import shell
from atb_db.admin.errors import ToolMissing
from atb_db.admin.shell import find_psql, psql_invocation
from atb_db.config import Settings

URL = (
    "postgresql://bot:s3cret-pw@db-1:5433,db-2/atb?sslmode=require&sslpassword=t0p&keepalives=1&options=-c%20geqo%3Doff"
)


def program(folder: Path) -> Path:
    folder.mkdir(parents=True)
    path = folder / "psql"
    path.touch(mode=0o755)
    return path


def test_the_connection_travels_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATB_DB_PG_BIN", str(program(tmp_path / "bin").parent))
    found = psql_invocation(Settings.load(URL, environ={}), arguments=["-c", "SELECT 1"])
    assert found.arguments == (str(tmp_path / "bin" / "psql"), "--dbname", "keepalives=1", "-c", "SELECT 1")
    assert dict(found.environment) == {
        "PGAPPNAME": "atb_db",
        "PGCONNECT_TIMEOUT": "5",
        "PGDATABASE": "atb",
        "PGHOST": "db-1,db-2",
        "PGOPTIONS": "-c geqo=off -c timezone=UTC -c default_transaction_read_only=on",
        "PGPASSWORD": "s3cret-pw",
        "PGPORT": "5433,",
        "PGSSLMODE": "require",
        "PGUSER": "bot",
    }


def test_options_of_the_environment_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATB_DB_PG_BIN", str(program(tmp_path / "bin").parent))
    monkeypatch.setenv("PGOPTIONS", "-c geqo=off")
    found = psql_invocation(Settings.load("dbname=atb", environ={}), write=True)
    assert found.environment["PGOPTIONS"] == "-c geqo=off -c timezone=UTC"


def test_the_chosen_folder_comes_before_the_path(tmp_path: Path) -> None:
    chosen, on_path = program(tmp_path / "chosen"), program(tmp_path / "path")
    assert find_psql({"ATB_DB_PG_BIN": str(chosen.parent), "PATH": str(on_path.parent)}) == chosen
    assert find_psql({"PATH": str(on_path.parent)}) == on_path


def test_the_newest_of_the_usual_places_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    programs = [program(tmp_path / version / "bin") for version in ("9.6", "18", "17")]
    monkeypatch.setattr(shell, "_usual_folders", lambda: [path.parent for path in programs])
    assert find_psql({"PATH": str(tmp_path)}) == programs[1]


def test_without_any_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shell, "_usual_folders", lambda: [tmp_path])
    with pytest.raises(ToolMissing, match="install"):
        find_psql({"PATH": str(tmp_path)})
