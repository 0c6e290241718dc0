"""Every field of a result says what it is and its unit where an editor shows it: the text of its column's comment."""

from __future__ import annotations

from types import ModuleType

import psycopg
import pytest

from atb_db.repository import statements
from tests.docs.described import Described, modules, row_types
from tests.docs.fields import Field, fields, meant, written


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__.rpartition(".")[2])
def test_fields_say_what_their_columns_say(url: str, module: ModuleType) -> None:
    with psycopg.connect(url) as connection:
        comments = Described(connection).comments(statements())
    rows = {row.__name__ for other in modules() for row in row_types(other)}
    for field in fields(module):
        comment = comments.get((field.row, field.name))
        if comment is not None:
            assert field.doc == " ".join(meant(field, comment).split()), (
                f"{field.row}.{field.name}: make docs writes it again"
            )
        elif not any(name in field.annotation for name in rows):
            assert field.doc, f"{field.row}.{field.name} needs a docstring: its column has no comment of its own"


SOURCE = '''\
class Row(NamedTuple):
    """A row."""

    first: int
    second: int
    """Old."""
    third: int
    """By hand."""
'''


def test_comments_are_written_over_old_docstrings() -> None:
    found = [
        Field("m.Row", "first", "int", None, None, 4, 4),
        Field("m.Row", "second", "int", None, "Old.", 5, 6),
        Field("m.Row", "third", "int", None, "By hand.", 7, 8),
    ]
    assert meant(found[0]._replace(annotation="EventType | str"), "Kind.").startswith("Kind. Text if a later version")
    text = written(
        SOURCE, found, {("m.Row", "first"): "One.", ("m.Row", "second"): "New, " + "and long " * 12 + "now."}
    )
    assert '    first: int\n    """One."""\n    second: int\n    """New, and' in text
    assert 'long now.\n    """\n    third: int\n    """By hand."""\n' in text.replace("long\n    now", "long now")
    assert max(map(len, text.splitlines())) <= 120
