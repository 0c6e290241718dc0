"""The tree in ARCHITECTURE.md: each module and its docstring's first line; `python -m tests.docs.tree` writes it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "ARCHITECTURE.md"
FOLDERS = {
    "sql/queries/": ("The statements: `positions/close_position.sql` is the SQL of `positions.close_position`.", False),
    "sql/migrations/": ("How a database of an older release becomes this one's; tables and other data only.", False),
    "sql/catalog/": ("What admin commands ask of a server's catalog.", False),
    "sql/schema/": ("What the database is.", True),
}
"""Folders of SQL with their heads, and whether each of their files has a line."""
_PLACE = re.compile(r"(?<=<!-- tree -->\n).*?(?=<!-- end of tree -->)", re.DOTALL)


def tree() -> str:
    """The tree as text."""
    lines = [*_of(ROOT / "atb_db", 0)]
    for folder, (head, shown_files) in FOLDERS.items():
        lines += [f"{folder:<36} {head}"]
        lines += [
            f"  {path.name:<34} {_comment(path)}" for path in sorted((ROOT / folder).glob("*.sql")) if shown_files
        ]
    return "```\n" + "\n".join(lines) + "\n```\n"


def shown() -> str:
    """The tree that the page shows."""
    found = _PLACE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    return found[0]


def _of(folder: Path, depth: int) -> Iterator[str]:
    indent = "  " * depth
    head = _docstring(folder / "__init__.py")
    yield f"{indent + folder.name + '/':<36} {head}".rstrip()
    for path in sorted(folder.iterdir(), key=lambda one: (one.is_dir(), one.name)):
        if path.is_dir() and (path / "__init__.py").exists():
            yield from _of(path, depth + 1)
        elif path.suffix == ".py" and path.name not in {"__init__.py", "__main__.py"}:
            yield f"{indent + '  ' + path.name:<36} {_docstring(path)}".rstrip()


def _docstring(path: Path) -> str:
    if not path.exists():
        return ""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def _comment(path: Path) -> str:
    """The first sentence of a file's first comment, in one line."""
    text = " ".join(
        line.removeprefix("--").strip()
        for line in path.read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
        if line.startswith("--")
    )
    return re.split(r"(?<=[.]) ", text, maxsplit=1)[0]


def write() -> None:
    """Write the tree into the page again."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_PLACE.sub(lambda _: tree(), text), encoding="utf-8")


if __name__ == "__main__":
    write()
