from collections.abc import Sequence

from yoyo.backends.base import DatabaseBackend

class StepBase:
    def apply(self, backend: DatabaseBackend, force: bool = ...) -> None: ...

class Migration:
    id: str
    hash: str
    use_transactions: bool
    steps: Sequence[StepBase]
    def __init__(self, name: str, path: str, source_dir: str, /) -> None: ...
    def load(self) -> None: ...
