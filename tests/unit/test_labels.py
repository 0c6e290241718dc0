"""The labels that type checkers know are those of the enums, and every parameter that takes an enum takes them."""

from __future__ import annotations

from enum import StrEnum
from typing import get_args, get_type_hints

import pytest

from atb_db import types
from atb_db.repository import statements
from atb_db.rows import without_none
from atb_db.statement import Declared
from tests.each import each

LABELS = {name.removesuffix("Label"): get_args(found) for name, found in vars(types).items() if name.endswith("Label")}


@pytest.mark.parametrize("name", LABELS)
def test_the_labels_are_those_of_the_enum(name: str) -> None:
    enum: type[StrEnum] = getattr(types, name)
    assert LABELS[name] == tuple(member.value for member in enum)


def test_text_beside_an_enum_is_its_labels() -> None:
    """`PositionSide | str` would let a type checker pass "LNG"."""

    def holds(declaration: Declared[object]) -> None:
        for parameter, hint in get_type_hints(declaration).items():
            members = get_args(without_none(hint)[0])
            for enum in [member for member in members if isinstance(member, type) and issubclass(member, StrEnum)]:
                assert str not in members, f"{parameter}: write {enum.__name__} | {enum.__name__}Label"
                assert any(get_args(member) == LABELS[enum.__name__] for member in members), parameter

    each(statements(), holds)
