"""What makes a repeated request the same: a hash of the statement's name and of what the caller gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from hashlib import blake2b
from struct import unpack
from typing import Final, cast

from atb_db.columns import Texts
from atb_db.parameters import MISSING, Parameter
from atb_db.rows import is_row_type
from atb_db.types import NEW, NOW, UNSET

_REMEMBERED: Final = 100
"""Kinds of given arguments whose order is kept; when there are more, all are found again."""

_PIECE: Final = 65_536
"""Characters of a long text that are encoded at a time."""

_WHO_ASKS: Final = frozenset({"request_id", "token"})
"""No part of the content: an engine that was started again has another token, and repeats the same request."""

# The usual context rounds to 28 digits, and overflows.
_EXACT: Final = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


class RequestHash:
    """Computes the hashes of one statement's requests: whole numbers of 64 bits, with a sign.

    Neither `request_id` and `token` nor a value that equals its default is part of it: a parameter that is added later
    does not change the hash of a request that was made before. Equal numbers hash alike (1.0 and 1.00).
    """

    def __init__(self, recorder: str, parameters: Sequence[Parameter]) -> None:
        self._recorder = recorder
        self._parameters = {parameter.name: (place, parameter) for place, parameter in enumerate(parameters)}
        self._has_rows = any(is_row_type(parameter.type) for parameter in parameters)
        self._orders: dict[tuple[str, ...], list[tuple[str, str, int, object, bool]]] = {}

    def __call__(self, values: Sequence[object], texts: Sequence[str | None], given: tuple[str, ...]) -> int:
        """The hash of a value: all its arguments, their texts, and the names of those that the caller gave."""
        if self._has_rows:
            return self._in_pieces(texts, given)
        content = [self._recorder]
        for name, equals, place, usual, is_number in self._in_order(given):
            text = texts[place]
            # Only such a number has another form.
            if is_number and text and (text[-1] == "0" or "E" in text):
                text = _canonical(cast("Decimal", values[place]))
            if text != usual:
                content.append(name if text is None else equals + text)
        # No text contains NUL.
        return int.from_bytes(blake2b("\0".join(content).encode(), digest_size=8).digest(), signed=True)

    def _in_pieces(self, texts: Sequence[str | None], given: tuple[str, ...]) -> int:
        """The same hash where texts may be long, which are not copied: rows, and no numbers beside them."""
        digest = blake2b(self._recorder.encode(), digest_size=8)
        for name, equals, place, usual, _ in self._in_order(given):
            text = texts[place]
            if text != usual:
                digest.update(f"\0{name if text is None else equals}".encode())
                for start in range(0, len(text or ""), _PIECE):
                    digest.update((text or "")[start : start + _PIECE].encode())
        return int.from_bytes(digest.digest(), signed=True)

    def of_rows(self, columns: Mapping[str, Texts], rows: int) -> Sequence[int]:
        """The hashes of as many rows, whose given arguments are columns of text by name."""
        form = [self._recorder.replace("%", "%%")]
        varying: list[Sequence[str]] = []
        for name, _, _, usual, is_number in self._in_order(tuple(columns)):
            texts = columns[name]
            if texts is None or isinstance(texts, str):
                form.append(_part(name, _canonical_text(texts) if is_number else texts, usual).replace("%", "%%"))
                continue
            if is_number:
                texts = _canonical_texts(texts)
            if None in texts or usual in texts:
                form.append("%s")
                varying.append([_part(name, text, usual) for text in texts])
            else:
                form.append(f"\0{name}=%s")
                varying.append(cast("Sequence[str]", texts))
        contents = map("".join(form).__mod__, zip(*varying, strict=True)) if varying else ["".join(form) % ()] * rows
        digests = [blake2b(content.encode(), digest_size=8).digest() for content in contents]
        return unpack(f">{rows}q", b"".join(digests))

    def _in_order(self, given: tuple[str, ...]) -> list[tuple[str, str, int, object, bool]]:
        """The given parameters that are content, by name: their places, usual texts, and whether they are numbers."""
        found = self._orders.get(given)
        if found is None:
            named = sorted((name, *self._parameters[name]) for name in given if name not in _WHO_ASKS)
            found = [
                (name, f"{name}=", place, _usual(parameter), parameter.is_number) for name, place, parameter in named
            ]
            if len(self._orders) >= _REMEMBERED:
                self._orders.clear()
            self._orders[given] = found
        return found


def _canonical(number: Decimal) -> str:
    """One text for equal numbers: 1.0 and 1.00 are the same."""
    return str(number.normalize(_EXACT))


def _canonical_text(text: str | None) -> str | None:
    return _canonical(Decimal(text)) if text and (text[-1] == "0" or "E" in text) else text


def _canonical_texts(texts: Sequence[str | None]) -> Sequence[str | None]:
    joined = " ".join(filter(None, texts) if None in texts else cast("Sequence[str]", texts)) + " "
    if "0 " not in joined and "E" not in joined:
        return texts
    known: dict[str | None, str | None] = {}
    return [known.get(text) or known.setdefault(text, _canonical_text(text)) for text in texts]


def _part(name: str, text: str | None, usual: object) -> str:
    """What an argument adds to the content."""
    if text == usual:
        return ""
    return f"\0{name}" if text is None else f"\0{name}={text}"


def _usual(parameter: Parameter) -> object:
    """The text of the default, or a marker if there is no default or each value gets a new one."""
    default = parameter.default
    if default is None or default is MISSING or default is UNSET or default is NEW or default is NOW:
        return default
    return _canonical(default) if isinstance(default, Decimal) else str(default)
