"""docs/cli.md, made from what the commands' --help says: `python -m atb_db.cli.reference`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from typer.testing import CliRunner

from atb_db.cli.app import app

_HEAD = """\
# `atb-db`: every command

What `--help` says; made by `make docs`.
"""


def reference() -> str:
    """The page."""
    return "\n".join((_HEAD, *(_section(name) for name in names())))


def names() -> Iterator[str]:
    """Every command, those of a group after it; the empty name is the program's own."""
    yield ""
    yield from (command.name or "" for command in app.registered_commands)
    for group in app.registered_groups:
        yield group.name or ""
        inside = group.typer_instance.registered_commands if group.typer_instance else []
        yield from (f"{group.name} {command.name}" for command in inside)


def _section(name: str) -> str:
    shown = CliRunner().invoke(app, [*name.split(), "--help"], prog_name="atb-db")
    lines = "\n".join(line.rstrip() for line in shown.stdout.strip().splitlines())
    return f"## `{f'atb-db {name}'.strip()}`\n\n```text\n{lines}\n```\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
