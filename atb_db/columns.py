"""A column of a bulk load as text: all its values are checked at once, and one by one only where one is unusual.

What comes of a value is what `Coerce` makes of it alone, to the character; so are the errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from operator import attrgetter
from types import NoneType
from typing import Final, NamedTuple, TypeAlias, TypeVar, cast
from uuid import UUID

import orjson

from atb_db.documents import JsonText, quick_documents, to_json
from atb_db.errors import InvalidInput
from atb_db.types import NEW
from atb_db.values import Coerce, is_storable, to_bool, to_decimal, to_int, to_span, to_text, to_time, to_uuid

T = TypeVar("T")

Text: TypeAlias = str | None
Texts: TypeAlias = "Sequence[Text] | Text"
"""The texts of a column, one for each row, or a single one for all of them; None is NULL."""
_Quick: TypeAlias = "Callable[[Sequence[T]], Sequence[str] | None]"
"""The texts of values of one type; None if one of them must be looked at."""

_LARGEST: Final = 2**63 - 1
_zone: Final = attrgetter("tzinfo")
_member: Final = attrgetter("_value_")


def _floats(values: Sequence[float]) -> Sequence[str] | None:
    texts = list(map(repr, values))
    joined = "".join(texts)
    # An exponent is written otherwise by Decimal; inf and nan are refused.
    return None if "e" in joined or "n" in joined else texts


def _decimals(values: Sequence[Decimal]) -> Sequence[str] | None:
    texts = list(map(str, values))
    joined = "".join(texts)
    return None if "N" in joined or "n" in joined else texts  # NaN, sNaN and Infinity


def _whole(values: Sequence[int]) -> Sequence[str] | None:
    # Larger ones may be refused, or have more digits than str() writes.
    return None if max(values) > _LARGEST or min(values) < -_LARGEST - 1 else list(map(str, values))


def _strings(values: Sequence[str]) -> Sequence[str] | None:
    return values if is_storable("".join(values)) else None


def _moments(values: Sequence[datetime]) -> Sequence[str] | None:
    return quick_texts(values) if set(map(_zone, values)) == {UTC} else None


def quick_texts(values: Sequence[datetime | UUID]) -> Sequence[str]:
    """str() of each moment in UTC and each UUID, at least one, in a quarter of the time."""
    texts = orjson.dumps(values if isinstance(values, list) else list(values)).decode()
    return texts[2:-2].replace("T", " ").split('","')


def quick_texts_or_none(values: Sequence[object]) -> Sequence[Text]:
    """The same, where any of them may be None, or of a subclass."""
    return cast("list[Text]", orjson.loads(orjson.dumps(values, str).replace(b"T", b" ")))


def _as_they_are(values: Sequence[str]) -> Sequence[str]:
    return values


def _text_of_each(values: Sequence[object]) -> Sequence[str]:
    return list(map(str, values))


_QUICK: Final[Mapping[Coerce, Mapping[type, object]]] = {
    to_decimal: {float: _floats, Decimal: _decimals, int: _whole},
    to_span: {float: _floats, Decimal: _decimals, int: _whole},
    to_int: {int: _whole},
    to_bool: {bool: _text_of_each},
    to_text: {str: _strings},
    to_time: {datetime: _moments},
    to_uuid: {UUID: quick_texts},
    to_json: {dict: quick_documents, list: quick_documents, JsonText: _as_they_are},
}


class ColumnOf(NamedTuple):
    """The column of a parameter of a bulk load, or of a field of rows that are one argument."""

    name: str
    optional: bool
    default: object
    coerce: Coerce
    quick: Mapping[type, object]

    @classmethod
    def of(cls, name: str, kind: object, *, optional: bool, coerce: Coerce, default: object = NEW) -> ColumnOf:
        """That of values of a type; `coerce` makes one of them exact."""
        if isinstance(kind, type) and issubclass(kind, Enum):
            return cls(name, optional, default, coerce, {kind: _members, str: _labels(kind)})
        return cls(name, optional, default, coerce, _QUICK.get(coerce, {}))

    def texts(self, values: Sequence[object], first: int, new: Callable[[int], str]) -> Texts:
        """The column's values as text; `new` makes the text of the NEW in a row.

        Raises:
            InvalidInput: a value cannot be stored; the error names the field and the row; the first row is `first`.
        """
        kinds = set(map(type, values))
        if self.optional and NoneType in kinds:
            kinds.discard(NoneType)
            if not kinds:
                return None
            present: Sequence[object] = [value for value in values if value is not None]
        else:
            present = values
        quick = {self.quick.get(kind) for kind in kinds}
        convert = cast("_Quick[object] | None", quick.pop()) if len(quick) == 1 else None
        # Equal strings and whole numbers have equal texts; Decimals need not.
        same = (convert is _strings or convert is _whole) and present.count(present[0]) == len(values)
        found = convert(present[:1] if same else present) if convert is not None else None
        if found is None:
            return list(self._one_by_one(values, first, new))
        if len(present) < len(values):
            rest = iter(found)
            return [None if value is None else next(rest) for value in values]
        return found if len(found) > 1 else found[0]

    def _one_by_one(self, values: Sequence[object], first: int, new: Callable[[int], str]) -> Iterator[Text]:
        for row, value in enumerate(values, first):
            try:
                text = self.text(value)
            except InvalidInput as error:
                error.row = row
                raise
            yield new(row) if value is NEW else text

    def text(self, value: object) -> Text:
        """The text of one value.

        Raises:
            InvalidInput: it cannot be stored.
        """
        if value is None and self.optional:
            return None
        stored = value if value is self.default else self.coerce(self.name, value)
        return None if stored is None else str(stored)


def _members(values: Sequence[Enum]) -> Sequence[str]:
    return list(map(str, map(_member, values)))


def _labels(kind: type[Enum]) -> _Quick[str]:
    labels = {str(member.value): str(member.value) for member in kind}

    def convert(values: Sequence[str]) -> Sequence[str] | None:
        found = list(map(labels.get, values))
        return None if None in found else cast("list[str]", found)

    return convert
