from collections.abc import MutableSequence

from yoyo.backends.base import DatabaseBackend

class Migration:
    id: str
    hash: str
    use_transactions: bool
    def load(self) -> None: ...
    def process_steps(self, backend: DatabaseBackend, direction: str, force: bool = ...) -> None: ...

class MigrationList(MutableSequence[Migration]): ...  # type: ignore[misc]
