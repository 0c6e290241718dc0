"""The handy questions that `atb-db psql` knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from atb_db.repository import statements
from atb_db.sqlfile import sql_root
from atb_db.statement import Kind
from tests.cli.conftest import Run

TEXT = (sql_root() / "psqlrc").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^\\set (\w+) 'SELECT", TEXT, re.MULTILINE)
VARIABLES = set(re.findall(r"^\\set (\w+) ", TEXT, re.MULTILINE))


def test_every_question_is_answered(run: Run, fresh_url: str, tmp_path: Path) -> None:
    (tmp_path / "ask.sql").write_text("".join(f"\\echo = {question}\n:{question}\n" for question in QUESTIONS))
    done = run("psql", "--", "--set=ON_ERROR_STOP=1", "-f", "ask.sql", url=fresh_url)
    assert (done.code, done.err) == (0, "")
    answers = dict(re.findall(r"^= (\w+)\n(.*?)(?=^= |\Z)", done.out, re.MULTILINE | re.DOTALL))
    assert list(answers) == QUESTIONS
    assert [question for question, answer in answers.items() if "row" not in answer] == []


def test_a_wide_answer_is_expanded_and_a_narrow_one_is_not(run: Run, fresh_url: str, tmp_path: Path) -> None:
    asked = "\\pset columns 80\nSELECT repeat('x', 60) AS a, repeat('y', 60) AS b;\nSELECT 1 AS one;\n"
    (tmp_path / "ask.sql").write_text(asked)
    out = run("psql", "--", "-f", "ask.sql", url=fresh_url).out
    assert re.search(r"^a │ x{60}$", out, re.MULTILINE)
    assert re.search(r"^ one $", out, re.MULTILINE)


def test_the_banner_names_every_question() -> None:
    banner = " ".join(re.findall(r"^\\echo (.*)", TEXT, re.MULTILINE))
    assert set(re.findall(r":(\w+)", banner)) == set(QUESTIONS)


def test_no_question_is_called_like_a_parameter() -> None:
    """Or psql would put it into a query's file."""
    assert not VARIABLES & {
        parameter.name for one in statements() if one.kind is Kind.QUERY for parameter in one.parameters
    }


@pytest.mark.parametrize("asked", [("-c", ":sessions"), ("-c:sessions;",), ("--command=:sessions",)])
def test_a_question_is_asked_from_the_shell(run: Run, fresh_url: str, asked: tuple[str, ...]) -> None:
    done = run("psql", "--", *asked, "-At", "-c", "SELECT 17", url=fresh_url)
    assert (done.code, done.out, done.err) == (0, "17\n", "")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (":recent_trade", "there is no question recent_trade; did you mean :recent_trades"),
        (":xyzzy;", "there is no question xyzzy; there are sessions, account, "),
    ],
)
def test_a_question_that_there_is_none_of_fails(run: Run, fresh_url: str, asked: str, said: str) -> None:
    done = run("psql", "--", "-At", "-c", asked, "-c", "SELECT 17", url=fresh_url)
    assert (done.code, done.out) == (3, "")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_a_question_that_fails_fails_and_the_next_words_have_their_own_way(
    run: Run, fresh_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").write_text("\\set broken 'SELECT 1 / 0;'\n\\set mine 'SELECT 18;'\n")
    monkeypatch.setenv("PSQLRC", str(tmp_path / "own"))
    assert run("psql", "--", "-c", ":broken", url=fresh_url).code == 3
    done = run("psql", "--", "-At", "-c", ":mine", "-c", "SELECT 1 / 0", "-c", "SELECT 17", url=fresh_url)
    assert (done.code, done.out) == (0, "18\n17\n")


def test_scripts_see_nothing_of_it(run: Run, fresh_url: str) -> None:
    assert run("psql", "--", "-At", "-c", "SELECT ':sessions'", url=fresh_url).out == ":sessions\n"


def test_the_user_s_own_psqlrc_is_read_too(
    run: Run, fresh_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").write_text("\\set mine 'SELECT 17 AS mine;'\n")
    monkeypatch.setenv("PSQLRC", str(tmp_path / "own"))
    (tmp_path / "ask.sql").write_text(":mine\n:sessions\n")
    done = run("psql", "--", "-f", "ask.sql", url=fresh_url)
    assert (done.code, done.err) == (0, "")
    assert "17" in done.out
