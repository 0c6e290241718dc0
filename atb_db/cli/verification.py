"""Whether the database is as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from atb_db.cli.excerpts import excerpts
from atb_db.cli.exits import ExitCode
from atb_db.cli.options import JsonOption, UrlOption, print_server, settings_of
from atb_db.cli.output import print_json, print_message, print_table

if TYPE_CHECKING:
    from atb_db.admin.verification import Verification


def verify_command(url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Compare the database with what it should be; writes nothing.

    Compares tables, columns, constraints, indexes, triggers, enums, domains, views, functions and comments with
    sql/schema, tells which migrations are pending, and counts rows. Owners, grants, storage, extensions and sequences
    are not compared.

    \b
    Examples:
      atb-db verify
      atb-db verify --json | jq '.findings[].where'

    \b
    Exit codes: 0 as it should be, 1 failed, 2 wrong usage,
    3 differences or pending migrations, 4 cannot connect.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.verification import verify

    found = verify(settings_of(url))
    if as_json:
        print_json({"clean": found.clean, **found._asdict()})
    else:
        _print_verification(found)
    if not found.clean:
        raise typer.Exit(ExitCode.FOUND)


def _print_verification(found: Verification) -> None:
    print_server(found.server)
    if found.rows:
        print_table(("Table", "Rows"), found.rows)
        typer.echo()
    if found.findings:
        rows = [(one.problem, one.what, one.where, *excerpts(one.expected, one.actual)) for one in found.findings]
        print_table(("Problem", "What", "Where", "Expected", "Actual"), rows)
    for name in found.pending:
        print_message(f"Migration {name} is pending: atb-db migrate applies it.")
    for name in found.unknown:
        print_message(f"Migration {name} was made by another version of atb-db.")
    count = len(found.findings)
    print_message(f"Differences from the schema: {count}." if count else "The schema is as it should be.")
