"""The read statements, all of them run on a restored database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Final, NamedTuple

from atb_db.admin.connection import ask, reading
from atb_db.config import Settings
from atb_db.database import Database
from atb_db.errors import AtbDbError, InvalidInput, NotFound
from atb_db.parameters import Parameter
from atb_db.repository import statements
from atb_db.statement import Kind
from atb_db.types import Json

# For what the data have no example of.
_GUESSES: Final[dict[object, object]] = {
    int: 1,
    str: "x",
    bool: False,
    datetime: datetime(1970, 1, 1, tzinfo=UTC),
    Json: [],
}
_ONE_OF: Final = {"orders.get_order": "order_id"}
"""The parameter that a query is asked by, of those of which it needs one."""


class Reads(NamedTuple):
    """What the read statements did."""

    run: int
    problems: tuple[str, ...]
    """What the server said to those that failed."""


def run_reads(settings: Settings) -> Reads:
    """Run every declared query once, with arguments from the data where they have some.

    That there is no such row is an answer, too.

    Raises:
        Unavailable: the server cannot be reached.
    """
    samples = _samples(settings)
    queries = [declaration for declaration in statements() if declaration.kind is Kind.QUERY]
    problems: list[str] = []
    with Database(settings) as db:
        for declaration in queries:
            required = [
                parameter
                for parameter in declaration.parameters
                if parameter.required or parameter.name == _ONE_OF.get(declaration.name)
            ]
            known = {one.name: samples[one.name] for one in required if samples.get(one.name) is not None}
            guessed = {one.name: _guess(one) for one in required if one.name not in known}
            try:
                db.run(declaration.value(known | guessed))
            except AtbDbError as error:
                if not isinstance(error, (NotFound, InvalidInput) if guessed else NotFound):
                    problems.append(str(error))
    return Reads(len(queries), tuple(problems))


def _samples(settings: Settings) -> Mapping[str, object]:
    with reading(settings) as (connection, _):
        (found,) = ask(connection, "sample_arguments", dict[str, object])
    return found | {"strategy_ids": [found["strategy_id"]] if found["strategy_id"] else None}


def _guess(parameter: Parameter) -> object:
    kind = parameter.type
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    return _GUESSES[kind]
