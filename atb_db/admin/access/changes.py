"""Grants and revokes as values, and their SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, LiteralString, NamedTuple

from psycopg.sql import SQL

from atb_db.admin.access.privileges import OWNER, Privilege
from atb_db.admin.quoting import Written, composed

_GRANT: Final = "GRANT {what} ON {of} TO {grantee}"
_REVOKE: Final = "REVOKE {what} ON {of} FROM {grantee}"
_REVOKE_OPTION: Final = "REVOKE GRANT OPTION FOR {what} ON {of} FROM {grantee} CASCADE"


class RoleChange(NamedTuple):
    """One thing that is not as it should be, and the SQL that makes it so."""

    what: str
    """role, member, setting, owner, or grant."""
    where: str
    expected: str | None
    """None for what nobody should have."""
    actual: str | None
    """None for a missing one."""
    sql: str


def grouped(privileges: Iterable[Privilege]) -> Iterator[tuple[Privilege, list[str]]]:
    """What is granted in one statement: one of the privileges, and the names of all."""

    def target(one: Privilege) -> tuple[str, str, str, str, bool]:
        return one.kind, one.name, one.column_name or "", one.grantee, one.may_grant

    for _, group in groupby(sorted(privileges, key=target), key=target):
        first, *others = group
        yield first, sorted({first.privilege, *(one.privilege for one in others)})


def granting(one: Privilege, names: Sequence[str]) -> RoleChange:
    """That these privileges are missing."""
    return RoleChange("grant", _where(one), ", ".join(names), None, _grant(_GRANT, one, names))


def revoking(one: Privilege, names: Sequence[str]) -> RoleChange:
    """That nobody should have these privileges, or the right to grant them."""
    if one.may_grant:
        actual = f"{', '.join(names)} with GRANT OPTION"
        return RoleChange("grant", _where(one), ", ".join(names), actual, _grant(_REVOKE_OPTION, one, names))
    return RoleChange("grant", _where(one), None, ", ".join(names), _grant(_REVOKE, one, names))


def _where(one: Privilege) -> str:
    column = f".{one.column_name}" if one.column_name else ""
    if one.kind == "LARGE OBJECTS":
        return f"{one.grantee} on function {one.name}"
    if not one.name:
        return f"{one.grantee} on {one.kind.lower()}"
    return f"{one.grantee} on {one.kind.lower()} {one.name.removeprefix('public.')}{column}"


def _grant(statement: LiteralString, one: Privilege, names: Sequence[str]) -> str:
    columns = Written(f" ({one.column_name})" if one.column_name else "")
    what = SQL(", ").join(Written(name) + columns for name in names)
    kind = "FUNCTION" if one.kind == "LARGE OBJECTS" else one.kind
    if one.kind.startswith("FUTURE "):
        where = SQL("IN SCHEMA {} ").format(Written(one.name)) if one.name else SQL("")
        defaults = SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} {}")
        return defaults.format(Written(OWNER), where).as_string(None) + composed(
            statement, what=what, of=Written(kind.removeprefix("FUTURE ")), grantee=Written(one.grantee)
        )
    of = SQL("{} {}").format(Written(kind), Written(one.name))
    return composed(statement, what=what, of=of, grantee=Written(one.grantee))
