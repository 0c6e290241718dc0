"""The account that an embedded server runs as, and PostgreSQL's programs run as that account."""

import os
import pwd
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from atb_db.errors import ConfigurationError


class Account(NamedTuple):
    """A user of this machine; all None: the user of this process."""

    uid: int | None = None
    gid: int | None = None
    groups: list[int] | None = None


OURSELVES: Final = Account()


def server_account() -> Account:
    """As root somebody else, because PostgreSQL refuses to run as root.

    Raises:
        ConfigurationError: there is nobody else.
    """
    if os.geteuid() != 0:
        return OURSELVES
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, [])
    raise ConfigurationError("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as")


def environment() -> dict[str, str]:
    """The environment for PostgreSQL's programs: no PG* settings meant for another server."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return inherited | {"LC_ALL": "C", "TZ": "UTC"}


def run(
    *command: str | Path, account: Account = OURSELVES, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, from the root folder; `timeout` in seconds.

    Raises:
        OSError: it cannot be run.
        subprocess.TimeoutExpired: it takes longer.
    """
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        env=environment(),
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
        timeout=timeout,
    )
