"""What is imported is what is used: the driver with the first connection's class, a subject's statements with it."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = "import sys; print(*sorted(name for name in sys.modules if name.startswith(('atb_db.', 'psycopg', 'yoyo'))))"


def loaded(statement: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", f"{statement}; {LOADED}"], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_alone_loads_nothing() -> None:
    assert loaded("import atb_db") == set()


@pytest.mark.parametrize("statement", ["from atb_db import Database", "from atb_db import AsyncDatabase"])
def test_a_database_loads_the_driver_and_the_statements_that_it_asks_itself(statement: str) -> None:
    found = loaded(statement)
    assert "psycopg" in found
    assert {name for name in found if name.startswith("atb_db.repository.")} == {
        "atb_db.repository.control",
        "atb_db.repository.server",
    }
    assert not any(name.startswith(("atb_db.admin", "atb_db.cli", "yoyo")) for name in found)


def test_a_subject_loads_no_other() -> None:
    found = loaded("from atb_db.repository import trades")
    assert {name for name in found if name.startswith("atb_db.repository.")} == {"atb_db.repository.trades"}
    assert "psycopg" not in found


def test_a_subject_is_also_an_attribute() -> None:
    code = "import atb_db.repository; print(atb_db.repository.trades.log_trade, hasattr(atb_db.repository, 'nothing'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "<command trades.log_trade> False\n"
