"""Migrating a database from Python."""

from atb_db.admin.migrations.apply import Migrated
from atb_db.admin.migrations.apply import migrate as _migrate
from atb_db.config import Settings
from atb_db.database import AsyncDatabase, Database


def migrate(database: Database | AsyncDatabase | Settings | str) -> Migrated:
    """Bring a database up to date as `atb-db migrate` does; what was done. Running it again changes nothing.

    `database` is a URL or other connection string, settings, or a `Database`, which may be open already: the work is
    done on a connection of its own.

    Raises:
        LockHeld: another migration, or another user of a table, did not finish in time.
        Refused: what is recorded is not what it seems, or the database has these tables without any record.
        Unavailable: the server cannot be reached, or the connection was lost.
        ConfigurationError: the connection string cannot be used.
        AtbDbError: a migration failed and was rolled back.
    """
    if isinstance(database, str):
        return _migrate(Settings.load(database))
    return _migrate(database if isinstance(database, Settings) else database.settings)
