"""Whether the database, and what is recorded in it, is as it should be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from atb_db.admin.readable import counted
from atb_db.cli.choosing import SessionOption
from atb_db.cli.excerpts import excerpts
from atb_db.cli.exits import ExitCode
from atb_db.cli.guarding import confirm
from atb_db.cli.options import EnvironmentOption, JsonOption, UrlOption, print_server, settings_for, settings_of
from atb_db.cli.output import print_json, print_message, print_table
from atb_db.cli.progress import progress_bar

if TYPE_CHECKING:
    from atb_db.admin.schema.verify import Verification
    from atb_db.config import Settings

_SHOWN: Final = 100
"""Contradictions that are listed one by one."""


def verify_command(
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Make the safe repairs; shows them and asks first.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --fix: do not ask.")] = False,
    exact_counts: Annotated[
        bool, typer.Option("--exact-counts", help="Also count the rows of every table; may take long.")
    ] = False,
    statements: Annotated[
        bool, typer.Option("--statements", help="Also have the server describe every statement.")
    ] = False,
    env: EnvironmentOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the database with what this version needs; writes nothing unless --fix.

    Compares tables, columns, constraints, indexes, triggers, rules, policies, enums, domains, views, functions and
    comments with sql/schema, migrations with their files, grants with the rules of `atb-db roles`, and enums with
    those of the code. Checks time zone, encryption, collation version, extensions, sequences that run out, and the
    books of the newest sessions (`atb-db audit` checks all). Objects that are not part of atb-db are only listed.
    Each finding has its fix. Any role that can read is sufficient.

    --fix builds missing indexes without blocking anybody, and repairs comments, grants and nullable columns.

    \b
    Examples:
      atb-db verify
      atb-db verify --statements --exact-counts
      atb-db verify --fix
      atb-db verify --json | jq '.findings[] | .where, .repair'

    \b
    Exit codes: 0 as it should be, 1 failed, 2 wrong usage, 3 something is not,
    4 cannot connect, 5 --fix was not confirmed, 130 interrupted.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.backup.drill import overdue
    from atb_db.admin.schema.verify import NOT_COMPARED, verify

    settings = settings_for(url, env)
    found = verify(settings, exact_counts=exact_counts, statements=statements)
    if fix and found.repairable:
        _mend(settings, found, yes=yes)
        found = verify(settings, exact_counts=exact_counts, statements=statements)
    if as_json:
        print_json({"clean": found.clean, **found._asdict(), "not_compared": NOT_COMPARED})
    else:
        _print_verification(found)
        print_message(f"Not compared: {'; '.join(NOT_COMPARED)}.")
    if not found.clean:
        raise typer.Exit(ExitCode.FOUND)
    if note := overdue(settings):
        print_message(note)


def audit_command(
    *,
    session: SessionOption = None,
    marks: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Note in FILE what is sound, and pass over what nobody has written since."),
    ] = None,
    jobs: Annotated[
        int, typer.Option(metavar="N", min=1, max=64, help="Connections that compare at the same time.")
    ] = 1,
    contents: Annotated[
        bool, typer.Option("--contents", help="Also read compacted decisions, not only what is said of them.")
    ] = False,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Audit the books: ledgers, positions, orders, trades and metrics against each other; writes nothing there.

    Without --session it audits all sessions, and the rules between sessions. Without --marks it compares everything.
    The first hundred contradictions are listed, with --json all of them. A long session takes about half the time with
    --jobs 2, and two of the server's processors.

    With --marks, an audit that was interrupted, or killed, goes on where it was, and the next one compares only the
    positions of which a transaction has written anything since they were found sound, and all sums. It does not see
    what a disk changed by itself, for which there are the server's checksums, and an audit without --marks. The file
    holds for one database of one server, until that is recovered or atb-db compares something else.

    \b
    Examples:
      atb-db audit
      atb-db audit --session 42
      atb-db audit --marks audit-marks.json --jobs 4
      atb-db audit --json | jq '.findings[]'

    \b
    Exit codes: 0 the books balance, 1 failed (no such session), 2 wrong usage,
    3 they do not, 4 cannot connect.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.audit import audit
    from atb_db.admin.progress import silent

    with progress_bar() as show:
        found = audit(
            settings_of(url), session_id=session, marks=marks, jobs=jobs, contents=contents, progress=show or silent
        )
    if as_json:
        print_json(found)
    else:
        print_server(found.server)
        if found.findings:
            rows = [(number, *book) for number, book in found.findings[:_SHOWN]]
            print_table(("Session", "Identity", "Subject", "Expected", "Actual"), rows)
            if len(found.findings) > _SHOWN:
                print_message(f"and {len(found.findings) - _SHOWN} more: --json has all of them")
        if found.passed_over:
            print_message(f"Passed over {counted(found.passed_over, 'position')} that nobody has written since.")
        count = len(found.findings)
        books = f"the books of {counted(found.audited, 'session')}"
        print_message(f"Contradictions in {books}: {count}." if count else f"Audited {books}: they balance.")
    if found.findings:
        raise typer.Exit(ExitCode.FOUND)


def _mend(settings: Settings, found: Verification, *, yes: bool) -> None:
    from atb_db.admin.schema.verify import repair_safe

    print_message("To be fixed:")
    for finding in found.repairable:
        print_message(f"  {finding.repair};")
    confirm("Do it?", yes=yes)
    for finding, failure in repair_safe(settings, found.repairable):
        if failure is not None:
            print_message(f"Could not fix {finding.what} {finding.where}: {failure}")


def _print_verification(found: Verification) -> None:
    print_server(found.server)
    print_message(_verdict(found))
    if found.findings:
        rows = [
            (one.level, one.problem, one.what, one.where, *excerpts(one.expected, one.actual)) for one in found.findings
        ]
        print_table(("Level", "Problem", "What", "Where", "Expected", "Actual"), rows)
    for one in found.findings:
        if one.repair is not None:
            print_message(f"{one.what} {one.where}: {one.repair}")
    if found.statements is not None:
        print_message(f"Statements described by the server: {found.statements}.")
    if found.books is None:
        print_message("The books were not audited; the findings say why.")
    elif found.books.audited < found.books.sessions:
        print_message(
            f"Audited the books of the newest {found.books.audited} of {counted(found.books.sessions, 'session')}; "
            "`atb-db audit` audits all."
        )
    if found.exact:
        print_table(("Table", "Rows"), found.rows)


def _verdict(found: Verification) -> str:
    """Whether it is as it should be, and how much was found."""
    from atb_db.admin.findings import Level

    counts = Counter(one.level for one in found.findings)
    levels = ", ".join(f"{counts[level]} {level}" for level in reversed(Level) if counts[level])
    if found.clean:
        return f"The schema is as it should be.{f' To know: {levels}.' if levels else ''}"
    return f"Not as it should be: {levels}."
