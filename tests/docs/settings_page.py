"""docs/settings.md, made from atb_db/config.py: `make docs`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from atb_db import config
from atb_db.config import DEFAULTS, URL_SETTINGS, variable
from tests.docs.fields import class_fields

_HEAD: Final = """\
# Settings

Made by `make docs` from [atb_db/config.py](../atb_db/config.py).

A setting comes from an argument (`Database.from_env(...)`, `Settings.load(...)`, `--url`), else from the environment,
else from a `.env` file in the current folder. `atb-db doctor` shows the settings in force and where each comes from.

| variable | meaning | default |
|---|---|---|
"""
_TAIL: Final = """
## Other variables

| variable | meaning |
|---|---|
| `ENV` | `production` makes `require` the default of `DATABASE_SSL_MODE`. |
| `PGSSLMODE`, `PGPASSFILE`, `PGSERVICE`, ... | libpq's own; `DATABASE_URL` and the settings above take precedence. |
| `PGOPTIONS` | Honoured except for the settings that atb_db sets itself. `PGTZ` and `PGDATESTYLE` are ignored. |
| `ATB_DB_PG_BIN` | Folder of PostgreSQL's programs (pg_dump, initdb, ...), if not those on the PATH. |
| `RAILWAY_<ENV>_DATABASE_URL` | The database that `--env <ENV>` means, such as `RAILWAY_STAGING_DATABASE_URL`. |
| `NO_COLOR` | Set to anything: no colours. |

PostgreSQL must be version 14 or newer and its database encoded in UTF-8; others are refused.
"""


def page() -> str:
    """The page."""
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in _rows()) + _TAIL


def _rows() -> Iterator[tuple[str, str, str]]:
    for one in URL_SETTINGS:
        yield f"`{one.variable}`", one.meaning, one.default
    documented = {field.name: field.doc or "" for field in class_fields(config, "Settings")}
    for field, default in DEFAULTS.items():
        yield f"`{variable(field)}`", documented[field], f"{default:g}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
