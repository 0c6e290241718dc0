"""The runbook names only commands and options that there are."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
RUNBOOK = (DOCS / "operations.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## `atb-db ([^`]+)`\n\n```text\n(.*?)```", re.MULTILINE | re.DOTALL)
HELP = dict(SECTION.findall((DOCS / "cli.md").read_text(encoding="utf-8")))
INVOCATIONS = sorted({found.strip() for found in re.findall(r"atb-db ([a-z][^`#|\n,;]*)", RUNBOOK)})


def command_of(invocation: str) -> str:
    words = invocation.split()
    return max((name for name in (" ".join(words[:2]), words[0]) if name in HELP), key=len, default="")


def test_there_are_some() -> None:
    assert len(INVOCATIONS) > 20


@pytest.mark.parametrize("invocation", [one for one in INVOCATIONS if not one.startswith("has none")])
def test_what_the_runbook_runs_exists(invocation: str) -> None:
    command = command_of(invocation)
    assert command
    for option in re.findall(r"--[a-z-]+", invocation):
        assert f" {option}" in HELP[command]


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([a-z.]+\.md)\)", RUNBOOK):
        assert (DOCS / link).exists()
