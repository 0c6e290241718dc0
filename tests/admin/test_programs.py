import subprocess
import sys
from pathlib import Path

import pytest

from atb_db.admin import programs
from atb_db.admin.errors import ToolMissing
from atb_db.admin.programs import Invocation, find_tool, run, running, tool_for
from atb_db.errors import AtbDbError


def program(folder: Path, name: str, version: str = "") -> Path:
    """A program that only prints its version."""
    folder.mkdir(parents=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
    path.chmod(0o755)
    return path


def python(code: str) -> Invocation:
    return Invocation(Path(sys.executable), (sys.executable, "-c", code), {})


def test_the_chosen_folder_comes_before_the_path(tmp_path: Path) -> None:
    chosen, on_path = program(tmp_path / "chosen", "psql"), program(tmp_path / "path", "psql")
    assert find_tool("psql", {"ATB_DB_PG_BIN": str(chosen.parent), "PATH": str(on_path.parent)}) == chosen
    assert find_tool("psql", {"PATH": str(on_path.parent)}) == on_path


def test_the_newest_of_the_usual_places_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = [program(tmp_path / version / "bin", "psql") for version in ("9.6", "18", "17")]
    monkeypatch.setattr(programs, "_usual_folders", lambda: [path.parent for path in found])
    assert find_tool("psql", {"PATH": str(tmp_path)}) == found[1]


def test_without_any_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(programs, "_usual_folders", lambda: [tmp_path])
    for look in (lambda: find_tool("psql", {"PATH": str(tmp_path)}), lambda: tool_for("psql", 9, {"PATH": "/"})):
        with pytest.raises(ToolMissing, match=r"no psql .*install"):
            look()


def test_the_program_of_the_servers_version_is_best_and_a_newer_one_will_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = {version: program(tmp_path / version, "pg_dump", f"{version}.1") for version in ("14", "15", "17", "18")}
    monkeypatch.setattr(programs, "_usual_folders", lambda: [path.parent for path in found.values()])
    environ = {"PATH": str(found["18"].parent), "ATB_DB_PG_BIN": str(found["17"].parent)}
    assert tool_for("pg_dump", 15, environ) == (found["15"], "15.1")
    assert tool_for("pg_dump", 16, environ) == (found["17"], "17.1")
    with pytest.raises(ToolMissing, match=r"PostgreSQL 19 needs .* only pg_dump 14\.1, 15\.1, 17\.1, 18\.1 here"):
        tool_for("pg_dump", 19, environ)


def test_of_equals_the_chosen_one_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usual, chosen = (program(tmp_path / where, "pg_dump", "15.9") for where in ("usual", "chosen"))
    monkeypatch.setattr(programs, "_usual_folders", lambda: [usual.parent])
    assert tool_for("pg_dump", 15, {"ATB_DB_PG_BIN": str(chosen.parent)}).path == chosen


def test_a_wrapper_and_a_program_that_does_not_run_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrapper = program(tmp_path / "share", "pg_wrapper", "15.1")
    (tmp_path / "wrapped").mkdir()
    (tmp_path / "wrapped" / "pg_dump").symlink_to(wrapper)
    broken, good = program(tmp_path / "broken", "pg_dump"), program(tmp_path / "good", "pg_dump", "18.1")
    broken.write_text("#!/no/such/interpreter\n")
    folders = [tmp_path / "wrapped", broken.parent, good.parent]
    monkeypatch.setattr(programs, "_usual_folders", lambda: folders)
    assert tool_for("pg_dump", 15, {"PATH": "/"}).path == good


def test_a_failure_is_told_in_the_programs_own_words() -> None:
    said = ["python: warning: old", "python: error: no room", "python: detail: the query was COPY"]
    name = Path(sys.executable).name
    said = [line.replace("python", name, 1) for line in said]
    with pytest.raises(AtbDbError, match=rf"^{name} failed: no room$"):
        run(python(f"import sys; sys.exit({chr(10).join(said)!r})"))
    with pytest.raises(AtbDbError, match="it ended with 7"):
        run(python("raise SystemExit(7)"))
    with pytest.raises(ToolMissing, match="cannot be run: No such file"):
        run(Invocation(Path("/nope"), ("/nope",), {}))


def test_an_exception_ends_the_program() -> None:
    def interrupted() -> subprocess.Popen[bytes]:
        with running(python("import time; time.sleep(60)")) as child:
            children.append(child)
            raise KeyboardInterrupt

    children: list[subprocess.Popen[bytes]] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert children[0].returncode == -15
