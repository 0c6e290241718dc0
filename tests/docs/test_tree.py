"""ARCHITECTURE.md draws the tree as it is, and gives the reason for each long file."""

from __future__ import annotations

import re

from tests.docs.tree import PAGE, ROOT, shown, tree

LONG = 330
"""Lines: what is meant by "about 300" before a file needs a reason."""


def test_the_tree_is_that_of_the_package() -> None:
    assert shown() == tree()
    assert [line for line in tree().splitlines() if line.endswith((".py", ".sql"))] == []


def test_every_long_file_has_its_reason() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("### Long files\n")[2].partition("\n#")[0]
    reasons = re.findall(r"^- (.+?):", section, re.MULTILINE)
    listed = {name for reason in reasons for name in re.findall(r"`([\w/]+\.py)`", reason)}
    lengths = {
        str(path.relative_to(ROOT / "atb_db")): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "atb_db").rglob("*.py")
    }
    assert listed == {name for name, lines in lengths.items() if lines > LONG}
