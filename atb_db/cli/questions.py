"""The commands that ask the repository's read statements."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from atb_db.admin.readable import counted
from atb_db.cli.exits import ExitCode
from atb_db.cli.failures import CommandError
from atb_db.cli.options import JsonOption, UrlOption, settings_of
from atb_db.cli.output import plain_text, print_json, print_message, print_table, shown_text
from atb_db.cli.series import print_series, series

if TYPE_CHECKING:
    from atb_db.admin.batches import Answers
    from atb_db.admin.questions import Answer, Argument

_PARTS_OF_A_BATCH: Final = "it has several tables: print it, or take --json"

TAKES_PARAMETERS = {"allow_extra_args": True, "ignore_unknown_options": True}


def _named_like(incomplete: str) -> list[tuple[str, str]]:
    """What a shell offers for a name that begins like this."""
    from atb_db.admin.batches import batch_questions
    from atb_db.admin.questions import questions

    found = [*questions(incomplete), *batch_questions(incomplete)]
    return [(one.name, one.description) for one in found if one.name.startswith(incomplete)]


def query_command(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            help="Such as trades.get_recent_trades; `atb-db queries` lists them.", autocompletion=_named_like
        ),
    ],
    *,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    parquet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write Parquet; also of a view, such as reporting.trades.")
    ] = None,
    arrow: Annotated[Path | None, typer.Option(metavar="FILE", help="Write Arrow's file format (Feather).")] = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a read statement of the repository, or a batch such as dashboard.dashboard; writes nothing.

    Its parameters are given as --parameter value: times as 2024-03-01T09:00Z, a UTC day or so long ago (90d),
    JSON as JSON, null for NULL. A single row is printed with a line for each field. Joined rows are rows of their own,
    nested with --json. On a terminal, numbers beside times are also drawn as a line.

    \b
    Examples:
      atb-db query sessions.get_active_sessions
      atb-db query dashboard.dashboard --session-id 1
      atb-db query trades.get_recent_trades --session-id 1 --limit 5
      atb-db query metrics.get_performance_metrics --session-id 1 --json
      atb-db query trades.get_trades_since --session-id 1 --since 2024-03-01 --csv
      atb-db query trades.get_recent_trades --session-id 1 --parquet out.parquet
      atb-db query reporting.trades --arrow trades.arrow

    \b
    Exit codes: 0 answered, 1 there is no such session, position …, 2 unknown
    statement, parameter or file, 4 cannot connect, 7 the extra arrow is not
    installed.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.batches import ask_batch, batch_names, find_batch
    from atb_db.admin.query_files import FileFormat, write_answer
    from atb_db.admin.questions import arguments, ask, find, option_texts
    from atb_db.errors import InvalidInput, NotFound

    if parquet is not None and arrow is not None:
        raise typer.BadParameter("--parquet and --arrow are two files: run it twice")
    path, file_format = (parquet, FileFormat.PARQUET) if arrow is None else (arrow, FileFormat.ARROW)
    batch = find_batch(name)
    if batch is not None and (as_csv or path is not None):
        raise typer.BadParameter(_PARTS_OF_A_BATCH)
    try:
        texts = option_texts(context.args)
        if batch is not None:
            batch.value(arguments(batch, texts))
        elif path is None or not name.startswith("reporting."):
            declared = find(name, others=batch_names())
            declared.value(arguments(declared, texts))
    except (InvalidInput, NotFound) as error:
        raise CommandError(error, ExitCode.USAGE) from None
    if batch is not None:
        answers = ask_batch(settings_of(url), batch, texts)
        print_json(answers.result) if as_json else _print_parts(answers)
        return
    if path is not None:
        _print_written(path, write_answer(settings_of(url), name, texts, path, file_format), as_json=as_json)
        return
    answer = ask(settings_of(url), name, texts)
    if as_json:
        print_json(answer.result)
    elif as_csv:
        _print_csv(answer)
    else:
        _print(answer)


def _print(answer: Answer) -> None:
    if not answer.rows:
        print_message("No rows.")
    elif answer.single and len(answer.rows) == 1 and len(answer.columns) > 1:
        print_table(("Field", "Value"), zip(answer.columns, map(shown_text, answer.rows[0]), strict=True))
    else:
        print_table(answer.columns, [[shown_text(value) for value in row] for row in answer.rows])
        if sys.stdout.isatty() and (found := series(answer.columns, answer.rows)):
            print_series(found)


def _print_parts(answers: Answers) -> None:
    """Each part under its name; those without rows in one line at the end."""
    for name, part in answers.parts.items():
        if part.rows:
            typer.echo(name.replace("_", " ").capitalize())
            _print(part)
            typer.echo()
    empty = [name.replace("_", " ") for name, part in answers.parts.items() if not part.rows]
    if empty:
        print_message(f"No rows: {', '.join(empty)}.")


def queries_command(
    pattern: Annotated[str, typer.Argument(help="Only those whose name or description contains this.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List the read statements and batches that `atb-db query` takes, with their parameters; opens no connection.

    Parameters in brackets may be left out.

    \b
    Examples:
      atb-db queries
      atb-db queries drawdown
      atb-db queries --json | jq '.[].name'

    \b
    Exit codes: 0 listed, 3 there is none like that.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.batches import batch_questions
    from atb_db.admin.questions import questions

    found = [*questions(pattern), *batch_questions(pattern)]
    if as_json:
        print_json(found)
    elif found:
        rows = [(one.name, " ".join(map(_shown, one.arguments)), one.description) for one in found]
        print_table(("Name", "Parameters", "Description"), rows)
    if not found:
        print_message(f"No read statement has {pattern!r} in its name or description.")
        raise typer.Exit(ExitCode.FOUND)


def _print_written(path: Path, rows: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(path), "rows": rows})
    else:
        print_message(f"{path}: {counted(rows, 'row')}")


def _shown(argument: Argument) -> str:
    text = f"--{argument.name.replace('_', '-')} {argument.default or argument.type}"
    return text if argument.required else f"[{text}]"


def _print_csv(answer: Answer) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows([plain_text(value) for value in row] for row in answer.rows)
