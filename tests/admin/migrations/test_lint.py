"""Each rule of `atb-db lint` finds what it is for, and nothing in the migrations that there are."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from atb_db.admin.migrations import LintLevel, Release, lint, new_migration
from atb_db.admin.tokens import checksum, statements
from atb_db.errors import InvalidInput
from tests.admin.conftest import Write

TABLE = "CREATE TABLE one (id bigint);\n"
DOMAIN = "CREATE DOMAIN name_of_it AS text CONSTRAINT name_of_it_form CHECK (VALUE <> '');\n"


class Plant(NamedTuple):
    rule: str
    sql: str
    rollback: str | None = "-- Nothing."
    line: int = 1


PLANTS = [
    Plant("transaction-control", "SELECT 1;\nCOMMIT;", line=2),
    Plant("transaction-control", "SELECT 1;", "COMMIT;"),
    Plant("directive", "-- depends: 0000-none\nSELECT 1;"),
    Plant("directive", "-- transactional: no\nSELECT 1;"),
    Plant("directive", "SELECT 1;\n-- transactional: false\nSELECT 2;", line=2),
    Plant("directive", "-- transactional: false\n-- without: reporting.trades\nVACUUM;", line=2),
    Plant("missing-rollback", "SELECT 1;", None),
    Plant("concurrently-in-transaction", TABLE + "CREATE INDEX CONCURRENTLY i ON one (id);", line=2),
    Plant("concurrently-in-transaction", "SELECT 1;", "DROP INDEX CONCURRENTLY i;"),
    Plant("not-repeatable", "-- transactional: false\nCREATE INDEX CONCURRENTLY i ON one (id);", line=2),
    Plant("enum-value-used", "ALTER TYPE severity ADD VALUE 'X';\nUPDATE t SET severity = 'X';", line=2),
    Plant("enum-value-used", "ALTER TYPE severity ADD VALUE 'X';\nDO $$ BEGIN PERFORM 'X'::severity; END $$;", line=2),
    Plant("code", "SELECT 1;\nCREATE FUNCTION one(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';", line=2),
    Plant("code", "CREATE OR REPLACE VIEW one AS SELECT 1;"),
    Plant("code", "CREATE RECURSIVE VIEW one (a) AS SELECT 1;"),
    Plant("code", "DROP VIEW one;"),
    Plant("code", "CREATE TRIGGER one BEFORE UPDATE ON trades FOR EACH ROW EXECUTE FUNCTION refuse_change();"),
    Plant("code", TABLE + "COMMENT ON TABLE one IS '1';", line=2),
    Plant("code", "GRANT SELECT ON trades TO PUBLIC;"),
    Plant("code", "REVOKE SELECT ON trades FROM PUBLIC;"),
    Plant("code", "SELECT 1;", "SELECT 1;\nDROP VIEW one;"),
    Plant("unnamed-constraint", "CREATE DOMAIN one AS text CHECK (VALUE <> '');"),
    Plant("unnamed-constraint", TABLE.replace("id bigint", "id bigint PRIMARY KEY")),
    Plant("unnamed-constraint", TABLE.replace("id bigint", "id bigint, UNIQUE (id)")),
    Plant("unnamed-constraint", TABLE + "ALTER TABLE one ADD FOREIGN KEY (id) REFERENCES one;", line=2),
    Plant("big-table-index", "CREATE INDEX i ON trades (symbol);"),
    Plant("domain-column", DOMAIN + "ALTER TABLE trades ADD COLUMN venue name_of_it;", line=2),
    Plant(
        "domain-column",
        DOMAIN + "ALTER TABLE trades\nADD note text,\nADD IF NOT EXISTS venue public.name_of_it;",
        line=4,
    ),
]


def rules(release: Release) -> list[tuple[str, int]]:
    return [(one.rule, one.line) for one in lint(release).findings if not one.rule.startswith("squawk")]


@pytest.mark.parametrize("plant", PLANTS, ids=[f"{plant.rule}-{number}" for number, plant in enumerate(PLANTS)])
def test_a_plant_is_found_and_nothing_else(plant: Plant, write: Write) -> None:
    release = write(m0001_one=plant.sql, **({} if plant.rollback is None else {"r0001_one": plant.rollback}))
    assert rules(release) == [(plant.rule, plant.line)]


@pytest.mark.parametrize(
    "sql",
    [
        TABLE + "CREATE INDEX i ON one (id);",
        "-- transactional: false\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON trades (symbol);",
        TABLE.replace(
            "id bigint", "id bigint CONSTRAINT one_pkey PRIMARY KEY, CONSTRAINT f FOREIGN KEY (id) REFERENCES one"
        ),
        "-- lint-ignore big-table-index: the table is empty until the next release\nCREATE INDEX i ON trades (symbol);",
        "-- squawk-ignore require-concurrent-index-creation\nCREATE INDEX i ON trades (symbol);",
        "SELECT 'COMMIT; BEGIN' -- COMMIT\n;",
        DOMAIN + TABLE + "ALTER TABLE one ADD COLUMN venue name_of_it;",
        DOMAIN + "ALTER TABLE trades ADD COLUMN venues name_of_it[];",
        "-- lint-ignore domain-column: nothing is in it yet\n" + DOMAIN + "ALTER TABLE trades ADD venue name_of_it;",
        "ALTER TABLE trades ADD COLUMN venue text CONSTRAINT trades_venue_form CHECK (venue <> '');",
    ],
)
def test_what_is_right_is_not_found(sql: str, write: Write) -> None:
    assert rules(write(m0001_one=sql, r0001_one="-- Nothing.")) == []


def test_the_migrations_that_there_are_have_no_errors() -> None:
    assert [one for one in lint().findings if one.severity is LintLevel.ERROR] == []


def test_names_and_numbers(write: Write) -> None:
    release = write(m0001_one="SELECT 1;", r0001_one="", m0001_two="SELECT 1;", r0001_two="", m0004_four="SELECT 1;")
    (release.folder / "0004-four.rollback.sql").write_text("")
    (release.folder / "5_Odd.sql").write_text("-- rollback: not needed\nSELECT 1;")
    (release.folder / "0006-gone.rollback.sql").write_text("")
    (release.folder / "0007-python.py").write_text("")
    found = {(one.file, one.rule, one.severity) for one in lint(release).findings if "squawk" not in one.rule}
    assert found == {
        ("0001-two.sql", "numbering", LintLevel.ERROR),
        ("0004-four.sql", "numbering", LintLevel.WARNING),
        ("5_Odd.sql", "numbering", LintLevel.ERROR),
        ("0006-gone.rollback.sql", "stray-file", LintLevel.ERROR),
        ("0007-python.py", "stray-file", LintLevel.ERROR),
    }


def test_squawk_is_asked_too(write: Write) -> None:
    found = lint(write(m0001_one="ALTER TABLE trades ALTER COLUMN pnl TYPE bigint;", r0001_one="-- Nothing."))
    assert found.squawk
    assert "squawk:changing-column-type" in {one.rule for one in found.findings}


def test_a_new_migration_has_the_next_number_and_passes(write: Write) -> None:
    release = write(m0009_nine="SELECT 1;", r0009_nine="")
    made = new_migration("Trades remember: their Venue!", release=release)
    assert (made.path.name, made.rollback_path.name) == (
        "0010-trades-remember-their-venue.sql",
        "0010-trades-remember-their-venue.rollback.sql",
    )
    assert [one for one in lint(Release(release.root)).findings if one.file.startswith("0010")] == []
    with pytest.raises(InvalidInput):
        new_migration("!?", release=release)


def test_statements_end_where_postgresql_ends_them() -> None:
    text = (
        "SELECT ';' /* ; */; DO $x$ ; $x$; CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; -- ;\nSELECT 2"
    )
    assert [statement.tokens[0].text for statement in statements(text)] == ["SELECT", "DO", "CREATE", "SELECT"]
    assert [statement.line for statement in statements("\n\nSELECT 1;\n-- a\nSELECT 2")] == [3, 5]


def test_a_checksum_is_of_what_is_said() -> None:
    assert checksum("SELECT  1;\r\n") == checksum("SELECT 1 -- one\n")
    assert checksum("SELECT 1; SELECT 2") != checksum("SELECT 1 SELECT 2")
    assert checksum("SELECT 'a'") != checksum("SELECT 'A'")
