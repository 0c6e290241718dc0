import subprocess
import sys
from pathlib import Path

import pytest

from atb_db.embedded import OLDEST_MAJOR, find_binaries, wheel_binaries
from atb_db.errors import ConfigurationError

NO_WHEEL = "no_such_package_anywhere"


def fake_binaries(bin_dir: Path, version: str, *names: str) -> Path:
    bin_dir.mkdir(parents=True)
    for name in names or ("postgres", "initdb"):
        program = bin_dir / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    for part in (bin_dir, *bin_dir.parents):
        if "atb-test-" in str(part):
            part.chmod(0o755)  # whatever the umask
    return bin_dir


def test_the_chosen_folder_wins(folder: Path) -> None:
    chosen = fake_binaries(folder / "chosen", "17.2")
    on_path = fake_binaries(folder / "path", "18.1")
    assert find_binaries({"ATB_DB_PG_BIN": str(chosen), "PATH": str(on_path)}) == chosen


@pytest.mark.parametrize("version", [None, f"{OLDEST_MAJOR - 1}.9"])
def test_a_useless_chosen_folder_is_named(folder: Path, version: str | None) -> None:
    chosen = folder / "chosen"
    if version:
        fake_binaries(chosen, version)
    with pytest.raises(ConfigurationError, match=f"ATB_DB_PG_BIN.*{chosen}"):
        find_binaries({"ATB_DB_PG_BIN": str(chosen)})


def test_the_path_comes_before_the_usual_places(folder: Path) -> None:
    on_path = fake_binaries(folder / "path", "16.1")
    fake_binaries(folder / "usual" / "18" / "bin", "18.1")
    places = [f"{folder}/usual/*/bin"]
    assert find_binaries({"PATH": str(on_path)}, places, NO_WHEEL) == on_path


def test_pg_config_on_the_path_names_the_folder(folder: Path) -> None:
    told = fake_binaries(folder / "told", "16.1")
    pg_config = folder / "pg_config"
    pg_config.write_text(f"#!/bin/sh\necho {told}\n")
    pg_config.chmod(0o755)
    assert find_binaries({"PATH": str(folder)}, [], NO_WHEEL) == told


def test_the_newest_of_the_usual_places_is_taken(folder: Path) -> None:
    for major in ("9.6", "14.20", "100beta1", "18.1"):
        fake_binaries(folder / major / "bin", major)
    (folder / "101" / "bin").mkdir(parents=True)
    found = find_binaries({"PATH": ""}, [f"{folder}/*/bin"], NO_WHEEL)
    assert found == folder / "100beta1" / "bin"


def test_too_old_a_server_is_passed_over(folder: Path) -> None:
    on_path = fake_binaries(folder / "path", "13.9")
    usual = fake_binaries(folder / "usual", "14.0")
    assert find_binaries({"PATH": str(on_path)}, [str(usual)], NO_WHEEL) == usual


@pytest.mark.skipif(not wheel_binaries(), reason="PostgreSQL's PyPI package is not installed")
def test_the_package_comes_last() -> None:
    assert find_binaries({"PATH": ""}, []) in wheel_binaries()


def test_without_any_the_ways_out_are_named() -> None:
    with pytest.raises(ConfigurationError, match=r"atb-db\[embedded\].*ATB_DB_PG_BIN"):
        find_binaries({"PATH": ""}, [], NO_WHEEL)


WITHOUT_THE_EXTRA = "import sys; sys.modules['testing.postgresql'] = None; "


def test_without_the_extra_it_is_named() -> None:
    code = WITHOUT_THE_EXTRA + "from atb_db.embedded import postgresql"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ConfigurationError" in done.stderr
    assert "pip install 'atb-db[embedded]'" in done.stderr


def test_without_the_extra_debians_programs_are_found_behind_its_wrapper(folder: Path) -> None:
    """As `pip install atb-db` and `apt install postgresql-client` leave a machine."""
    usual = fake_binaries(folder / "usr" / "lib" / "postgresql" / "99" / "bin", "99.1", "pg_dump")
    wrapper = fake_binaries(folder / "share", "99.1", "pg_wrapper") / "pg_wrapper"
    (folder / "bin").mkdir()
    (folder / "bin" / "pg_dump").symlink_to(wrapper)
    code = (
        "from atb_db.admin import programs; from atb_db.embedded import binaries\n"
        "places = [sys.argv[1] + place for place in binaries.PLACES]\n"
        "programs.usual_folders = lambda: binaries.usual_folders(places)\n"
        "print(programs.tool_for('pg_dump', 99, {'PATH': sys.argv[2]}).path)"
    )
    command = [sys.executable, "-c", WITHOUT_THE_EXTRA + code, str(folder), str(folder / "bin")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (str(usual / "pg_dump"), "")
