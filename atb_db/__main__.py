"""`python -m atb_db` is `atb-db`."""

from __future__ import annotations

from atb_db.cli import main

main()
