"""The repository's batches, such as the dashboard, asked by name with arguments as text."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Final, NamedTuple, cast, get_type_hints

from atb_db.admin.questions import Answer, Question, answered, arguments, question
from atb_db.batch import Batch
from atb_db.config import Settings
from atb_db.database import Database
from atb_db.parameters import Parameter, read_parameters
from atb_db.repository import audit, dashboard

_FUNCTIONS: Final[dict[str, object]] = {
    "audit.audit_session": audit.audit_session,
    "dashboard.dashboard": dashboard.dashboard,
}


class NamedBatch(NamedTuple):
    """Several read statements that are asked together, in one snapshot."""

    name: str
    parameters: tuple[Parameter, ...]
    description: str
    function: object
    """What makes it of its arguments."""

    def value(self, given: Mapping[str, object]) -> Batch[tuple[object, ...]]:
        """The batch with these arguments."""
        made = self.function(**given) if callable(self.function) else None
        return cast("Batch[tuple[object, ...]]", made)


class Answers(NamedTuple):
    """What a batch answered."""

    parts: dict[str, Answer]
    """By the names of the result's fields, in their order."""
    result: tuple[object, ...]
    """The result as the repository's function has it."""


def batch_names() -> tuple[str, ...]:
    """The names of the batches."""
    return tuple(_FUNCTIONS)


def find_batch(name: str) -> NamedBatch | None:
    """The batch of this name, such as dashboard.dashboard; None if there is none."""
    function = _FUNCTIONS.get(name)
    if not callable(function):
        return None
    described = (inspect.getdoc(function) or "").partition("\n")[0].replace(", for `run_batch`", "")
    return NamedBatch(name, read_parameters(inspect.signature(function), get_type_hints(function)), described, function)


def batch_questions(pattern: str = "") -> list[Question]:
    """The batches whose name or description contains the pattern, as `questions` has the statements."""
    found = [one for name in _FUNCTIONS if (one := find_batch(name)) is not None]
    wanted = pattern.lower()
    return [question(one, one.description) for one in found if wanted in f"{one.name}\n{one.description}".lower()]


def ask_batch(settings: Settings, batch: NamedBatch, texts: Mapping[str, str]) -> Answers:
    """Run a batch in a read-only transaction, with its arguments as text, as `questions.ask` does a statement.

    Raises:
        InvalidInput: an argument is unknown, missing, or cannot be read; `field` names it.
        AtbDbError: as `Database.run_batch`.
    """
    value = batch.value(arguments(batch, texts))
    with Database(settings._replace(pool_min=0, pool_max=1)) as database:
        result = database.run_batch(value)
    declared = {name: statement.declaration for name, statement in value.parts.items()}
    parts = zip(declared.items(), result, strict=True)
    return Answers({name: answered(declaration, part) for (name, declaration), part in parts}, result)
