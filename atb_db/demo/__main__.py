"""`python -m atb_db.demo`: the demo's bot in the database of DATABASE_URL, as compose.yaml starts it."""

from __future__ import annotations

import sys

from atb_db.database import Database
from atb_db.demo import replay
from atb_db.demo.candles import load
from atb_db.errors import AtbDbError
from atb_db.repository import deployment
from atb_db.types import Environment


def main() -> None:
    """Trade one session, and say which; none in a database that is marked PRODUCTION."""
    try:
        with Database.from_env(application_name="demo") as db:
            found = db.run(deployment.get_deployment())
            if found is not None and found.environment is Environment.PRODUCTION:
                sys.exit("the database is marked PRODUCTION: nothing was written")
            session_id = replay(db, load(None))
    except AtbDbError as error:
        sys.exit(str(error))
    print(f"Session {session_id} was traded. atb-db report --session {session_id} shows it.")  # noqa: T201


if __name__ == "__main__":
    main()
