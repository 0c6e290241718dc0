"""What holds no data is made from sql/schema by `migrate`: what differs, and no more."""

from __future__ import annotations

import psycopg
import pytest

from atb_db.admin.connection import ask
from atb_db.admin.errors import Refused
from atb_db.admin.migrations import Release, State, migrate, planned, rehearse, rollback, rollback_plan, status
from atb_db.admin.migrations.engine import engine, yoyo_migration
from atb_db.admin.migrations.steps import silent
from atb_db.admin.schema.catalog import differences, expected_catalog
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.errors import AtbDbError
from tests.admin.migrations.editing import Edit, catalog, change, value

VIEW = "reporting.recent_outcomes"


def test_what_was_changed_by_hand_heals(live: str) -> None:
    change(
        live,
        f"DROP VIEW {VIEW}",
        "COMMENT ON COLUMN trades.symbol IS 'other'",
        "ALTER TABLE orders DISABLE TRIGGER orders_forward_only",
        "CREATE OR REPLACE FUNCTION next_streak(streak integer, outcome integer) RETURNS integer"
        " LANGUAGE sql IMMUTABLE AS 'SELECT 1'",
    )
    settings = Settings.load(live)
    code = planned(settings).code
    assert code.subjects[:3] == ("function next_streak", f"view {VIEW}", "trigger orders.orders_forward_only")
    assert status(settings).code == code.subjects
    assert migrate(settings).code == code.subjects
    assert catalog(live) == expected_catalog()
    assert (status(settings).code, migrate(settings).code) == ((), ())


def test_a_view_keeps_its_owner_and_what_others_were_granted_on_it_when_it_is_made_again(
    server: Server, live: str, edit: Edit
) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE view_owner; CREATE ROLE view_reader; CREATE ROLE view_auditor")
    change(
        live,
        f"ALTER VIEW {VIEW} OWNER TO view_owner",
        f"GRANT SELECT ON {VIEW} TO view_reader WITH GRANT OPTION",
        f"GRANT SELECT (outcome) ON {VIEW} TO view_auditor",
    )
    granted = (
        "SELECT jsonb_build_array(relowner::regrole::text, relacl::text, (SELECT attacl::text FROM pg_attribute"
        f" WHERE attrelid = c.oid AND attname = 'outcome')) FROM pg_class AS c WHERE c.oid = '{VIEW}'::regclass"
    )
    before = value(live, granted)
    release = edit(("91_reporting_trades.sql", "t.place, t.trade_id", "t.trade_id, t.place"))
    done = migrate(Settings.load(live), release=release)
    assert (done.code, done.notes) == ((f"view {VIEW}",), ())
    assert value(live, granted) == before


def test_a_function_whose_result_changes_is_made_again_with_what_depends_on_it(live: str, edit: Edit) -> None:
    release = edit(
        (
            "02_arithmetic.sql",
            "FUNCTION drawdown(peak numeric, value numeric) RETURNS numeric",
            "FUNCTION drawdown(peak numeric, value numeric) RETURNS double precision",
        ),
    )
    migrate(Settings.load(live), release=release)
    assert differences(release.expected, catalog(live)) == []


def test_what_is_not_ours_and_depends_on_it_is_named_and_nothing_is_changed(live: str, edit: Edit) -> None:
    change(live, f"CREATE VIEW theirs AS SELECT outcome FROM {VIEW}")
    release = edit(("91_reporting_trades.sql", "t.place, t.trade_id", "t.trade_id, t.place"))
    before = catalog(live)
    with pytest.raises(Refused, match=rf"the view {VIEW} must be made again.*: view theirs; drop that first"):
        migrate(Settings.load(live), release=release)
    assert catalog(live) == before


@pytest.mark.slow
def test_what_a_release_no_longer_declares_is_dropped_by_it_and_what_others_made_is_not(live: str, edit: Edit) -> None:
    settings = Settings.load(live)
    added = "CREATE FUNCTION old_way(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';"
    migrate(settings, release=edit(("60_refusals.sql", "", added), version="98.0.0"))
    change(live, "CREATE FUNCTION theirs(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    changed = added.replace("a integer", "a integer, b integer DEFAULT 2").replace("SELECT 1", "SELECT 2")
    assert migrate(settings, release=edit(("60_refusals.sql", "", changed))).code == (
        "function old_way", "function old_way(integer)",
    )  # fmt: skip
    assert value(live, "SELECT old_way(1)") == 2
    assert migrate(settings, release=edit(version="100")).code == ("function old_way(integer,integer)",)
    assert value(live, "SELECT theirs(1)") == 1


def test_an_older_release_leaves_the_code_of_a_later_one_until_it_is_asked(live: str, edit: Edit) -> None:
    settings = Settings.load(live)
    later = edit(
        ("91_reporting_trades.sql", "t.place, t.trade_id", "t.place, t.trade_id, t.trade_id AS twice"),
        ("30_trades.sql", "    exchange label,\n", "    exchange label,\n    venue label,\n"),
        m0902_venue="ALTER TABLE trades ADD COLUMN venue label;",
        r0902_venue="ALTER TABLE trades DROP COLUMN venue;",
    )
    migrate(settings, release=later)
    with_later = catalog(live)
    older = migrate(settings)
    assert (older.code, older.notes) == (
        (), ("The code is that of atb-db 99.0.0, a later release, and is left as it is.",),
    )  # fmt: skip
    assert (status(settings).code, status(settings).newer_code) == ((), "99.0.0")
    assert catalog(live) == with_later
    # The way back: old code first, then the columns.
    assert migrate(settings, older_code=True).code == (f"view {VIEW}",)
    plan = rollback_plan(settings, release=later)
    assert plan[0].code == ()
    rollback(settings, plan, release=later)
    assert catalog(live) == expected_catalog()


def test_up_to_one_migration_leaves_the_code(live: str) -> None:
    change(live, f"DROP VIEW {VIEW}")
    assert migrate(Settings.load(live), to="0001").code == ()
    assert planned(Settings.load(live), to="0001").code.subjects == ()
    assert value(live, f"SELECT to_regclass('{VIEW}')::text") is None


TARGET = "Index of the profit target or scale-in threshold, from 0."
DROPPING = "ALTER TABLE partial_trades DROP COLUMN target_level;"


def without_target_level(edit: Edit, migration: str) -> Release:
    return edit(
        ("91_reporting_trades.sql", "t.target_level", "NULL::integer AS target_level"),
        ("23_partial_trades.sql", "    target_level integer,\n", ""),
        (
            "23_partial_trades.sql",
            ",\n    CONSTRAINT partial_trades_target_level_nonnegative CHECK (target_level >= 0)",
            "",
        ),
        (
            "23_partial_trades.sql",
            f"COMMENT ON COLUMN partial_trades.target_level IS '{TARGET}';\n",
            "",
        ),
        m0902_drop=migration,
        r0902_drop="ALTER TABLE partial_trades ADD COLUMN target_level integer;",
    )


def test_a_view_that_is_in_the_way_is_named_and_made_again_in_the_same_transaction(live: str, edit: Edit) -> None:
    settings = Settings.load(live)
    change(live, "GRANT SELECT ON reporting.partial_trades TO PUBLIC")
    with pytest.raises(AtbDbError, match=r"view reporting\.partial_trades depends on.*`-- without: NAME`"):
        migrate(settings, release=without_target_level(edit, DROPPING))
    release = without_target_level(edit, f"-- without: reporting.partial_trades\n{DROPPING}")
    with pytest.raises(Refused, match="migrate without --to"):
        migrate(settings, to="0902", release=release)
    done = migrate(settings, release=release)
    assert (done.applied, done.notes) == (("0902-drop",), ())
    assert "view reporting.partial_trades" in done.code
    assert value(live, "SELECT has_table_privilege('public', 'reporting.partial_trades', 'SELECT')") is True
    assert value(live, "SELECT count(*) FROM reporting.partial_trades") == 0


@pytest.mark.slow
def test_what_cannot_be_in_that_transaction_is_refused_before_anything_is_done(live: str, edit: Edit) -> None:
    release = without_target_level(edit, f"-- without: reporting.partial_trades\n{DROPPING}")
    (release.folder / "0903-label.sql").write_text("ALTER TYPE severity ADD VALUE 'WORSE';")
    with pytest.raises(Refused, match=r"0903-label cannot be in that transaction"):
        migrate(Settings.load(live), release=Release(release.root, version="99"))
    assert catalog(live) == expected_catalog()


@pytest.mark.slow
def test_a_rehearsal_makes_the_code_too(live: str) -> None:
    change(live, f"DROP VIEW {VIEW}")
    found = rehearse(Settings.load(live))
    assert (found.clean, found.code) == (True, (f"view {VIEW}",))
    assert value(live, f"SELECT to_regclass('{VIEW}')::text") is None


def recorded_as_before(url: str, *names: str) -> None:
    """Record what an unreleased checkout did, instead of the baseline."""
    with engine(Settings.load(url), Release(), wait=1, progress=silent) as own:
        own.prepare()
        own.forget("0001-baseline", operation="unmark")
        for name in names:
            ask(own.backend.connection, "record_migration", values=[name, "other", False])
            own.backend.mark_one(yoyo_migration(name))
        own.backend.connection.execute("DROP TABLE _atb_code")


@pytest.mark.slow
def test_a_database_of_an_unreleased_checkout_comes_along(live: str) -> None:
    settings = Settings.load(live)
    [baseline, *later] = Release().migrations
    recorded_as_before(live, *baseline.replaces)
    change(live, f"DROP VIEW {VIEW}")
    found, *_ = status(settings).migrations
    assert (found.id, found.state) == ("0001-baseline", State.FOLDED)
    done = migrate(settings)
    assert (done.applied, done.adopted, done.code) == ((), ("0001-baseline",), (f"view {VIEW}",))
    assert {one.id: one.state for one in status(settings).migrations} == {
        one.id: State.APPLIED for one in (baseline, *later)
    }
    assert catalog(live) == expected_catalog()


def test_one_with_other_tables_or_fewer_migrations_does_not(live: str) -> None:
    settings = Settings.load(live)
    [baseline, *_] = Release().migrations
    recorded_as_before(live, *baseline.replaces)
    change(live, "ALTER TABLE trades DROP COLUMN mae_price CASCADE")
    with pytest.raises(Refused, match=r"0001-baseline was folded .*column trades\.mae_price"):
        migrate(settings)
    change(live, "DELETE FROM _yoyo_migration WHERE migration_id = '0009-performance'", "DELETE FROM _atb_migration")
    with pytest.raises(Refused, match="0008-books is deleted"):
        migrate(settings)


@pytest.mark.slow
def test_a_view_s_column_follows_what_is_said_of_its_table_s(live: str, edit: Edit) -> None:
    release = edit(
        (
            "30_trades.sql",
            "COMMENT ON COLUMN trades.symbol IS 'Instrument.'",
            "COMMENT ON COLUMN trades.symbol IS 'What.'",
        )
    )
    done = migrate(Settings.load(live), release=release)
    assert "comment on column reporting.trades.symbol" in done.code
    assert differences(release.expected, catalog(live)) == []
