"""What a container would run, run without one: from an installed wheel, by the commands that the files name."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import pytest
import yaml

from atb_db import Database, Settings
from atb_db.cli import app
from atb_db.database.connecting import OLDEST_SERVER
from atb_db.embedded import Server
from atb_db.repository import deployment
from tests.wheel import ROOT, unpacked_wheel

DOCKERFILE: Final = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
COMPOSE: Final = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
RAILWAY: Final = json.loads((ROOT / "deploy" / "railway.json").read_text(encoding="utf-8"))
ACTIONS: Final = yaml.safe_load((ROOT / "deploy" / "github-actions.yml").read_text(encoding="utf-8"))


def instruction(name: str) -> list[str]:
    """The arguments of each such instruction of the Dockerfile, in order."""
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)


def commands() -> Iterator[list[str]]:
    """Every command line of atb-db that one of the files has, without the program."""
    yield json.loads(instruction("CMD")[-1])
    yield json.loads(instruction("HEALTHCHECK")[0].partition("CMD ")[2])[1:]
    yield COMPOSE["services"]["migrate"]["command"]
    for line in (*RAILWAY["deploy"]["preDeployCommand"], RAILWAY["deploy"]["startCommand"]):
        yield shlex.split(line)[1:]
    for job in ACTIONS["jobs"].values():
        for step in job["steps"]:
            if str(step.get("run", "")).startswith("atb-db "):
                yield shlex.split(step["run"])[1:]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel, unpacked as pip does."""
    return unpacked_wheel(tmp_path_factory.mktemp("container"))


def ran(installed: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments where only the wheel and the environment are, as in a container."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("DATABASE_", "PG", "COVERAGE"))}
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        env=kept | {"PYTHONPATH": str(installed), "DATABASE_URL": url},
        cwd=installed.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_every_command_and_option_exists() -> None:
    for words in commands():
        assert app.app_for(words)([*words, "--help"], standalone_mode=False) in {0, None}, words


@pytest.mark.slow
def test_what_compose_starts_works_one_after_the_other(server: Server, installed: Path) -> None:
    url = server.create_database("composed", template="template0")
    atb_db = ("-m", "atb_db")
    assert ran(installed, url, *atb_db, "health").returncode == 3
    for _ in range(2):  # a container is started again
        done = ran(installed, url, *atb_db, *COMPOSE["services"]["migrate"]["command"])
        assert done.returncode == 0, done.stderr
    program, *arguments = COMPOSE["services"]["engine"]["entrypoint"]
    assert program == "python"
    traded = ran(installed, url, *arguments)
    assert traded.returncode == 0, traded.stderr
    assert re.fullmatch(r"Session \d+ was traded\. .*\n", traded.stdout)
    assert ran(installed, url, *atb_db, "audit").returncode == 0
    assert ran(installed, url, *atb_db, *json.loads(instruction("CMD")[-1])).returncode == 0
    with Database(Settings.load(url, environ={})) as db:
        db.run(deployment.set_environment(environment="PRODUCTION", set_by="test"))
    refused = ran(installed, url, *arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "PRODUCTION" in refused.stderr


def test_the_image_is_nobodys_root_and_has_no_password() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert last.index("\nUSER atb\n") < last.index("\nENTRYPOINT ")
    assert "DATABASE_URL=" not in DOCKERFILE
    assert instruction("ENTRYPOINT") == ['["atb-db"]']


def test_it_has_the_programs_of_every_supported_server() -> None:
    majors = sorted(int(major) for major in re.findall(r"postgresql-client-(\d+)", DOCKERFILE))
    assert majors == list(range(OLDEST_SERVER, majors[-1] + 1))


def test_nothing_waits_for_what_is_not_there() -> None:
    services = cast("dict[str, dict[str, object]]", COMPOSE["services"])
    for service in services.values():
        assert set(cast("dict[str, object]", service.get("depends_on", {}))) <= set(services)
