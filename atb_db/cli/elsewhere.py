"""`--then` and `--encrypt-to`: how backups and archives get elsewhere."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from atb_db.admin.backup.offsite import OffSite

EncryptOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--encrypt-to", metavar="KEY", help="Hand copies to --then that age or gpg encrypted for KEY."),
]


def elsewhere_of(then: str | None, recipient: str | None, *, names: bool = False) -> OffSite | None:
    """What the options say; `names` is whether the command has to name each file's place itself."""
    from atb_db.admin.backup.offsite import NAME, OffSite

    if then is None:
        if recipient is not None:
            raise typer.BadParameter("--encrypt-to is for what --then takes elsewhere")
        return None
    try:
        words = shlex.split(then)
    except ValueError as error:
        raise typer.BadParameter(f"--then cannot be split into words: {error}") from None
    if not words:
        raise typer.BadParameter("--then is empty")
    if names and not any(NAME in word for word in words):
        raise typer.BadParameter(
            f"--then lacks {NAME}, a file's place in the archive: chains have files of equal names"
        )
    return OffSite(tuple(words), recipient)
