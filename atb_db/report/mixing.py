"""What the chosen sessions do not have in common, where their sums mean little because of it."""

from __future__ import annotations

from atb_db.repository.tearsheet import Scope


def mixing_warning(scope: Scope) -> str:
    """A sentence about what is added up although it should not be; empty where nothing is."""
    if scope.total_sessions > 1 and scope.base_currency is None:
        return "These sessions have different base currencies: amounts of all of them together mean nothing."
    if scope.total_sessions > 1 and scope.mode is None:
        return "These sessions have different modes: real money and simulations are added up."
    return ""
