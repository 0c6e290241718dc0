"""CONTRIBUTING's recipes for changing the schema, performed from their text."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from atb_db.admin.connection import reading
from atb_db.admin.migrations import Release, known_migrations, lint, migrate, new_migration, rollback, rollback_plan
from atb_db.admin.schema.catalog import Catalog, differences, read_catalog, write_catalog
from atb_db.admin.schema.declared import code_word
from atb_db.admin.tokens import SqlStatement, statements
from atb_db.config import Settings
from atb_db.sqlfile import sql_root

FILES = 6
CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
RECIPE = re.compile(r"^### (Add [^\n]+)\n(.*?)(?=^##)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```sql (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Recipe(NamedTuple):
    name: str
    migration: str
    rollback: str
    schema: str
    """What sql/schema says besides; of data, where it is not said as in the migration."""


def recipes() -> list[Recipe]:
    found: list[Recipe] = []
    for title, text in RECIPE.findall(CONTRIBUTING.read_text(encoding="utf-8")):
        blocks: dict[str, str] = dict(BLOCK.findall(text))
        [name] = re.findall(r"`atb-db new ([a-z-]+)`", text)
        assert blocks, title
        found.append(Recipe(name, blocks["migration"], blocks["rollback"], blocks["schema"]))
    return found


def catalog(url: str) -> Catalog:
    with reading(Settings.load(url)) as (connection, _):
        return read_catalog(connection)


def edits() -> list[tuple[str, str, str]]:
    """The file, the old and the new text of each diff."""
    text = CONTRIBUTING.read_text(encoding="utf-8")
    found: list[tuple[str, str, str]] = []
    for path, diff in re.findall(r"^```diff (\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        lines = diff.splitlines()
        old, new = ("\n".join(line[1:] for line in lines if line[0] in kept) for kept in (" -", " +"))
        found.append((path, old, new))
    return found


CARRIED = """
import sys
from atb_db import Database
from atb_db.admin.connection import reading
from atb_db.admin.migrations import migrate, rollback, rollback_plan
from atb_db.admin.schema.catalog import read_catalog, write_catalog
from atb_db.config import Settings
from atb_db.errors import InvalidInput
from atb_db.repository import positions, sessions
from atb_db.sqlfile import schema_sql, sql_root
import psycopg
live, fresh = map(Settings.load, sys.argv[1:])
with psycopg.connect(fresh.conninfo) as connection:
    connection.execute(schema_sql().encode())
with reading(fresh) as (connection, _):
    write_catalog(sql_root() / "catalog.json", read_catalog(connection))
done = migrate(live)
print(done.applied)
print(*sorted({name.partition('(')[0] for name in done.code}), sep=", ")
with Database(live) as db:
    session = db.run(sessions.create_trading_session(
        strategy_name="s", symbol="X", timeframe="1h", mode="PAPER", initial_balance=1000))
    order = dict(session_id=session, symbol="X", side="LONG", entry_price=1, size=1, quantity=1, strategy_name="s")
    db.run(positions.open_position(**order, entry_order_id="1", risk_budget=3))
    print([one.risk_budget for one in db.run(positions.get_active_positions(session_id=session))])
    try:
        db.run(positions.open_position(**order, entry_order_id="2", risk_budget=-1))
    except InvalidInput as error:
        print(error.field)
with psycopg.connect(live.conninfo) as connection:
    print(connection.execute("SELECT risk_budget FROM reporting.open_positions").fetchall())
print([name.partition('(')[0] for name in rollback_plan(live)[0].code])
print(rollback(live, rollback_plan(live)))
"""


def test_a_column_is_carried_through(migrated_url: str, empty_url: str, tmp_path: Path) -> None:
    live, fresh = migrated_url, empty_url
    root = CONTRIBUTING.parent
    for folder in ("atb_db", "sql", "tests"):
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    number = f"{int(known_migrations()[-1][:4]) + 1:04}"
    for name, old, new in edits():
        path = tmp_path / name.replace("NNNN", number)
        text = path.read_text() if path.exists() else ""
        assert text.count(old) == 1 or not (text or old), (name, old)
        path.write_text(text.replace(old, new) if old else new + "\n")
    assert len({name for name, _, _ in edits()}) == FILES
    # Whatever measures this process measures this checkout, and no copy of it.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    subprocess.run([sys.executable, "-m", "tests.docs.selects"], cwd=tmp_path, env=environ, check=True)
    run = subprocess.run(
        [sys.executable, "-c", CARRIED, live, fresh], cwd=tmp_path, env=environ, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout.splitlines()) == (
        0,
        [
            f"('{number}-risk-budget',)",
            "comment on column positions.risk_budget, function open_position, view reporting.open_positions",
            "[Decimal('3')]",
            "risk_budget",
            "[(Decimal('3'),)]",
            "['view reporting.open_positions']",
            f"('{number}-risk-budget',)",
        ],
    ), run.stderr


def test_there_is_a_recipe_for_each_of_the_usual_changes() -> None:
    assert [recipe.name for recipe in recipes()] == [
        "venue",
        "copied-strategies",
        "trades-by-exit-reason",
        "funding-payments",
    ]


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(one, id=one.name, marks=[pytest.mark.slow] if number else [])
        for number, one in enumerate(recipes())
    ],
)
def test_a_recipe_makes_what_it_says_and_takes_it_back(
    recipe: Recipe, fresh_url: str, migrated_url: str, tmp_path: Path
) -> None:
    shutil.copytree(sql_root(), tmp_path / "sql")
    made = new_migration(recipe.name, release=Release(tmp_path / "sql"))
    header = "".join(f"{line}\n" for line in recipe.migration.splitlines() if line.startswith("-- "))
    made.path.write_text(header + made.path.read_text() + recipe.migration.removeprefix(header))
    made.rollback_path.write_text(made.rollback_path.read_text() + recipe.rollback)
    release = Release(tmp_path / "sql")
    assert [one for one in lint(release).findings if one.file == made.path.name] == []

    url, settings = migrated_url, Settings.load(migrated_url)
    base = catalog(url)

    addition = tmp_path / "sql" / "schema" / "99_addition.sql"
    addition.write_text(recipe.schema)
    with psycopg.connect(fresh_url) as connection:
        for text in ("" if any(map(is_data, statements(recipe.schema))) else recipe.migration, recipe.schema):
            connection.execute(text.encode())
    write_catalog(tmp_path / "sql" / "catalog.json", catalog(fresh_url))
    release = Release(tmp_path / "sql")
    before = table_files(url)
    assert migrate(settings, release=release).applied == (made.path.stem,)
    assert before.items() <= table_files(url).items(), "a table was rewritten"
    assert differences(catalog(fresh_url), catalog(url)) == []
    assert differences(base, catalog(url)) != []
    rollback(settings, rollback_plan(settings, release=release), release=release)
    # The older release describes it again.
    assert [one for one in differences(base, catalog(url)) if not one.what.endswith("comment")] == []
    migrate(settings)
    assert differences(base, catalog(url)) == []


def table_files(url: str) -> dict[str, int]:
    """The file of each table: another one after the table was rewritten."""
    with psycopg.connect(url) as connection:
        query = (
            "SELECT relname, pg_relation_filenode(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        return dict(connection.execute(query).fetchall())


def is_data(statement: SqlStatement) -> bool:
    return code_word(statement) is None
