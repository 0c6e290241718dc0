"""Migrations: which there are, which a database has, applying the rest and taking them back."""

from __future__ import annotations

from atb_db.admin.migrations.apply import DEFAULT_WAIT, Migrated, adopt, forget, migrate, planned
from atb_db.admin.migrations.files import Migration, Release, known_migrations, migrations_folder
from atb_db.admin.migrations.plans import RollbackPlan
from atb_db.admin.migrations.progress import Event, Happened, Progress
from atb_db.admin.migrations.reading import pending, read_status, status
from atb_db.admin.migrations.rollback import rollback, rollback_plan
from atb_db.admin.migrations.states import MigrationStatus, State, Status

__all__ = [
    "DEFAULT_WAIT",
    "Event",
    "Happened",
    "Migrated",
    "Migration",
    "MigrationStatus",
    "Progress",
    "Release",
    "RollbackPlan",
    "State",
    "Status",
    "adopt",
    "forget",
    "known_migrations",
    "migrate",
    "migrations_folder",
    "pending",
    "planned",
    "read_status",
    "rollback",
    "rollback_plan",
    "status",
]
