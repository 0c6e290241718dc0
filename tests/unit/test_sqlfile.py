"""`:name` becomes `$n` where it is a parameter, and only there."""

from __future__ import annotations

import pytest

from atb_db.sqlfile import compile_sql, query_file, schema_files, sql_root


@pytest.mark.parametrize(
    ("text", "compiled", "names"),
    [
        ("SELECT :a", "SELECT $1", ("a",)),
        ("SELECT :a, :b, :a", "SELECT $1, $2, $1", ("a", "b")),
        ("SELECT :a::int, b::text", "SELECT $1::int, b::text", ("a",)),
        ("SELECT ':a', :a", "SELECT ':a', $1", ("a",)),
        ("SELECT 'it''s :a', :a", "SELECT 'it''s :a', $1", ("a",)),
        (r"SELECT E'\':a', :a", r"SELECT E'\':a', $1", ("a",)),
        ('SELECT ":a", :a', 'SELECT ":a", $1', ("a",)),
        ("-- :a\nSELECT :b", "-- :a\nSELECT $1", ("b",)),
        ("/* :a */ SELECT :b", "/* :a */ SELECT $1", ("b",)),
        ("/* :a /* :b */ :c */ SELECT :d", "/* :a /* :b */ :c */ SELECT $1", ("d",)),
        ("SELECT $$ :a $$, :b", "SELECT $$ :a $$, $1", ("b",)),
        ("SELECT $x$ $$ :a $x$, :b", "SELECT $x$ $$ :a $x$, $1", ("b",)),
        ("SELECT f(a := :b)", "SELECT f(a := $1)", ("b",)),
        ("SELECT x[1:2], y[:a]", "SELECT x[1:2], y[$1]", ("a",)),
        ("SELECT '100%' || :a", "SELECT '100%' || $1", ("a",)),
        ("SELECT 1", "SELECT 1", ()),
    ],
)
def test_compile(text: str, compiled: str, names: tuple[str, ...]) -> None:
    assert compile_sql(text) == (compiled, names)


def test_files_are_found() -> None:
    assert query_file("trades", "log_trade") == sql_root() / "queries" / "trades" / "log_trade.sql"
    assert schema_files()[0].name == "00_types.sql"
