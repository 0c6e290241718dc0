"""Excess rights of groups, engines and readers: attributes, memberships, ownership; and how to revoke them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from psycopg.sql import SQL, Identifier

from atb_db.admin.access.changes import RoleChange
from atb_db.admin.access.privileges import GROUPS, OWNER, READER, RUNTIME
from atb_db.admin.connection import Connection, ask
from atb_db.admin.findings import Finding, Level
from atb_db.admin.quoting import Written, composed, quoted

_WRITES_EVERYWHERE: Final = frozenset({"pg_write_all_data", "pg_write_server_files", "pg_execute_server_program"})
_POWERS: Final = _WRITES_EVERYWHERE | {
    "pg_checkpoint",
    "pg_create_subscription",
    "pg_maintain",
    "pg_read_server_files",
    "pg_signal_backend",
}
"""Roles of the server that neither an engine nor a reader has."""
_TOO_MUCH: Final = {OWNER: _WRITES_EVERYWHERE, RUNTIME: _POWERS | {OWNER}, READER: _POWERS | {OWNER, RUNTIME}}


class Role(NamedTuple):
    """A group of atb_db or a direct member of one."""

    name: str
    attributes: list[str]
    member_of: list[str]
    settings: list[str]


def group_changes(connection: Connection) -> Iterator[RoleChange]:
    """What a group may do that none should: log in, look after the server, or what another group may."""
    for group, attributes, member_of, _ in ask(connection, "roles", Role):
        if group not in GROUPS:
            continue
        if attributes:
            none = SQL(" ").join(Written(f"NO{attribute}") for attribute in attributes)
            alter = composed("ALTER ROLE {group} {none}", group=Written(group), none=none)
            yield RoleChange("role", group, "NOLOGIN", " ".join(attributes), alter)
        for other in sorted(_TOO_MUCH[group].intersection(member_of)):
            revoke = composed("REVOKE {other} FROM {group}", other=Written(other), group=Written(group))
            yield RoleChange("member", f"{group} in {other}", None, "member", revoke)


def membership_changes(connection: Connection, owners: tuple[str, ...] = ()) -> Iterator[RoleChange]:
    """What makes an engine or a reader more than that: a role that it was given, whatever else comes with that one."""
    found = ask(connection, "memberships", values=[sorted(_POWERS)])
    for login, given, more, gives in cast("list[tuple[str, str, str, bool]]", found):
        if login in owners and (gives or more == OWNER):
            continue
        names = {"given": Identifier(given), "login": Identifier(login)}
        if gives:
            revoke = composed("REVOKE ADMIN OPTION FOR {given} FROM {login} CASCADE", **names)
            yield RoleChange("member", f"{login} in {given}", "member", "member with ADMIN OPTION", revoke)
            continue
        where = f"{login} in {given}" if given == more else f"{login} in {given}, which is in {more}"
        yield RoleChange("member", where, None, "member", composed("REVOKE {given} FROM {login}", **names))


def raised_findings(connection: Connection) -> Iterator[Finding]:
    """Engines and readers that are more by what their login itself is: taking that away is somebody's decision."""
    for login, attribute in cast("list[tuple[str, str]]", ask(connection, "raised_logins")):
        if attribute == "OWNER":
            database = connection.info.dbname
            repair = f"ALTER DATABASE {quoted(database)} OWNER TO {OWNER}"
            yield Finding(
                "owner", f"database {database}", "unexpected", "no engine or reader", login, Level.ERROR, repair
            )
        else:
            repair = f"ALTER ROLE {quoted(login)} NO{attribute}"
            if attribute == "SUPERUSER":
                repair += ", or another login for engines and readers"
            yield Finding("role", login, "unexpected", None, attribute, Level.ERROR, repair)
