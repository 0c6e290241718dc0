"""The command line: parses, asks, prints; everything else is in admin."""

from __future__ import annotations

from atb_db.cli.app import main

__all__ = ["main"]
