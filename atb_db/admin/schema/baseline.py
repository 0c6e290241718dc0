"""The first migration, written from sql/schema: as long as nothing has been released, no database needs the steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from atb_db.admin.schema.declared import read_declared
from atb_db.admin.tokens import SqlStatement, statements
from atb_db.sqlfile import sql_root

NAME: Final = "0001-baseline"
_HEAD: Final = """\
-- What holds data, as of the first release: types, domains, tables, constraints, indexes.
--
-- Written by `make baseline` from sql/schema, until there is a release; then a change is a migration of its own.
-- replaces: 0001-initial, 0002-everything-the-bot-remembers, 0003-operations, 0004-restart, 0005-reporting
-- replaces: 0006-retention, 0007-deployment, 0008-books, 0009-performance
"""
_ROLLBACK_HEAD: Final = """\
-- Takes back what 0001-baseline does. Written by `make baseline`.
"""
_DROPPED: Final = ("table", "sequence", "schema", "domain", "type")


def baseline(data: Sequence[str]) -> tuple[str, str]:
    """The text of the migration that makes the data, and of the one that takes it back."""
    made = [statement for text in data for statement in statements(text)]
    return (
        "\n".join([_HEAD, *(f"{text};\n" for text in data)]).rstrip("\n") + "\n",
        "\n".join([_ROLLBACK_HEAD, *(f"{text};" for text in _undone(made))]) + "\n",
    )


def _undone(made: Sequence[SqlStatement]) -> Iterator[str]:
    """Constraints that hold two tables together first, then everything else in reverse order."""
    for statement in reversed(made):
        words = [token.text for token in statement.tokens]
        if [word.upper() for word in words[:2]] == ["ALTER", "TABLE"] and words[3:5] == ["ADD", "CONSTRAINT"]:
            yield f"ALTER TABLE {words[2]} DROP CONSTRAINT {words[5]}"
    for kind in _DROPPED:
        for statement in reversed(made):
            words = [token.text for token in statement.tokens]
            if [word.upper() for word in words[:2]] == ["CREATE", kind.upper()] and not _owned(statement):
                yield f"DROP {kind.upper()} {words[2]}"


def _owned(statement: SqlStatement) -> bool:
    """Whether it goes with a table's column."""
    return "OWNED BY" in statement.shape


def write_baseline() -> None:
    """Write the baseline and its rollback again."""
    folder = sql_root() / "migrations"
    migration, rollback = baseline(read_declared(sql_root() / "schema").data)
    (folder / f"{NAME}.sql").write_text(migration, encoding="utf-8")
    (folder / f"{NAME}.rollback.sql").write_text(rollback, encoding="utf-8")


if __name__ == "__main__":
    write_baseline()
