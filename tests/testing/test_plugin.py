"""The fixtures in a project of a bot's own, with the plugin that an installed wheel registers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wheel import ROOT, unpacked_wheel

PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
OWN_TESTS = """
def test_one_writes(atb_database):
    assert started(atb_database) == 1


def test_another_sees_nothing_of_it(atb_database, atb_url):
    assert started(atb_database) == 1
    with Database(settings_of(atb_url)) as the_same:
        assert [one.id for one in the_same.run(sessions.get_active_sessions())] == [1]


def test_what_is_made_is_what_verify_wants(atb_url):
    from atb_db.admin.schema.verify import verify

    assert [one for one in verify(settings_of(atb_url)).findings if one.level == "ERROR"] == []


def test_the_server_has_the_settings_of_the_projects_own_fixture(atb_server):
    import psycopg

    with psycopg.connect(atb_server.url()) as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("20",)


def test_nothing_is_left_of_the_tests_before(atb_server):
    import psycopg

    with psycopg.connect(atb_server.url()) as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, 'atb_test_')").fetchall()
    assert left == []
"""
LIGHT = """
import sys


def test_a_run_without_databases_loads_no_driver():
    assert "atb_db.testing.plugin" in sys.modules
    assert not {"psycopg", "yoyo", "testing.postgresql"} & sys.modules.keys()
"""


def examples(kind: str) -> str:
    return "\n\n".join(re.findall(rf"```python {kind}\n(.*?)```", PAGE, flags=re.DOTALL))


def environment(installed: Path) -> dict[str, str]:
    """As a bot's developer has it: hostile variables of another database included."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("COVERAGE", "COV_", "PYTEST"))}
    elsewhere = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x",
        "DATABASE_REPLICA_URL": "postgresql://127.0.0.1:1/x",
    }
    return kept | elsewhere | {"PYTHONPATH": str(installed)}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked_wheel(tmp_path_factory.mktemp("wheel"))


def run(installed: Path, project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=project,
        env=environment(installed),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_bots_own_tests_use_the_fixtures(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(examples("conftest"), encoding="utf-8")
    (tmp_path / "test_bot.py").write_text(examples("test") + OWN_TESTS, encoding="utf-8")
    done = run(installed, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    tests = len(re.findall(r"^def test_", examples("test") + OWN_TESTS, flags=re.MULTILINE))
    assert tests > 8
    assert re.search(rf"^{tests} passed", done.stdout, re.MULTILINE), done.stdout


def test_a_run_that_asks_for_no_database_pays_for_none(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "test_light.py").write_text(LIGHT, encoding="utf-8")
    done = run(installed, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "1 passed" in done.stdout, done.stdout


@pytest.mark.slow
def test_the_page_shows_the_way_without_pytest(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "-c", examples("script"))
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_without_the_extra_the_fixture_says_what_to_install(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import sys\nsys.modules['testing.postgresql'] = None\n")
    (tmp_path / "test_bot.py").write_text("def test_one(atb_database):\n    pass\n")
    done = run(installed, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "ConfigurationError: The embedded PostgreSQL needs an extra: pip install 'atb-db[embedded]'" in done.stdout
