"""Rows become what the annotation says: labels become members, joined rows become one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import NamedTuple

import pytest

from atb_db.errors import SchemaMismatch
from atb_db.rows import Shape, UnsupportedAnnotationError, reader_for
from atb_db.types import PositionSide


class Fill(NamedTuple):
    id: int
    side: PositionSide | None


class Heard(NamedTuple):
    side: PositionSide | str
    before: PositionSide | str | None


class Parent(NamedTuple):
    id: int
    side: PositionSide
    fills: tuple[Fill, ...]


class Misplaced(NamedTuple):
    fills: tuple[Fill, ...]
    id: int


class Deep(NamedTuple):
    id: int
    parents: tuple[Parent, ...]


JOINED: list[tuple[object, ...]] = [
    (1, "LONG", 10, "LONG"),
    (1, "LONG", 11, None),
    (2, "SHORT", None, None),
    (3, "LONG", 12, "SHORT"),
]
PARENTS = [
    Parent(1, PositionSide.LONG, (Fill(10, PositionSide.LONG), Fill(11, None))),
    Parent(2, PositionSide.SHORT, ()),
    Parent(3, PositionSide.LONG, (Fill(12, PositionSide.SHORT),)),
]


@pytest.mark.parametrize(
    ("annotation", "shape"),
    [
        (int, Shape.ONE),
        (Fill, Shape.ONE),
        (Fill | None, Shape.AT_MOST_ONE),
        (list[Decimal], Shape.MANY),
        (None, Shape.NOTHING),
    ],
)
def test_shapes(annotation: object, shape: Shape) -> None:
    assert reader_for(annotation).shape is shape


def test_labels_become_members() -> None:
    assert reader_for(Fill).make((1, "SHORT")) == Fill(1, PositionSide.SHORT)
    assert reader_for(Fill).make((1, None)) == Fill(1, None)
    assert reader_for(PositionSide).make(("LONG",)) is PositionSide.LONG


def test_a_label_that_is_not_known() -> None:
    with pytest.raises(SchemaMismatch, match=r"^fills.get: side: has the label FLAT, which PositionSide "):
        reader_for(list[Fill], "fills.get").make((1, "FLAT"))
    assert reader_for(PositionSide | str).make(("LONG",)) is PositionSide.LONG
    assert reader_for(PositionSide | str).make(("FLAT",)) == "FLAT"
    assert reader_for(list[Heard]).make(("FLAT", None)) == Heard("FLAT", None)
    assert reader_for(list[Heard]).make(("LONG", "FLAT")) == Heard(PositionSide.LONG, "FLAT")


def test_joined_rows_become_one() -> None:
    reader = reader_for(list[Parent])
    assert [column.name for column in reader.columns] == ["id", "side", "fills.id", "fills.side"]
    assert list(reader.assemble(map(reader.make, JOINED))) == PARENTS
    assert list(reader.assemble([])) == []


def test_joined_rows_become_one_as_they_arrive() -> None:
    reader = reader_for(list[Parent])

    async def rows() -> AsyncIterator[object]:
        for row in JOINED:
            yield reader.make(row)

    async def collect() -> list[object]:
        return [parent async for parent in reader.assemble_async(rows())]

    assert asyncio.run(collect()) == PARENTS


@pytest.mark.parametrize("annotation", [dict, list[dict[str, int]], tuple[int, str], Misplaced, Deep, list], ids=repr)
def test_unsupported(annotation: object) -> None:
    with pytest.raises(UnsupportedAnnotationError):
        reader_for(annotation)
