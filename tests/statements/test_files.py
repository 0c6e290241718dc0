"""One function, one SQL file, one sentence that both say."""

from __future__ import annotations

import inspect

from atb_db.repository import statements
from atb_db.sqlfile import query_file, sql_root
from atb_db.statement import Declared
from tests.each import each

STATEMENTS = statements()


def test_every_file_has_its_declaration_and_every_declaration_its_file() -> None:
    declared = {query_file(*declaration.name.split(".")) for declaration in STATEMENTS}
    assert declared == set((sql_root() / "queries").rglob("*.sql"))
    assert declared == {declaration.path for declaration in STATEMENTS}


def test_the_file_begins_with_the_first_line_of_the_docstring() -> None:
    def holds(declaration: Declared[object]) -> None:
        sentence = (inspect.getdoc(declaration) or "").partition("\n")[0]
        assert sentence
        assert declaration.path.read_text(encoding="utf-8").partition("\n")[0] == f"-- {sentence}"

    each(STATEMENTS, holds)
