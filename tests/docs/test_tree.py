"""ARCHITECTURE.md draws the tree as it is."""

from __future__ import annotations

from tests.docs.tree import shown, tree


def test_the_tree_is_that_of_the_package() -> None:
    assert shown() == tree()
    assert [line for line in tree().splitlines() if line.endswith((".py", ".sql"))] == []
