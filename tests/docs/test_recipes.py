"""CONTRIBUTING's recipes for changing the schema, performed from their text."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from atb_db.admin.connection import reading
from atb_db.admin.migrations import Release, lint, migrate, new_migration, rollback, rollback_plan
from atb_db.admin.schema.catalog import Catalog, differences, read_catalog, write_catalog
from atb_db.admin.schema.declared import code_word
from atb_db.admin.tokens import SqlStatement, statements
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.sqlfile import sql_root

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


def test_there_is_a_recipe_for_each_of_the_usual_changes() -> None:
    assert [recipe.name for recipe in recipes()] == [
        "venue",
        "copied-strategies",
        "trades-by-exit-reason",
        "funding-payments",
    ]


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.name)
def test_a_recipe_makes_what_it_says_and_takes_it_back(
    recipe: Recipe, fresh_url: str, server: Server, tmp_path: Path
) -> None:
    shutil.copytree(sql_root(), tmp_path / "sql")
    made = new_migration(recipe.name, release=Release(tmp_path / "sql"))
    header = "".join(f"{line}\n" for line in recipe.migration.splitlines() if line.startswith("-- "))
    made.path.write_text(header + made.path.read_text() + recipe.migration.removeprefix(header))
    made.rollback_path.write_text(made.rollback_path.read_text() + recipe.rollback)
    release = Release(tmp_path / "sql")
    assert [one for one in lint(release).findings if one.file == made.path.name] == []

    url = server.create_database(f"recipe_{recipe.name}", template="template0")
    settings = Settings.load(url)
    migrate(settings)
    base = catalog(url)

    addition = tmp_path / "sql" / "schema" / "99_addition.sql"
    addition.write_text(recipe.schema)
    with psycopg.connect(fresh_url) as connection:
        for text in ("" if any(map(is_data, statements(recipe.schema))) else recipe.migration, recipe.schema):
            connection.execute(text.encode())
    write_catalog(tmp_path / "sql" / "catalog.json", catalog(fresh_url))
    release = Release(tmp_path / "sql")
    assert migrate(settings, release=release).applied == (made.path.stem,)
    assert differences(catalog(fresh_url), catalog(url)) == []
    assert differences(base, catalog(url)) != []
    rollback(settings, rollback_plan(settings, release=release), release=release)
    # The older release describes it again.
    assert [one for one in differences(base, catalog(url)) if not one.what.endswith("comment")] == []
    migrate(settings)
    assert differences(base, catalog(url)) == []


def is_data(statement: SqlStatement) -> bool:
    return code_word(statement) is None
