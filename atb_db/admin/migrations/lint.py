"""Lint of migration files: forbidden statements and missing parts; connects to nothing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from atb_db.admin.migrations.files import Migration, Release
from atb_db.admin.migrations.objects import actions, added_columns, added_label, body, created, indexed_table
from atb_db.admin.migrations.plans import is_transaction_control
from atb_db.admin.migrations.states import is_repeatable
from atb_db.admin.schema.declared import code_word
from atb_db.admin.tokens import SqlStatement
from atb_db.errors import AtbDbError

BIG_TABLES: Final = frozenset(
    {
        "account_balances",
        "account_history",
        "orders",
        "positions",
        "strategy_executions",
        "system_events",
        "trades",
    }
)
"""Tables that grow with trading: building an index on one in a transaction locks the engine out meanwhile."""

_FILE_NAME: Final = re.compile(r"\d{4}-[a-z0-9]+(-[a-z0-9]+)*")
_CONSTRAINTS: Final = frozenset({"PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "FOREIGN", "EXCLUDE"})
_HOLDS_CONSTRAINTS: Final = re.compile(r"CREATE (?:UNLOGGED |FOREIGN )?(TABLE|DOMAIN)\b|ALTER (TABLE|DOMAIN)\b")
_SQUAWK_SECONDS: Final = 60
_DOMAIN_COLUMN: Final = "domain-column"
_REPEATABLE: Final = (
    "outside a transaction, only what can be repeated after an interruption: CREATE INDEX CONCURRENTLY IF NOT EXISTS, "
    "DROP INDEX CONCURRENTLY IF EXISTS, REINDEX, VACUUM, ANALYZE"
)


class LintLevel(StrEnum):
    """Whether a finding must be fixed."""

    ERROR = "error"
    WARNING = "warning"


class LintFinding(NamedTuple):
    """Something that a rule has against a file."""

    file: str
    line: int
    rule: str
    """A comment `-- lint-ignore RULE: reason` in the file switches it off; squawk's rules have their own."""
    severity: LintLevel
    message: str


class Linted(NamedTuple):
    """What linting found."""

    findings: tuple[LintFinding, ...]
    squawk: bool
    """Whether squawk is installed, and its rules were checked too."""

    @property
    def clean(self) -> bool:
        """Whether nothing must be fixed."""
        return all(finding.severity is LintLevel.WARNING for finding in self.findings)


_Problem: TypeAlias = tuple[int, str]
_Rule: TypeAlias = Callable[[Migration], Iterator[_Problem]]


def lint(release: Release | None = None) -> Linted:
    """Check every migration of the release by our rules, and by squawk's where it is installed.

    Raises:
        AtbDbError: squawk failed.
    """
    release = release or Release()
    squawk = _find_squawk()
    found = [*_numbering(release.migrations), *_strays(release), *_domain_columns(release.migrations)]
    for migration in release.migrations:
        found.extend(lint_migration(migration))
    if squawk is not None:
        found.extend(_squawk(squawk, release))
    return Linted(tuple(sorted(found)), squawk=squawk is not None)


def lint_migration(migration: Migration) -> Iterator[LintFinding]:
    """What our rules have against one migration."""
    for rule, check in _RULES.items():
        if rule not in migration.ignored_rules:
            for line, message in check(migration):
                yield LintFinding(migration.path.name, line, rule, LintLevel.ERROR, message)


def _transaction_control(migration: Migration) -> Iterator[_Problem]:
    for statement in migration.statements:
        if is_transaction_control(statement):
            word = statement.tokens[0].text
            yield statement.line, f"{word}: a migration is one transaction already, and {word} would end or split it"
    for statement in migration.rollback_statements:
        if is_transaction_control(statement):
            yield 1, f"the rollback file has {statement.tokens[0].text} in line {statement.line}"


def _directives(migration: Migration) -> Iterator[_Problem]:
    yield from migration.unusable_directives


def _rollback(migration: Migration) -> Iterator[_Problem]:
    if migration.rollback_sql is None:
        name = migration.rollback_path.name
        yield (
            1,
            f"there is no {name}: write it, or begin this file with `-- rollback: SQL;` or `-- rollback: not needed`",
        )


def _concurrently(migration: Migration) -> Iterator[_Problem]:
    if migration.transactional:
        for statement in migration.statements:
            if "CONCURRENTLY" in statement.shape.split():
                yield statement.line, "CONCURRENTLY cannot run in a transaction: begin with `-- transactional: false`"
    for statement in migration.rollback_statements:
        if "CONCURRENTLY" in statement.shape.split():
            yield 1, f"the rollback file has CONCURRENTLY in line {statement.line}, and is one transaction"


def _repeatable(migration: Migration) -> Iterator[_Problem]:
    if not migration.transactional:
        for statement in migration.statements:
            if not is_repeatable(statement):
                yield statement.line, _REPEATABLE


def _enum_value(migration: Migration) -> Iterator[_Problem]:
    added: set[str] = set()
    for statement in migration.statements:
        label = added_label(statement)
        for value in added:
            if migration.transactional and label is None and _uses(statement, value):
                yield statement.line, f"uses the enum value '{value}', which cannot be used before it is committed"
        if label is not None:
            added.add(label.name.partition(".")[2])


def _uses(statement: SqlStatement, value: str) -> bool:
    literal = "'" + value.replace("'", "''") + "'"
    texts = [token.text for token in statement.tokens if token.is_text]
    # What is in a PL/pgSQL function is looked at when it runs.
    looked_at = "LANGUAGE PLPGSQL" not in statement.shape or statement.shape.startswith("DO ")
    return literal in texts or (looked_at and any(literal in text for text in texts if text.startswith("$")))


def _code(migration: Migration) -> Iterator[_Problem]:
    for statement in migration.statements:
        if word := code_word(statement):
            yield statement.line, f"{word}: what holds no data stands in sql/schema only, and `migrate` makes it"
    for statement in migration.rollback_statements:
        if word := code_word(statement):
            yield 1, f"the rollback file has {word} in line {statement.line}, which stands in sql/schema only"


def _constraint_names(migration: Migration) -> Iterator[_Problem]:
    for statement in migration.statements:
        if (holder := _HOLDS_CONSTRAINTS.match(statement.shape)) is None:
            continue
        if holder[1] == "TABLE":
            items = body(statement)
        elif holder[2] == "TABLE":
            items = [action for action in actions(statement) if action.shape.startswith("ADD ")]
        else:
            items = [statement]
        for item in items:
            for word in _unnamed_constraints(item):
                yield item.line, f"{word} constraint without a name: CONSTRAINT name {word} ..."


def _unnamed_constraints(item: SqlStatement) -> Iterator[str]:
    depth = 0
    words = item.shape.split(" ")
    # In an ALTER TABLE or a table's body, a constraint stands alone or after a column; a name may come before it.
    of_table = words[0] in {"CONSTRAINT", "FOREIGN"} or words[:2] in (["ADD", "CONSTRAINT"], ["ADD", "FOREIGN"])
    for index, word in enumerate(words):
        depth += (word == "(") - (word == ")")
        if depth or word not in _CONSTRAINTS or (word == "REFERENCES" and of_table):
            continue
        if index < 2 or words[index - 2] != "CONSTRAINT":  # noqa: PLR2004
            yield word


def _big_index(migration: Migration) -> Iterator[_Problem]:
    new = {thing.name for statement in migration.statements for thing in created(statement) if thing.kind == "table"}
    for statement in migration.statements:
        table = indexed_table(statement)
        if table in BIG_TABLES - new and "CONCURRENTLY" not in statement.shape.split():
            message = f"nobody can write to {table} while it is built: CREATE INDEX CONCURRENTLY IF NOT EXISTS"
            yield statement.line, message


_RULES: Final[dict[str, _Rule]] = {
    "transaction-control": _transaction_control,
    "directive": _directives,
    "missing-rollback": _rollback,
    "concurrently-in-transaction": _concurrently,
    "not-repeatable": _repeatable,
    "enum-value-used": _enum_value,
    "code": _code,
    "unnamed-constraint": _constraint_names,
    "big-table-index": _big_index,
}


def _numbering(migrations: Sequence[Migration]) -> Iterator[LintFinding]:
    for migration in migrations:
        if not _FILE_NAME.fullmatch(migration.id):
            message = "the name is not four digits, a hyphen and words in lower case with hyphens between them"
            yield LintFinding(migration.path.name, 1, "numbering", LintLevel.ERROR, message)
    before = 0
    for migration in migrations:
        number = migration.number
        if number == before:
            message = f"there is another migration {number:04}"
            yield LintFinding(migration.path.name, 1, "numbering", LintLevel.ERROR, message)
        elif number > before + 1:
            # Somebody else's branch may have it.
            message = f"there is no migration {before + 1:04} before it"
            yield LintFinding(migration.path.name, 1, "numbering", LintLevel.WARNING, message)
        before = number


def _domain_columns(migrations: Sequence[Migration]) -> Iterator[LintFinding]:
    domains: set[str] = set()
    for migration in migrations:
        new = [thing for statement in migration.statements for thing in created(statement)]
        domains |= {thing.name for thing in new if thing.kind == "domain"}
        new_tables = {thing.name for thing in new if thing.kind == "table"}
        if _DOMAIN_COLUMN in migration.ignored_rules:
            continue
        for added in (column for statement in migration.statements for column in added_columns(statement)):
            if added.type in domains and added.table not in new_tables:
                message = (
                    f"{added.type} is a domain: PostgreSQL rewrites {added.table} for it, and a statement that began "
                    f"before sees it empty: ADD COLUMN {added.name} with the domain's own type and a named CHECK"
                )
                yield LintFinding(migration.path.name, added.line, _DOMAIN_COLUMN, LintLevel.ERROR, message)


def _strays(release: Release) -> Iterator[LintFinding]:
    ids = {migration.id for migration in release.migrations}
    for path in sorted(release.folder.iterdir()):
        if path.name.endswith(".rollback.sql"):
            if path.name.removesuffix(".rollback.sql") not in ids:
                yield LintFinding(
                    path.name, 1, "stray-file", LintLevel.ERROR, "takes back a migration that is not there"
                )
        elif path.suffix != ".sql":
            yield LintFinding(path.name, 1, "stray-file", LintLevel.ERROR, "is no .sql file, and never run")


def _find_squawk() -> str | None:
    beside = Path(sys.executable).with_name("squawk")
    return str(beside) if beside.is_file() else shutil.which("squawk")


def _squawk(program: str, release: Release) -> Iterator[LintFinding]:
    configured = release.root.parent / ".squawk.toml"
    for transactional, assumption in ((True, "--assume-in-transaction"), (False, "--no-assume-in-transaction")):
        paths = [str(one.path) for one in release.migrations if one.transactional is transactional]
        if paths:
            config = ["--config", str(configured)] if configured.is_file() else []
            yield from _squawked([program, *config, "--reporter", "json", assumption, *paths])


def _squawked(command: Iterable[str]) -> Iterator[LintFinding]:
    done = subprocess.run([*command], capture_output=True, text=True, check=False, timeout=_SQUAWK_SECONDS)
    try:
        reports: list[dict[str, str | int]] = json.loads(done.stdout)
    except ValueError:
        raise AtbDbError(f"squawk failed: {done.stderr.strip().splitlines()[-1:]}") from None
    for report in reports:
        name = Path(str(report["file"])).name
        yield LintFinding(
            name, int(report["line"]) + 1, f"squawk:{report['rule_name']}", LintLevel.ERROR, str(report["message"])
        )
