"""Errors of admin commands, besides those of statements."""

from __future__ import annotations

from atb_db.errors import AtbDbError


class LockHeld(AtbDbError):
    """Another migration is under way."""


class Refused(AtbDbError):
    """A guard refused: what was asked for could destroy or hide something."""


class ToolMissing(AtbDbError):
    """A program that is needed is not installed."""


class Unusable(AtbDbError):
    """A file or folder that was named cannot be used."""


class BadBackup(AtbDbError):
    """A dump is not what its manifest says, or cannot be read."""


class BadExport(AtbDbError):
    """A folder is no export, or not what its manifest says; nothing was written."""
