"""A test's database over TCP: what goes by a proxy, or is known by a host's name, cannot use the socket."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict


def over_tcp(url: str) -> str:
    """The URL of an embedded server's database, given by its socket, over TCP and with the superuser's password."""
    parts = conninfo_to_dict(url)
    password = (Path(str(parts["host"])).parent / "data" / "atb_db_password").read_text(encoding="ascii")
    return f"postgresql://postgres:{password}@127.0.0.1:{parts['port']}/{quote(str(parts['dbname']), safe='')}"
