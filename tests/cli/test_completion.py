"""What shells are offered when somebody presses Tab, through the environment that their scripts set."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run, environment

PROGRAM = Path(sys.executable).with_name("atb-db")
BASH = shutil.which("bash")
SHELLS = ("bash", "zsh", "fish")


@pytest.fixture
def offered(call: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """What is printed for a line, whose last word is completed."""

    def complete(shell: str, line: str) -> str:
        for name, value in asking(shell, line).items():
            monkeypatch.setenv(name, value)
        done = call()
        assert done.err == ""
        return done.out

    return complete


def asking(shell: str, line: str) -> dict[str, str]:
    """What the shell's script puts into the environment."""
    words = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    return words | {"_ATB_DB_COMPLETE": f"complete_{shell}"}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "due", "not_due"),
    [
        ("atb-db mi", "migrate", "metrics"),
        ("atb-db backup sch", "schedule", "status"),
        ("atb-db migrate --reh", "--rehearse", "--dry-run"),
        ("atb-db query trades.get_r", "trades.get_recent_trades", "trades.get_trades_since"),
        ("atb-db query dash", "dashboard.dashboard", "trades"),
        ("atb-db report --mode l", "LIVE", "PAPER"),
    ],
)
def test_what_begins_like_that_is_offered(
    *, offered: Callable[[str, str], str], shell: str, line: str, due: str, not_due: str
) -> None:
    found = offered(shell, line)
    assert due in found
    assert not_due not in found


def test_commands_that_write_are_no_read_statements(offered: Callable[[str, str], str]) -> None:
    assert "trades.log_trade" not in offered("bash", "atb-db query trades.")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_for_each_shell_is_printed(call: Run, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setenv("_ATB_DB_COMPLETE", f"source_{shell}")
    assert f"_ATB_DB_COMPLETE=complete_{shell}" in call().out


@pytest.mark.skipif(BASH is None, reason="there is no bash on this machine")
def test_bash_itself_completes_a_statement(tmp_path: Path) -> None:
    assert BASH is not None
    script = tmp_path / "script"
    with script.open("w") as file:
        asked = environment(None) | {"_ATB_DB_COMPLETE": "source_bash"}
        subprocess.run((PROGRAM,), env=asked, stdout=file, check=True, timeout=60)
    ask = (
        f"source {shlex.quote(str(script))}; COMP_WORDS=(atb-db query trades.get_r); COMP_CWORD=2;"
        ' _atb_db_completion atb-db; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        (BASH, "--norc", "-c", ask),
        env=environment(None) | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["trades.get_recent_trades"]
