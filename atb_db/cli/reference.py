"""docs/cli.md, made from the commands' --help: `python -m atb_db.cli.reference`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from typer.testing import CliRunner

from atb_db.cli.app import app, app_for

_HEAD = """\
# `atb-db`: every command

Made by `make docs` from the commands' `--help`.

`--url` takes precedence over `DATABASE_URL`. Results go to stdout (as JSON with `--json`), messages to stderr.
"""

_CODES: Final = re.compile(r"(?:^|[ ,])(\d{1,3}) (?=[a-z-])")


def reference() -> str:
    """The page."""
    shown = {name: _help(name) for name in names()}
    rows = ["| command | what it does | exit codes |", "|---|---|---|"]
    rows += [_row(name, text) for name, text in shown.items() if name]
    return "\n".join((_HEAD, *rows, "", *(_section(name, text) for name, text in shown.items())))


def names() -> Iterator[str]:
    """Every command, those of a group after it; the empty name is the program's own."""
    yield ""
    yield from (command.name or "" for command in app.registered_commands)
    for group in app.registered_groups:
        yield group.name or ""
        inside = group.typer_instance.registered_commands if group.typer_instance else []
        yield from (f"{group.name} {command.name}" for command in inside)


def _help(name: str) -> str:
    shown = CliRunner().invoke(app_for(name.split()), [*name.split(), "--help"], prog_name="atb-db")
    return "\n".join(line.rstrip() for line in shown.stdout.strip().splitlines())


def _row(name: str, text: str) -> str:
    """The command's line of the table: its help's first paragraph, and the exit codes that its help lists."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    codes = next(one.removeprefix("Exit codes:") for one in paragraphs if one.startswith("Exit codes:"))
    link = f"[`{name}`](#atb-db-{name.replace(' ', '-')})"
    return f"| {link} | {paragraphs[1].replace('|', '/')} | {', '.join(_CODES.findall(codes))} |"


def _section(name: str, text: str) -> str:
    return f"## `{f'atb-db {name}'.strip()}`\n\n```text\n{text}\n```\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
