"""Any rows of a bulk load, many at once: to the character what values made one by one are, or the same refusal."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from atb_db.bulk import AnyCopy, Copy, Rows
from atb_db.database.bulk import BulkLoad
from atb_db.errors import InvalidInput
from atb_db.repository import statements
from atb_db.statement import Statement
from tests.invariants.test_any_values import FULL, others
from tests.statements.examples import World, example

COPIES: Final = [found for found in statements() if isinstance(found, Copy)]
SPECIAL: Final = ["tab\there", "back\\slash", "\\N", "line\nbreak\r", "100 %", "%s", "", "\u2028", "é", "INFO"]
EXAMPLES: Final = 2000 if FULL else 60

Row = dict[str, Any]


class Loaded(NamedTuple):
    """What came of rows: their fields as COPY takes them, or the first refusal."""

    fields: list[list[str]]
    refusal: tuple[str | None, str, str | None, int | None] | None


def one_by_one(copy: AnyCopy, rows: Iterable[Row]) -> tuple[Loaded, list[Statement[None]]]:
    """The fields of values that are made one after the other, and the values."""
    made: list[Statement[None]] = []
    for number, row in enumerate(rows, 1):
        try:
            made.append(copy.value(row))
        except InvalidInput as error:
            return Loaded([], (error.statement, error.message, error.field, number)), []
    return Loaded([[_field(text) for text in row.server_values()] for row in made], None), made


def _field(text: str | None) -> str:
    if text is None:
        return "\\N"
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def at_once(rows: Rows | list[Statement[None]]) -> Loaded:
    """The fields of the same rows as a bulk load sends them."""
    load = BulkLoad.of(rows)
    assert load is not None
    try:
        lines = b"".join(load.blocks()).decode().split("\n")[:-1]
    except InvalidInput as error:
        return Loaded([], (error.statement, error.message, error.field, error.row))
    return Loaded([line.split("\t") for line in lines], None)


def columns(copy: AnyCopy, usual: Row) -> st.SearchStrategy[dict[str, list[Any]]]:
    """Columns of one to five rows, three of them of any values; often they are of one type, as that is quick."""

    def column(name: str, size: int) -> st.SearchStrategy[list[Any]]:
        kind = copy.fields[name].parameter.type
        some = st.sampled_from([usual[name], *(SPECIAL if kind is str else [])])
        return st.one_of(
            some.map(lambda value: [value] * size),
            st.lists(some, min_size=size, max_size=size),
            st.lists(some | others(kind), min_size=size, max_size=size),
            others(kind).flatmap(lambda one: st.lists(st.sampled_from([one, None]), min_size=size, max_size=size)),
        )

    def of_size(size: int) -> st.SearchStrategy[dict[str, list[Any]]]:
        names = st.lists(st.sampled_from(sorted(copy.fields)), min_size=1, max_size=3, unique=True)
        same = {name: [value] * size for name, value in usual.items() if name != "request_id"}
        ids = {"request_id": st.lists(st.uuids(), min_size=size, max_size=size)}
        return names.flatmap(
            lambda chosen: st.fixed_dictionaries({**ids, **{name: column(name, size) for name in chosen}})
        ).map(lambda changed: same | changed)

    return st.integers(1, 5).flatmap(of_size)


@pytest.mark.parametrize(
    "copy", [COPIES[0], *(pytest.param(copy, marks=pytest.mark.slow) for copy in COPIES[1:])], ids=str
)
def test_rows_at_once_are_what_they_are_one_by_one(world: World, copy: AnyCopy) -> None:
    @seed(int(os.environ.get("ATB_DB_SEED") or 0))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if FULL else [Phase.generate],
    )
    @given(columns(copy, dict(example(copy, world).args)))
    def attempt(found: dict[str, list[Any]]) -> None:
        rows = [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
        wanted, made = one_by_one(copy, rows)
        assert at_once(copy.rows(rows)) == wanted
        assert at_once(copy.rows(iter(rows))) == wanted
        if made:
            assert at_once(made) == wanted
        assert at_once(copy.columns(found)) == wanted
        uneven = [{name: value for name, value in row.items() if value is not _default(copy, name)} for row in rows]
        found_uneven = at_once(copy.rows(uneven))
        # Where two fields of a row are wrong, either may be named.
        if wanted.refusal is None or found_uneven.refusal is None:
            assert found_uneven == wanted
        else:
            assert found_uneven.refusal[3] == wanted.refusal[3]

    attempt()


def _default(copy: AnyCopy, name: str) -> object:
    return copy.fields[name].parameter.default
