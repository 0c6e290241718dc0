"""Migrations: which there are, which a database has, applying the rest and taking them back."""

from __future__ import annotations

from atb_db.admin.migrations.apply import DEFAULT_WAIT, Migrated, Planned, adopt, forget, migrate, planned
from atb_db.admin.migrations.files import Migration, Release, known_migrations, migrations_folder
from atb_db.admin.migrations.lint import Linted, LintFinding, LintLevel, lint
from atb_db.admin.migrations.new import NewMigration, new_migration
from atb_db.admin.migrations.plans import RollbackPlan
from atb_db.admin.migrations.reading import pending, read_status, status
from atb_db.admin.migrations.rehearsal import Rehearsal, rehearse
from atb_db.admin.migrations.rollback import rollback, rollback_plan
from atb_db.admin.migrations.states import MigrationStatus, State, Status
from atb_db.admin.migrations.steps import Event, Happened, OnEvent

__all__ = [
    "DEFAULT_WAIT",
    "Event",
    "Happened",
    "LintFinding",
    "LintLevel",
    "Linted",
    "Migrated",
    "Migration",
    "MigrationStatus",
    "NewMigration",
    "OnEvent",
    "Planned",
    "Rehearsal",
    "Release",
    "RollbackPlan",
    "State",
    "Status",
    "adopt",
    "forget",
    "known_migrations",
    "lint",
    "migrate",
    "migrations_folder",
    "new_migration",
    "pending",
    "planned",
    "read_status",
    "rehearse",
    "rollback",
    "rollback_plan",
    "status",
]
