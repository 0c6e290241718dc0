"""The groups of atb_db: compared with what they should be, created and changed.

Three groups that nobody logs in as; logins are made members of them. Grants belong to a database, groups and
memberships to its whole server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import psycopg
from psycopg.sql import Identifier, Literal

from atb_db.admin.access.changes import RoleChange, granting, grouped, revoking
from atb_db.admin.access.privileges import (
    GROUPS,
    OWNER,
    READER,
    RUNTIME,
    Owned,
    Privilege,
    is_bookkeeping,
    wanted,
)
from atb_db.admin.access.raised import Role, group_changes, membership_changes
from atb_db.admin.connection import Connection, ask, changing, reading
from atb_db.admin.quoting import Written, composed
from atb_db.admin.schema.catalog import Catalog, expected_catalog
from atb_db.config import Settings
from atb_db.database.connecting import ServerInfo

READER_SETTINGS: Final = {
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",
    "default_transaction_read_only": "on",
}
"""Of every login in the reader group: PostgreSQL does not hand a group's settings down to its members."""

_OWNER_SETTINGS: Final = {"role": OWNER}  # so that what the login makes belongs to the group
_OWNABLE: Final = {
    "table": "TABLE",
    "view": "VIEW",
    "function": "ROUTINE",
    "enum": "TYPE",
    "type": "TYPE",
    "domain": "DOMAIN",
    "schema": "SCHEMA",
}
_EXCESS: Final = {
    # On PostgreSQL 14, everybody may create objects in public, and so hide ours.
    ("SCHEMA", "CREATE"),
    ("DATABASE", "CREATE"),
    # A temporary table hides ours too, and fills the disk of a database that its maker may only read.
    ("DATABASE", "TEMPORARY"),
    # Also in a read-only transaction: a large object that pg_dump, as another login, may not read ends every backup.
    ("LARGE OBJECTS", "EXECUTE"),
    # Such as session_replication_role, without which triggers and foreign keys do not fire.
    ("PARAMETER", "SET"),
    ("PARAMETER", "ALTER SYSTEM"),
}
"""What only the owner's group may do, besides writing tables."""
_PARAMETERS_GRANTED: Final = 150000
_SET_OPTION: Final = 160000
_ROUNDS: Final = 3


class Undone(NamedTuple):
    """A change that could not be made."""

    change: RoleChange
    reason: str


class RolesSet(NamedTuple):
    """What `set_roles` did."""

    server: ServerInfo
    done: tuple[RoleChange, ...]
    undone: tuple[Undone, ...]


class Members(NamedTuple):
    """Logins that shall be in the groups; they exist, and their passwords are their business."""

    owners: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()


def role_changes(connection: Connection, members: Members) -> list[RoleChange]:
    """What the groups lack, here and now; without the groups, only that."""
    roles = {role.name: role for role in ask(connection, "roles", Role)}
    if absent := [name for name in GROUPS if name not in roles]:
        return [_creation(name) for name in absent]
    return [
        *group_changes(connection),
        *_member_changes(connection, roles, members),
        *membership_changes(connection, members.owners),
        *_owner_changes(connection),
        *grant_changes(connection),
    ]


def groups_used(connection: Connection) -> bool:
    """Whether the groups exist and one of them has been granted something in this database."""
    return any(
        held.grantee in GROUPS and held.kind in {"TABLE", "FUTURE TABLES"}
        for held in ask(connection, "privileges", Privilege)
    )


def grant_changes(connection: Connection) -> Iterator[RoleChange]:
    """The grants that are missing, and those on objects of atb_db that no group should have, of any role."""
    expected = expected_catalog()
    ours = _ours(connection, expected)
    keys = (entry.name.rpartition(".") for entry in expected if entry.kind == "column")
    keyed = frozenset(table for table, _, column in keys if column == "request_id")
    due, held = set(wanted(ours, keyed=keyed)), set(_held(connection))
    names = {one.sql_name for one in ours if one.kind in {"table", "view", "sequence"}}
    excess = {
        one
        for one in held - due
        if one.grantee != OWNER
        and (
            one.name in names or one.kind.startswith("FUTURE ") or (one.kind, one.privilege) in _EXCESS or one.may_grant
        )
    }
    yield from (granting(*group) for group in grouped(due - held))
    yield from (revoking(*group) for group in grouped(excess))


def _held(connection: Connection) -> Iterator[Privilege]:
    yield from ask(connection, "privileges", Privilege)
    if connection.info.server_version >= _PARAMETERS_GRANTED:
        yield from ask(connection, "parameter_privileges", Privilege)


def strange_owners(connection: Connection) -> Iterator[RoleChange]:
    """What of atb_db belongs to an engine or a reader; any other owner is as good as the group."""
    query = (
        "SELECT EXISTS (SELECT FROM pg_roles AS e"
        " JOIN pg_roles AS g ON g.rolname IN (%s, %s) AND pg_has_role(e.oid, g.oid, 'MEMBER')"
        " JOIN pg_roles AS o ON o.rolname = %s AND NOT pg_has_role(e.oid, o.oid, 'MEMBER')"
        " WHERE NOT e.rolsuper AND pg_has_role(e.oid, %s::name, 'MEMBER'))"
    )
    serves: dict[str | None, bool] = {}
    for change in _owner_changes(connection):
        if change.actual not in serves:
            row = connection.execute(query, [RUNTIME, READER, OWNER, change.actual]).fetchone()
            serves[change.actual] = row == (True,)
        if serves[change.actual]:
            yield change


def check_roles(settings: Settings, members: Members) -> tuple[RoleChange, ...]:
    """What `set_roles` would change; reads only.

    Raises:
        Unavailable: the server cannot be reached.
    """
    with reading(settings) as (connection, _):
        return tuple(role_changes(connection, members))


def set_roles(settings: Settings, members: Members) -> RolesSet:
    """Create the groups, or bring them up to date; running it again changes nothing.

    A superuser can do all of it, and so can a database's owner with CREATEROLE. What a role cannot do is in
    the result, with the reason; the rest is done.

    Raises:
        Unavailable: the server cannot be reached.
    """
    with changing(settings) as (connection, server):
        return RolesSet(server, *settle_roles(connection, members))


def settle_roles(connection: Connection, members: Members) -> tuple[tuple[RoleChange, ...], tuple[Undone, ...]]:
    """What `set_roles` does, on a connection that may be in a transaction; what was done, and what could not be."""
    # A login of the owner group works as the group, which may not do as much as the login itself.
    connection.execute("SET ROLE NONE")
    done: dict[RoleChange, None] = {}
    reasons: dict[RoleChange, str] = {}
    # One makes another possible: a group must exist, and be allowed in the schema, before it can own a table there.
    for _ in range(_ROUNDS):
        for change in role_changes(connection, members):
            try:
                with connection.transaction():
                    connection.execute(change.sql.encode())
            except psycopg.Error as error:
                reasons[change] = error.diag.message_primary or type(error).__name__
            else:
                done[change] = None
    left = role_changes(connection, members)
    undone = tuple(Undone(change, reasons.get(change, "the server did not do it")) for change in left)
    return tuple(change for change in done if change not in left), undone


def _creation(group: str) -> RoleChange:
    create = composed(
        "CREATE ROLE {group} NOLOGIN; COMMENT ON ROLE {group} IS {meaning}",
        group=Written(group),
        meaning=Literal(GROUPS[group]),
    )
    return RoleChange("role", group, "NOLOGIN", None, create)


def _member_changes(connection: Connection, roles: Mapping[str, Role], members: Members) -> Iterator[RoleChange]:
    wanted_members = ((OWNER, members.owners), (RUNTIME, members.engines), (READER, members.readers))
    for group, logins in wanted_members:
        for login in logins:
            if login not in roles or group not in roles[login].member_of:
                yield _membership(group, login)
    if not _may_work_as_owner(connection) and _may_manage(connection):
        yield _membership(OWNER, connection.info.user)
    for login, _, member_of, settings in roles.values():
        groups = GROUPS.keys() & {*member_of, *(group for group, logins in wanted_members if login in logins)}
        due = READER_SETTINGS if groups == {READER} else _OWNER_SETTINGS if login in members.owners else {}
        found = dict(setting.split("=", 1) for setting in settings)
        for name, value in due.items():
            # A stricter or laxer one is somebody's decision.
            if name not in found and login not in GROUPS:
                yield _setting(connection, login, name, value)


def _membership(group: str, login: str) -> RoleChange:
    grant = composed("GRANT {group} TO {login}", group=Written(group), login=Identifier(login))
    return RoleChange("member", f"{login} in {group}", "member", None, grant)


def _setting(connection: Connection, login: str, name: str, value: str) -> RoleChange:
    alter = composed(
        "ALTER ROLE {login} IN DATABASE {database} SET {name} = {value}",
        login=Identifier(login),
        database=Identifier(connection.info.dbname),
        name=Written(name),
        value=Literal(value),
    )
    return RoleChange("setting", f"{name} of {login}", value, None, alter)


def _may_work_as_owner(connection: Connection) -> bool:
    """Whether the login can use the owner group's rights and give things to it."""
    # Since PostgreSQL 16, the role that creates a group is a member of it that can do neither.
    give = "SET" if connection.info.server_version >= _SET_OPTION else "MEMBER"
    query = "SELECT pg_has_role(session_user, %s, 'USAGE') AND pg_has_role(session_user, %s, %s)"
    return connection.execute(query, [OWNER, OWNER, give]).fetchone() == (True,)


def _may_manage(connection: Connection) -> bool:
    """Whether the login is one that sets the groups up: no other is ever advised to become the owner."""
    query = (
        "SELECT (r.rolcreaterole OR d.datdba = r.oid)"
        " AND NOT pg_has_role(r.oid, %s, 'USAGE') AND NOT pg_has_role(r.oid, %s, 'USAGE')"
        " FROM pg_roles AS r, pg_database AS d WHERE r.rolname = session_user AND d.datname = current_database()"
    )
    return connection.execute(query, [RUNTIME, READER]).fetchone() == (True,)


def _owner_changes(connection: Connection) -> Iterator[RoleChange]:
    """What the owner group should own: all of atb_db but the database, the schema public, and what follows a table."""
    for one in _ours(connection, expected_catalog()):
        if one.kind in _OWNABLE and one.owner != OWNER and one.sql_name != "public":
            alter = composed(
                "ALTER {kind} {name} OWNER TO {owner}",
                kind=Written(_OWNABLE[one.kind]),
                name=Written(one.sql_name),
                owner=Written(OWNER),
            )
            yield RoleChange("owner", f"{one.kind} {one.name}", OWNER, one.owner, alter)


def _ours(connection: Connection, expected: Catalog) -> list[Owned]:
    """The objects of atb_db that are there, and its tables for bookkeeping; nobody else's."""
    known = {(entry.kind, entry.name) for entry in expected}
    tables = {name for kind, name in known if kind == "table"}
    return [
        one
        for one in ask(connection, "owned_objects", Owned)
        if one.kind in {"database", "schema"}
        or (one.kind, one.name) in known
        or (one.kind == "sequence" and one.part_of in tables)
        or (one.kind == "table" and is_bookkeeping(one.name))
    ]
