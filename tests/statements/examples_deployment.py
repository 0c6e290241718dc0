"""One example of every statement about the deployment, and its row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from atb_db import Database
from atb_db.repository import deployment
from atb_db.statement import Statement
from tests.statements.examples_more import at


def prepare_deployment(db: Database) -> None:
    """Say what the database is."""
    db.run(deployment.set_environment(environment="DEVELOPMENT", set_by="example", timestamp=at(0)))
    db.run(deployment.record_collation_version(collation_version="1.0", timestamp=at(0)))


DEPLOYMENT_EXAMPLES: Final[dict[str, Callable[[object], Statement[object]]]] = {
    "deployment.set_environment": lambda _: deployment.set_environment(
        environment="STAGING", set_by="operator", timestamp=at(9)
    ),
    "deployment.record_collation_version": lambda _: deployment.record_collation_version(
        collation_version="2.36", timestamp=at(9)
    ),
}
