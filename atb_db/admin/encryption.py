"""Encryption of a connection: what was negotiated, whether the server proved who it is, and by which authority."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from atb_db.admin.connection import Connection, as_login, ask
from atb_db.admin.findings import Finding, Level
from atb_db.conninfo import is_near

_SYSTEM: Final = "system"
_DEFAULT_ROOTS: Final = "~/.postgresql/root.crt"
_REPAIR: Final = (
    "DATABASE_SSL_MODE=verify-full, with sslrootcert=FILE in the URL, the certificate of the provider's authority, "
    "or sslrootcert=system for one that is known everywhere"
)


class Encryption(NamedTuple):
    """The negotiated encryption of a connection."""

    host: str
    """The name that was connected to; a socket's folder."""
    address: str
    """The address that was connected to, empty for a socket."""
    encrypted: bool
    version: str | None = None
    """Such as TLSv1.3; None where a pooler is between, which does not say."""
    cipher: str | None = None
    authority: str | None = None
    """By which authority the server's certificate was verified; None if it was not."""
    named: bool = False
    """Whether the certificate was verified to be that of the host."""

    @property
    def near(self) -> bool:
        """Whether the connection stays on this machine or in a private network."""
        return is_near({"hostaddr": self.address} if self.address else {"host": self.host})


class _Negotiated(NamedTuple):
    version: str | None
    cipher: str | None
    process: int
    gss: bool


def read_encryption(connection: Connection) -> Encryption:
    """The negotiated encryption of this connection."""
    info = connection.info
    with as_login(connection):
        (asked,) = ask(connection, "encryption", _Negotiated)
    pooled = asked.process != info.backend_pid  # then the server speaks of the pooler's connection
    here = Encryption(info.host, info.hostaddr, encrypted=False)
    if not connection.pgconn.ssl_in_use:
        return here._replace(encrypted=True, version="GSSAPI") if asked.gss and not pooled else here
    used = {one.keyword: one.val.decode() for one in connection.pgconn.info if one.val}
    mode, roots = used.get(b"sslmode", ""), used.get(b"sslrootcert")
    return here._replace(
        encrypted=True,
        version=None if pooled else asked.version,
        cipher=None if pooled else asked.cipher,
        authority=_authority(roots),
        named=mode == "verify-full",
    )


def shown_encryption(one: Encryption) -> str:
    """In words."""
    if not one.encrypted:
        return "none: by a socket of this machine" if one.host.startswith(("/", "@")) else "none"
    if one.version == "GSSAPI":
        return "GSSAPI"
    by = ", ".join(filter(None, (one.version or "TLS as far as the pooler", one.cipher)))
    if one.authority is None:
        return f"{by}; the server's certificate is not verified"
    return f"{by}; the server's certificate{'' if one.named else ', but not its name,'} is verified by {one.authority}"


def encryption_findings(one: Encryption, what: str = "encryption") -> Iterator[Finding]:
    """The problem: with a server beyond this machine and private networks anybody may be between."""
    if one.near or one.version == "GSSAPI":
        return
    where = f"host {one.host}"
    if not one.encrypted:
        yield Finding(what, where, "not in use", "TLS", "none", Level.WARNING, _REPAIR)
    elif one.authority is None:
        actual = "anybody who is between can read and change what is sent"
        yield Finding(what, where, "not verified", "a verified certificate", actual, Level.WARNING, _REPAIR)
    elif not one.named:
        actual = f"any server's of {one.authority}"
        yield Finding(what, where, "name not verified", "verify-full", actual, Level.INFO, None)


def _authority(roots: str | None) -> str | None:
    """By whom libpq verifies: in any mode, if there is a file of authorities."""
    if roots == _SYSTEM:
        return "the authorities of this system"
    file = Path(roots or _DEFAULT_ROOTS).expanduser()
    if not file.is_file():
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(file)
    except (OSError, ssl.SSLError):  # libpq has read more of it than Python does
        return str(file)
    names = [_name(found) for found in context.get_ca_certs()]
    return f"{names[0]} ({file})" if len(names) == 1 else str(file)


def _name(certificate: object) -> str:
    """The common name of a certificate's subject, else all of it."""
    subject = certificate.get("subject", ()) if isinstance(certificate, dict) else ()
    fields = {str(key): str(value) for part in subject for key, value in part}
    return fields.get("commonName") or ", ".join(fields.values())
