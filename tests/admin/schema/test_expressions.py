import pytest

from atb_db.admin.schema.expressions import flattened


@pytest.mark.parametrize(
    ("definition", "flat"),
    [
        ("CHECK ((((a >= 1) AND (a <= 2)) AND (b)))", "CHECK (((a >= 1) AND (a <= 2) AND (b)))"),
        ("((a) AND ((b) AND ((c) AND (d))))", "((a) AND (b) AND (c) AND (d))"),
        ("(((a) OR (b)) OR (c))", "((a) OR (b) OR (c))"),
        ("(((a) OR (b)) AND (c))", "(((a) OR (b)) AND (c))"),
        ("((a) OR ((b) AND (c)))", "((a) OR ((b) AND (c)))"),
        ("((a = '((x AND y) AND z)'::text) AND (b))", "((a = '((x AND y) AND z)'::text) AND (b))"),
        (
            "CREATE INDEX i ON t (a) WHERE (((a) AND (b)) AND (c))",
            "CREATE INDEX i ON t (a) WHERE ((a) AND (b) AND (c))",
        ),
        ("", ""),
    ],
)
def test_nested_chains_are_written_flat(definition: str, flat: str) -> None:
    assert flattened(definition) == flat
    assert flattened(flat) == flat
