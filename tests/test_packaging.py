"""A wheel must carry its SQL, and find it away from the checkout."""

import os
import subprocess
import sys
from pathlib import Path

from tests.wheel import ROOT, unpacked_wheel

PROGRAM = """
import atb_db, atb_db.repository
from atb_db.sqlfile import schema_sql, sql_root
print(atb_db.__file__, sql_root(), "CREATE TABLE" in schema_sql(), sep="\\n")
"""


def test_an_installed_wheel_finds_its_sql(tmp_path: Path) -> None:
    installed = unpacked_wheel(tmp_path)
    carried = {path.relative_to(installed / "atb_db") for path in (installed / "atb_db" / "sql").rglob("*.sql")}
    assert carried == {path.relative_to(ROOT) for path in (ROOT / "sql").rglob("*.sql")}
    assert (installed / "atb_db" / "py.typed").exists()
    # Its coverage would be of files that are gone when the report is made.
    environment = {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE")}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        str(installed / "atb_db" / "__init__.py"),
        str(installed / "atb_db" / "sql"),
        "True",
    ]
