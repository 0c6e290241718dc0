"""Known vulnerabilities of what is installed, by pip-audit; where its service is out of reach, that is said."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final, NamedTuple

COMMAND: Final = ("-m", "pip_audit", "--skip-editable", "--progress-spinner=off", "--timeout=5", "--format=json")
UNREACHABLE: Final = "The advisory service cannot be reached from here: dependencies were NOT audited."


class Report(NamedTuple):
    """What pip-audit found."""

    vulnerable: tuple[str, ...]
    """Each vulnerability, with package, version and where it is fixed."""
    audited: int
    skipped: tuple[str, ...]
    """Packages of which nothing is known."""

    def __str__(self) -> str:
        if not self.audited:
            return UNREACHABLE
        unknown = f"; nothing is known of {', '.join(self.skipped)}" if self.skipped else ""
        found = "\n".join(self.vulnerable) or "no known vulnerabilities"
        return f"{self.audited} dependencies audited{unknown}: {found}"


def report(answer: str) -> Report:
    """From pip-audit's JSON; empty if it had no answer."""
    packages: list[dict[str, Any]] = json.loads(answer)["dependencies"] if answer.strip() else []
    known = [one for one in packages if "vulns" in one]
    return Report(
        vulnerable=tuple(
            f"{one['name']} {one['version']}: {found['id']}, fixed in {' or '.join(found['fix_versions']) or 'none'}"
            for one in known
            for found in one["vulns"]
        ),
        audited=len(known),
        skipped=tuple(one["name"] for one in packages if "vulns" not in one and "editable" not in one["skip_reason"]),
    )


if __name__ == "__main__":
    done = subprocess.run([sys.executable, *COMMAND], capture_output=True, text=True, check=False)
    found = report(done.stdout)
    print(found)  # noqa: T201
    sys.exit(bool(found.vulnerable))
