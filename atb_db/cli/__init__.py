"""The command line: parses, asks, prints; everything else is in admin."""

from __future__ import annotations

import sys

from atb_db.cli.streams import open_streams

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process, and exit."""
    open_streams()
    if sys.argv[1:2] == ["health"]:
        from atb_db.cli.quick import health

        code = health(sys.argv[2:])
        if code is not None:
            sys.exit(code)
    from atb_db.cli.app import main as run

    run()
