import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import pytest
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command
from typer.testing import CliRunner

from atb_db.admin.batches import find_batch
from atb_db.admin.questions import arguments, find, option_texts
from atb_db.cli.app import app, app_for
from atb_db.cli.durations import parse_duration, parse_moment, parse_wait
from atb_db.cli.exits import ExitCode
from atb_db.cli.grouping import TASKS
from tests.each import each

COMMANDS = [command.name or "" for command in app.registered_commands]
for group in app.registered_groups:
    subcommands = group.typer_instance.registered_commands if group.typer_instance else []
    COMMANDS += [group.name or "", *(f"{group.name} {command.name}" for command in subcommands)]
GROUPS = {"archive", "journal", "halt", "import"}
"""Of commands; alone they do nothing."""
OFFLINE = {
    "archive schedule",
    "archive status",
    "demo",
    "new",
    "lint",
    "queries",
    "journal status",
    "journal inspect",
    "journal discard",
    *GROUPS,
}


@cache
def shown(*arguments: str) -> str:
    result = CliRunner().invoke(app_for([*arguments]), [*arguments, "--help"], prog_name="atb-db")
    assert result.exit_code == 0
    return result.stdout


def test_help_has_examples_and_exit_codes() -> None:
    def holds(command: str | None) -> None:
        text = shown(*(command or "").split())
        assert "Examples:" in text
        assert "Exit codes:" in text
        assert f"\n    atb-db {command or ''}" in text

    each([None, *COMMANDS], holds)


def test_every_command_is_listed_under_a_task_with_a_whole_sentence() -> None:
    text = shown()
    tasks = text[text.index(f"{TASKS[0]}:") :]
    assert [line[:-1] for line in tasks.splitlines() if line.endswith(":") and not line.startswith(" ")] == list(TASKS)
    listed = " ".join(tasks.split())
    for command in COMMANDS:
        if " " not in command:
            sentence = " ".join(shown(command).split("\n\n")[1].split())
            assert f" {command} {sentence}" in listed
            assert sentence.endswith(".")


def test_sentences_are_whole_and_values_have_names_in_every_help() -> None:
    def holds(command: str) -> None:
        text = shown(*command.split())
        assert "..." not in text.partition("\nCommands:")[2]
        assert not re.search(r"^ +--.* <(list|int|float|str)", text, re.MULTILINE)

    each(COMMANDS, holds)


def test_every_default_is_shown() -> None:
    def holds(command: str) -> None:
        found = command_of(command)
        text = " " + " ".join(shown(*command.split()).split()).partition(" Options: ")[2]
        for option in found.params:
            if option.default not in (None, False, (), ""):
                described = text.partition(f" {', '.join(option.opts)} ")[2].partition(" --")[0]
                assert re.search(r"\[(env var: \w+; )?default: ", described), option.opts

    each(COMMANDS, holds)


def test_every_line_fits_on_a_terminal_of_80_columns() -> None:
    def holds(command: str | None) -> None:
        assert not [line for line in shown(*(command or "").split()).splitlines() if len(line) > 80]

    each([None, *COMMANDS], holds)


def test_a_length_of_time_is_a_length_and_a_moment_is_a_time_in_every_help() -> None:
    named = {parse_duration: "LENGTH", parse_wait: "LENGTH", parse_moment: "TIME"}
    checked = set[str]()

    def holds(command: str) -> None:
        for option in command_of(command).params:
            assert isinstance(option, (TyperOption, TyperArgument))
            parser = getattr(option.type_descriptor.parameter_info, "parser", None)
            if parser in named:
                assert option.metavar == named[parser], option.opts
                checked.update(option.opts)

    each([name for name in COMMANDS if name not in GROUPS], holds)
    assert {"--rpo", "--every", "--wait", "--since", "--at"} <= checked


def test_a_session_is_chosen_alike_by_every_command(call: Callable[..., tuple[int, str, str]]) -> None:
    chosen = {name: one for name in COMMANDS for one in command_of(name).params if "--session" in one.opts}
    assert len(chosen) > 10
    assert {(one.metavar, getattr(one, "min", None)) for one in chosen.values()} == {("ID", 1)}
    assert call("audit", "--session", "0")[0] == ExitCode.USAGE


def test_one_option_is_written_one_way() -> None:
    """Whoever knows `--yes` or `-y` of one command knows it of all."""
    written: dict[str, set[tuple[str, ...]]] = {}
    for command in COMMANDS:
        for option in command_of(command).params:
            for name in option.opts:
                written.setdefault(name, set()).add((*option.opts, str(option.metavar)))
    shared = {name: forms for name, forms in written.items() if len(forms) > 1}
    # What they take is another thing, or the help says which it is.
    assert set(shared) <= {"--keep", "--out", "--sql", "file", "source", "environment"}


def command_of(name: str) -> TyperCommand | TyperGroup:
    found = get_command(app)
    for word in name.split():
        found = found.commands[word]  # type: ignore[attr-defined]  # a group's
    assert isinstance(found, (TyperCommand, TyperGroup))
    return found


def rest_of(words: list[str]) -> list[str]:
    """What a command takes beside its options, from a command line without `atb-db`; all of it is parsed."""
    found = get_command(app)
    context = found.make_context("atb-db", [*words])
    while isinstance(found, TyperGroup) and (rest := [*context._protected_args, *context.args]):
        found = found.commands[rest[0]]
        context = found.make_context(rest[0], rest[1:], parent=context)
    return list(context.args)


def examples(command: str) -> list[list[str]]:
    """The calls of atb-db in the examples of a command's help, each as a shell would divide it."""
    found = list[list[str]]()
    for line in re.findall(r"^    (.*\batb-db .*)$", shown(*command.split()).partition("Examples:")[2], re.MULTILINE):
        # A character that divides words without quotes would be one of a URL, too.
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
        lexer.whitespace_split = True
        call: list[str] | None = None
        for word in [*lexer, "|"]:
            if set(word) <= set("|&;()<>"):
                found += [call] if call else []
                call = None
            elif call is not None:
                call.append(word)
            elif word == "atb-db":
                call = []
    return found


def test_the_command_line_takes_every_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCUMBENT_DATABASE_URL", "postgresql://localhost/incumbent")

    def holds(command: str) -> None:
        assert examples(command)
        for words in examples(command):
            rest = rest_of(words)
            if words[0] == "query" and not words[1].startswith("reporting."):
                asked = find_batch(words[1]) or find(words[1])
                assert arguments(asked, option_texts(rest)) is not None

    each(COMMANDS, holds)


def test_only_what_is_called_is_read() -> None:
    assert [command.name for command in app_for(["health", "--json"]).registered_commands] == ["health"]
    assert [group.name for group in app_for(["backup", "list"]).registered_groups] == ["backup"]
    for words in ([], ["--help"], ["no-such-command"]):
        assert app_for(words) is app


def test_lengths_of_time_are_shown_as_they_are_written() -> None:
    def holds(command: str) -> None:
        assert "0:00:00" not in " ".join(shown(*command.split()).split())

    each(COMMANDS, holds)


def test_the_help_tells_every_exit_code() -> None:
    for code in ExitCode:
        assert f"\n    {code.value:<4} " in shown()


def test_commands_that_connect_take_a_url() -> None:
    def holds(command: str) -> None:
        assert "--url URL" in shown(*command.split())

    each([name for name in COMMANDS if name not in OFFLINE], holds)


def test_commands_that_print_data_print_json() -> None:
    def holds(command: str) -> None:
        assert "--json" in shown(*command.split())

    each([name for name in COMMANDS if name not in {"psql", *GROUPS}], holds)


def test_without_a_command_the_help_is_shown(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run()
    assert code == ExitCode.USAGE
    assert "Usage: atb-db" in out + err


def test_help_needs_no_driver_no_migrations_library_and_no_rich() -> None:
    code = """
import sys
from atb_db.cli import main
sys.argv = ["atb-db", "--help"]
try:
    main()
except SystemExit:
    heavy = {"psycopg", "psycopg_pool", "yoyo", "rich"} & set(sys.modules)
    sys.exit(", ".join(heavy) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_version(run: Callable[..., tuple[int, str, str]]) -> None:
    try:
        expected = version("atb-db")
    except PackageNotFoundError:
        pytest.skip("atb-db is not installed")
    assert run("--version") == (0, f"atb-db {expected}\n", "")
