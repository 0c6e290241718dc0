# The part of yoyo-migrations that atb_db uses.

from yoyo.migrations import MigrationList

def read_migrations(*sources: str) -> MigrationList: ...
