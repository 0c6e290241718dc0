"""The migrations of a release: their files, and the schema that they lead to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Final

from atb_db.admin.migrations.objects import Object, own_objects
from atb_db.admin.quoting import literal
from atb_db.admin.readable import either
from atb_db.admin.schema.catalog import Catalog, expected_catalog
from atb_db.admin.schema.declared import Comment, Declared, Unit, read_declared
from atb_db.admin.tokens import SqlStatement, checksum, statements
from atb_db.errors import NotFound
from atb_db.sqlfile import sql_root

_DIRECTIVE: Final = re.compile(
    r"^\s*--\s*(transactional|rollback|depends|without|replaces)\s*:\s*(.*?)\s*$", re.MULTILINE
)
_USABLE: Final = {"transactional": {"true", "false"}}
_HEAD: Final = re.compile(r"(?:[ \t]*--[^\n]*(?:\n|$)|[ \t]*\n)*")
_IGNORED: Final = re.compile(r"--\s*lint-ignore\s+([\w-]+)\s*:\s*\S")
_IGNORED_BY_SQUAWK: Final = re.compile(r"--\s*squawk-ignore\b.*\brequire-concurrent-index-creation\b")


class Migration:
    """One migration: its file, and the file beside it that takes it back."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self.id: Final = path.stem
        """Name of its file without the ending, such as 0001-initial."""

    def __repr__(self) -> str:
        return f"Migration({str(self.path)!r})"

    @property
    def number(self) -> int:
        """What its name begins with; 0 without one."""
        number = self.id.partition("-")[0]
        return int(number) if number.isdecimal() else 0

    @cached_property
    def sql(self) -> str:
        """What the file says."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def statements(self) -> list[SqlStatement]:
        """The file's statements."""
        return statements(self.sql)

    @cached_property
    def checksum(self) -> str:
        """Of what the file says, comments and white space left out."""
        return checksum(self.sql)

    @cached_property
    def transactional(self) -> bool:
        """Whether it runs in a transaction, as it does unless it begins with `-- transactional: false`."""
        return self._directives.get("transactional") != "false"

    @cached_property
    def rollback_path(self) -> Path:
        """The file that takes it back, which need not exist."""
        return self.path.with_suffix(".rollback.sql")

    @cached_property
    def rollback_sql(self) -> str | None:
        """The SQL that reverts it: of its rollback file, else of its lines `-- rollback: SQL;`; None if there is none.

        Empty for `-- rollback: not needed`.
        """
        if self.rollback_path.is_file():
            return self.rollback_path.read_text(encoding="utf-8")
        lines = [value for name, value in _DIRECTIVE.findall(self.sql[: self._head]) if name == "rollback"]
        return None if not lines else "\n".join(line for line in lines if line != "not needed")

    @cached_property
    def rollback_statements(self) -> list[SqlStatement]:
        """The statements of what takes it back."""
        return statements(self.rollback_sql or "")

    @cached_property
    def ignored_rules(self) -> frozenset[str]:
        """Lint rules that the file switches off: by `-- lint-ignore RULE: reason`, or as squawk's for the same."""
        twins = {"big-table-index"} if _IGNORED_BY_SQUAWK.search(self.sql) else set()
        return frozenset(_IGNORED.findall(self.sql)) | twins

    @cached_property
    def unusable_directives(self) -> list[tuple[int, str]]:
        """Directives that do not do what they seem to: the line, and why."""
        found: list[tuple[int, str]] = []
        for match in _DIRECTIVE.finditer(self.sql):
            name, value = match.groups()
            line = self.sql.count("\n", 0, match.start(1)) + 1
            if name == "depends":
                found.append((line, "`-- depends:` is not used: migrations are applied in the order of their numbers"))
            elif name in _USABLE and value not in _USABLE[name]:
                found.append((line, f"`-- {name}:` takes {either(sorted(_USABLE[name]))}, not {value}"))
            elif name == "without" and not self.transactional:
                found.append((line, "`-- without:` needs a transaction, in which what it names is made again"))
            elif match.start() >= self._head:
                found.append((line, f"`-- {name}:` counts only above the first statement"))
        return found

    @cached_property
    def without(self) -> tuple[str, ...]:
        """Views and functions that are dropped before it runs, and made again afterwards: `-- without: name, name`."""
        return self._listed("without")

    @cached_property
    def replaces(self) -> tuple[str, ...]:
        """Ids of the migrations that were folded into it: `-- replaces: id, id`."""
        return self._listed("replaces")

    def _listed(self, directive: str) -> tuple[str, ...]:
        found = (value for name, value in _DIRECTIVE.findall(self.sql[: self._head]) if name == directive)
        return tuple(name.strip() for value in found for name in value.split(","))

    @cached_property
    def _directives(self) -> dict[str, str]:
        return dict(_DIRECTIVE.findall(self.sql[: self._head]))

    @cached_property
    def _head(self) -> int:
        """Where the leading comments end."""
        head = _HEAD.match(self.sql)
        return head.end() if head else 0


class Release:
    """What a version of atb_db has: its migrations in order, and the catalog of the schema that they lead to."""

    def __init__(self, root: Path | None = None, *, version: str | None = None) -> None:
        self.root: Final = root or sql_root()
        """The folder with schema/, migrations/ and catalog.json."""
        self.version: Final = version or installed_version("atb-db")
        """Such as 0.9.0: of two releases, the code of the later one is left as it is by the other."""

    @property
    def folder(self) -> Path:
        """Where the migrations are."""
        return self.root / "migrations"

    @cached_property
    def migrations(self) -> list[Migration]:
        """In the order in which they are applied, which is that of their names."""
        paths = sorted(self.folder.glob("*.sql"))
        return [Migration(path) for path in paths if not path.stem.endswith(".rollback")]

    def find(self, name: str) -> Migration:
        """The migration of this id, or of this number.

        Raises:
            NotFound: there is none.
        """
        for migration in self.migrations:
            if name in {migration.id, migration.id.partition("-")[0]}:
                return migration
        raise NotFound(f"there is no migration {name} in {self.folder}")

    @cached_property
    def expected(self) -> Catalog:
        """The schema after all of them."""
        return expected_catalog(self.root)

    @cached_property
    def declared(self) -> Declared:
        """What sql/schema says."""
        return read_declared(self.root / "schema")

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The functions, views and triggers of sql/schema, views with the comments that their columns inherit."""
        inherited: dict[str, list[Comment]] = {}
        for kind, name, _, comment in self.expected:
            if kind == "column" and comment is not None:
                statement = f"COMMENT ON COLUMN {name} IS {literal(comment)}"
                inherited.setdefault(name.rpartition(".")[0], []).append(Comment(kind, name, statement))
        return tuple(_described(unit, inherited) for unit in self.declared.units)

    @cached_property
    def code(self) -> frozenset[tuple[str, str]]:
        """Kind and name of the functions, views and triggers that sql/schema declares."""
        return frozenset((unit.kind, unit.name) for unit in self.declared.units)

    @cached_property
    def own_objects(self) -> dict[str, frozenset[Object]]:
        """The objects of the expected schema that each migration, and none before it, makes."""
        own = own_objects([migration.statements for migration in self.migrations], self.expected)
        return {migration.id: objects for migration, objects in zip(self.migrations, own, strict=True)}


@cache
def this_release() -> Release:
    """The release that runs; its files are read once."""
    return Release()


def _described(unit: Unit, inherited: Mapping[str, Sequence[Comment]]) -> Unit:
    if unit.kind != "view":
        return unit
    own = {comment.name for comment in unit.comments}
    return unit._replace(
        comments=(*unit.comments, *(one for one in inherited.get(unit.name, ()) if one.name not in own))
    )


def migrations_folder() -> Path:
    """The folder of the migrations' files."""
    return Release().folder


def known_migrations() -> list[str]:
    """Ids of the migrations of this version of atb_db, in order."""
    return [migration.id for migration in Release().migrations]
