"""An engine that is killed at any moment and starts again with the same request_ids goes on where it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from time import sleep
from typing import Final

import pytest

from tests.faults.conftest import FULL, Record
from tests.faults.engine import Answered
from tests.faults.oracle import judge
from tests.faults.results import Line
from tests.faults.scene import Scene, begin_sessions

KILLS: Final = 100 if FULL else 2
_ROUNDS: Final = 1_000_000
_ANSWERS_A_ROUND: Final = 7


def engine(scene: Scene, session_id: int, path: Path, rounds: int, kind: str) -> subprocess.Popen[bytes]:
    program = [sys.executable, "-m", "tests.faults.engine"]
    return subprocess.Popen([*program, scene.url, str(session_id), path.name, "1", str(path), str(rounds), kind])


@pytest.mark.slow
def test_nothing_is_lost_or_doubled(scene: Scene, tmp_path: Path, is_async: bool, record: Record) -> None:  # noqa: FBT001
    kind = "async" if is_async else "sync"
    [session_id] = begin_sessions(scene.url, 1)
    path = tmp_path / "answers"
    path.touch()
    for _ in range(KILLS):
        before = path.stat().st_size
        with engine(scene, session_id, path, _ROUNDS, kind) as process:
            while path.stat().st_size == before:
                assert process.poll() is None, "the engine has ended"
                sleep(0.001)
            sleep(scene.chance.uniform(0, 0.1))
            process.kill()
    answered = len(Answered.read(path))
    with engine(scene, session_id, path, answered // _ANSWERS_A_ROUND + 2, kind) as process:
        assert process.wait() == 0
    verdict = judge(scene.url, Answered.read(path))
    counts = KILLS, verdict.answers, verdict.lost, verdict.double
    record(Line("engine killed (SIGKILL)", kind, *counts, promised="goes on where it was"))
    assert verdict.holds
    assert verdict.answers > answered
