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
else from a `.env` file in the current folder, encoded in UTF-8. An empty `DATABASE_URL` is as none. `atb-db doctor`
shows the settings in force and where each comes from.

| variable | meaning | default |
|---|---|---|
"""
_TAIL: Final = """
## Other variables

| variable | meaning |
|---|---|
| `ENV` | `production` makes `require` the default of `DATABASE_SSL_MODE`. |
| `PGHOST`, `PGPASSFILE`, `PGSERVICE`, ... | libpq's own; `DATABASE_URL` and the settings above take precedence. |
| `PGSSLMODE` | As `DATABASE_SSL_MODE`: it can only make encryption stricter. |
| `PGOPTIONS` | Honoured except for the settings that atb_db sets itself. `PGTZ` and `PGDATESTYLE` are ignored. |
| `ATB_DB_PG_BIN` | Folder of PostgreSQL's programs (pg_dump, initdb, ...), if not those on the PATH. |
| `RAILWAY_<ENV>_DATABASE_URL` | The database that `--env <ENV>` means, such as `RAILWAY_STAGING_DATABASE_URL`. |
| `NO_COLOR` | Set to anything: no colours. |

## Encryption

Several places can ask for a mode: the URL, a service file (`service=prod`, `PGSERVICE`), `PGSSLMODE`, the argument
`ssl_mode` and `DATABASE_SSL_MODE`. **The strictest counts**, and nothing makes a connection weaker than libpq alone
would make it. If neither the argument nor `DATABASE_SSL_MODE` is given, `require` is the least when ENV=production or
when a host is neither local nor private, by its name or by its `hostaddr`, and also where `PGHOST` or a service file
names it. `DATABASE_SSL_MODE=prefer` takes that away again, for a remote server without TLS; a mode that the URL asks
for stays.

| mode | encrypted | the server is who it says |
|---|---|---|
| `disable`, `allow`, `prefer` | perhaps | no |
| `require` | yes | no, unless libpq finds certificates of authorities (`sslrootcert`, `~/.postgresql/root.crt`) |
| `verify-ca` | yes | one of that authority's servers |
| `verify-full` | yes | yes |

With `sslrootcert=system` the authorities of the operating system are trusted; libpq then needs `verify-full`, and
that is the default. `atb-db doctor` shows the TLS version and which authority has verified the server, and warns when
a remote server is not verified.

## Connection strings

- In a URL, write `@` in a user or password as `%40`, `/` as `%2F`, `%` as `%25`. A URL that would take a piece of a
  password for a host is refused, and not shown.
- Parameters of other drivers are refused with what to write instead, such as `?pgbouncer=true`
  (`DATABASE_PGBOUNCER=1`), `?connection_limit=5` (`DATABASE_POOL_MAX=5`), `?schema=public` (nothing).
- All addresses of one attempt to connect share its time, whether they come from a list of hosts, a service file or a
  name with several addresses: one that does not answer leaves time for the next. Of a name's addresses, the one that
  answered is asked first the next time.
- Passwords are in no message, `repr`, or variable of our frames that error reporters show. Keep `.env` and backups
  from other users of the machine (`chmod 600 .env`); `doctor` and `backup` warn if they can read them.

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
