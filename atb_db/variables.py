"""Variables: those of a `.env` file, and over them the environment's; they never show their values by themselves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Final

from atb_db.errors import ConfigurationError

DOTENV: Final = Path(".env")
URL: Final = "DATABASE_URL"


class Source(StrEnum):
    """Where a setting comes from."""

    ARGUMENT = "argument"
    NAMED = "--env"
    """What the variable RAILWAY_<ENV>_DATABASE_URL has."""
    ENVIRONMENT = "environment"
    DOTENV = ".env"
    URL = "in the URL"
    SERVICE = "service file"
    DEFAULT = "default"


class Secret(str):
    """A text that tools which show what a frame holds do not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


def hidden(text: str | None) -> Secret | None:
    """The text as a secret; an empty one is as none."""
    return Secret(text) if text else None


class Variables(dict[str, str]):
    """Variables by their names; `repr` has the names only."""

    def __repr__(self) -> str:
        return f"Variables({', '.join(sorted(self))})"


def read_variables(
    environ: Mapping[str, str] | None = None, dotenv: Path | None = None, *, url_is_given: bool = False
) -> Mapping[str, str]:
    """The variables that settings come from: those of the `.env` file of the current folder, over them the environment.

    An empty DATABASE_URL in the environment is as none. Secrets are among them; `repr` does not show them.

    Raises:
        ConfigurationError: the file cannot be read or is not encoded in UTF-8, and it is needed: the environment has no
            DATABASE_URL, and the caller has none either (`url_is_given`).
    """
    given = Variables(os.environ if environ is None else environ)
    if not given.get(URL, "").strip():
        given.pop(URL, None)
    path = dotenv or DOTENV
    if not path.is_file():
        return given
    try:
        values = _values(path)
    except ConfigurationError:
        if not url_is_given and URL not in given:
            raise
        values = Variables()
    return Variables(values | given)


def _values(path: Path) -> Variables:
    from dotenv import dotenv_values

    try:
        text = Secret(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        # The error holds all of the file.
        raise _encoded(path) from None
    if "\0" in text:
        raise _encoded(path)
    return Variables({name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value is not None})


def _encoded(path: Path) -> ConfigurationError:
    return ConfigurationError(f"{path} is not encoded in UTF-8: save it in UTF-8")
