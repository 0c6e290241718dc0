"""One function, one SQL file, one sentence that both say."""

from __future__ import annotations

import inspect

from atb_db.admin.tokens import tokens
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


def test_an_unknown_session_is_refused_by_the_outermost_select() -> None:
    """Within, a plan may never get there: a join of which one side is empty looks at nothing on the other."""

    def holds(declaration: Declared[object]) -> None:
        said = declaration.path.read_text(encoding="utf-8")
        depths = _depths(said, "existing_session")
        # What inserts runs whole, wherever it stands.
        assert not depths or 0 in depths or "INSERT INTO" in said

    each(STATEMENTS, holds)


def _depths(sql: str, name: str) -> set[int]:
    """In how many subqueries the name stands, for each time that it does."""
    found: set[int] = set()
    parentheses: list[bool] = []
    before = ""
    for token in tokens(sql):
        word = token.text.upper()
        if before == "(":
            parentheses.append(word in {"SELECT", "WITH", "INSERT", "UPDATE"})
        if word == ")":
            parentheses.pop()
        if token.text == name:
            found.add(sum(parentheses))
        before = word
    return found
