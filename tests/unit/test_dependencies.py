"""The audit of dependencies never takes silence for an all-clear."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tests.dependencies import UNREACHABLE, report

NONE_KNOWN = {"name": "nobody-knows", "skip_reason": "Dependency not found on PyPI and could not be audited"}
OURSELVES = {"name": "atb-db", "skip_reason": "distribution marked as editable"}
FINE = {"name": "fine", "version": "1.0", "vulns": []}
BROKEN = {"name": "broken", "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}


def answer(*packages: Mapping[str, object]) -> str:
    return json.dumps({"dependencies": packages})


def test_no_answer_and_answers_without_knowledge_are_said() -> None:
    assert str(report("")) == str(report(answer(NONE_KNOWN, OURSELVES))) == UNREACHABLE


def test_what_is_known() -> None:
    assert str(report(answer(FINE, OURSELVES))) == "1 dependencies audited: no known vulnerabilities"
    found = report(answer(FINE, BROKEN, NONE_KNOWN))
    assert found.vulnerable == ("broken 1.0: CVE-1, fixed in 1.1",)
    assert "nothing is known of nobody-knows" in str(found)
