"""How a connection is encrypted: by the strictest mode of all that ask for one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from atb_db.conninfo import SSL_MODE_OF_LIBPQ, SSL_MODES, is_near
from atb_db.errors import ConfigurationError
from atb_db.variables import Source


class Mode(NamedTuple):
    """A mode of encryption that somebody asks for."""

    mode: str
    source: Source


def strictest(modes: Iterator[Mode]) -> Mode:
    """The one that counts; of equals the first."""
    return max(modes, key=lambda one: SSL_MODES.index(one.mode))


def modes(
    parts: Mapping[str, str],
    libpq: Mapping[str, str],
    found: Mapping[str, str],
    ssl_mode: str | None,
    *,
    known: Mapping[str, Source],
) -> Iterator[Mode]:
    """All that has a say in how the connection is encrypted: what is nowhere weaker than libpq alone would be.

    Raises:
        ConfigurationError: one of them is not a mode.
    """
    ours = {"ssl_mode": ssl_mode, "DATABASE_SSL_MODE": found.get("DATABASE_SSL_MODE")}
    said = {**ours, "sslmode": parts.get("sslmode"), "PGSSLMODE": found.get("PGSSLMODE")}
    for name, mode in said.items():
        if mode:
            source = {"ssl_mode": Source.ARGUMENT, "sslmode": Source.URL}.get(name)
            yield Mode(_mode(name, mode), source or known.get(name, Source.ENVIRONMENT))
    # Its own is left when the URL says nothing: the service file's, then PGSSLMODE's, then verify-full for the
    # authorities of the system, then prefer.
    mode = _mode("sslmode", libpq.get("sslmode") or SSL_MODE_OF_LIBPQ)
    if mode == os.environ.get("PGSSLMODE"):
        yield Mode(mode, Source.ENVIRONMENT)
    elif mode != SSL_MODE_OF_LIBPQ and "sslmode" not in parts:
        yield Mode(mode, Source.URL if "sslrootcert" in parts else Source.SERVICE)
    else:
        yield Mode(mode, Source.URL if "sslmode" in parts else Source.DEFAULT)
    if not any(ours.values()) and not (is_near(libpq) and found.get("ENV", "").lower() != "production"):
        yield Mode("require", Source.DEFAULT)


def _mode(name: str, mode: str) -> str:
    if mode not in SSL_MODES:
        raise ConfigurationError(f"{name} must be one of {', '.join(SSL_MODES)}")
    return mode
