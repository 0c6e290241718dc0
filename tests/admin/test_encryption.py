"""What `doctor` says of a connection's encryption, by servers with real certificates."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from atb_db import AsyncDatabase, Database
from atb_db.admin.connection import changing
from atb_db.admin.doctor import diagnose
from atb_db.admin.encryption import Encryption, encryption_findings, read_encryption, shown_encryption
from atb_db.admin.findings import Level
from atb_db.config import Settings
from atb_db.embedded import Server, postgresql
from atb_db.errors import Unavailable

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


class Authority(NamedTuple):
    """A server with a certificate, and the certificate of who signed it."""

    server: Server
    certificate: Path

    def url(self, *parameters: str, host: str = "127.0.0.1") -> str:
        end = "&".join(parameters)
        return f"postgresql://postgres:{self.server.password}@{host}:{self.server.port}/postgres?{end}"


def openssl(folder: Path, arguments: str) -> None:
    subprocess.run(["openssl", *shlex.split(arguments)], cwd=folder, check=True, capture_output=True)  # noqa: S607


@pytest.fixture(scope="module")
def authority(server: Server) -> Iterator[Authority]:
    """A server whose certificate is for 127.0.0.1 and signed by "Test authority"."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        openssl(
            folder,
            "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.crt -subj '/CN=Test authority' "
            "-addext basicConstraints=critical,CA:TRUE",
        )
        openssl(folder, "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=books")
        (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
        openssl(
            folder,
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
        )
        owner = server.data_dir.stat()
        for file in ("server.key", "server.crt"):
            (folder / file).chmod(0o600)
            os.chown(folder / file, owner.st_uid, owner.st_gid)
        files = {"ssl_cert_file": f"{folder}/server.crt", "ssl_key_file": f"{folder}/server.key"}
        with postgresql(settings={"ssl": "on", **files}) as running:
            yield Authority(running, folder / "ca.crt")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without certificates."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def negotiated(url: str) -> Encryption:
    with changing(Settings.load(url, environ={})) as (connection, _):
        return read_encryption(connection)


@pytest.mark.usefixtures("elsewhere")
def test_what_was_negotiated(authority: Authority) -> None:
    found = negotiated(authority.url())
    assert (found.encrypted, found.version, found.authority) == (True, "TLSv1.3", None)
    assert "TLSv1.3" in shown_encryption(found)
    assert "the server's certificate is not verified" in shown_encryption(found)
    assert not negotiated(authority.url("sslmode=disable")).encrypted
    assert not negotiated(authority.server.url()).encrypted
    assert shown_encryption(negotiated(authority.server.url())) == "none: by a socket of this machine"


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(("mode", "named"), [("verify-full", True), ("verify-ca", False), ("require", False)])
def test_verified_by_a_file_of_authorities(authority: Authority, *, mode: str, named: bool) -> None:
    found = negotiated(authority.url(f"sslmode={mode}", f"sslrootcert={authority.certificate}"))
    assert (found.authority, found.named) == (f"Test authority ({authority.certificate})", named)


def test_verified_by_the_file_in_the_home(authority: Authority, elsewhere: Path) -> None:
    roots = elsewhere / ".postgresql" / "root.crt"
    roots.parent.mkdir()
    roots.write_bytes(authority.certificate.read_bytes())
    assert negotiated(authority.url()).authority == f"Test authority ({roots})"


@pytest.mark.usefixtures("elsewhere")
def test_another_authority_or_name_is_refused(authority: Authority) -> None:
    name = authority.url("sslmode=verify-full", f"sslrootcert={authority.certificate}", host="localhost")
    for url in (name, authority.url("sslrootcert=system")):
        with pytest.raises(Unavailable, match="certificate"):
            Database(url).open()
        with pytest.raises(Unavailable, match="certificate"):
            asyncio.run(AsyncDatabase(url).open())


def test_the_authorities_of_the_system(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    found = negotiated(authority.url("sslrootcert=system"))
    assert (found.authority, found.named) == ("the authorities of this system", True)


@pytest.mark.usefixtures("elsewhere")
def test_a_service_with_verify_full_is_verified(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service file demands it, and names an authority that did not sign the certificate."""
    services = tmp_path / "services"
    where = f"host=127.0.0.1\nport={authority.server.port}\nuser=postgres\npassword={authority.server.password}\n"
    services.write_text(f"[prod]\n{where}dbname=postgres\nsslmode=verify-full\nsslrootcert={authority.certificate}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    found = negotiated("service=prod")
    assert (found.version, found.named) == ("TLSv1.3", True)
    services.write_text(services.read_text().replace("host=127.0.0.1", "host=localhost"))
    with pytest.raises(Unavailable, match="certificate"):
        negotiated("service=prod")


@pytest.mark.usefixtures("elsewhere")
def test_the_doctor_says_so(authority: Authority) -> None:
    settings = Settings.load(authority.url(f"sslrootcert={authority.certificate}", "sslmode=verify-full"), environ={})
    facts = dict(diagnose(settings).facts)
    assert facts["encryption"].startswith("TLSv1.3, ")
    assert facts["encryption"].endswith(f"certificate is verified by Test authority ({authority.certificate})")


FAR = Encryption("db.example.com", "8.8.8.8", encrypted=True, version="TLSv1.3", cipher="X")


@pytest.mark.parametrize(
    ("found", "problem", "level"),
    [
        (FAR._replace(encrypted=False), "not in use", Level.WARNING),
        (FAR, "not verified", Level.WARNING),
        (FAR._replace(authority="us"), "name not verified", Level.INFO),
        (FAR._replace(authority="us", named=True), None, None),
        (FAR._replace(address="10.0.0.1"), None, None),
        (FAR._replace(host="books", address="8.8.8.8"), "not verified", Level.WARNING),
        (FAR._replace(encrypted=False, version="GSSAPI"), None, None),
        (Encryption("/run/postgresql", "", encrypted=False), None, None),
    ],
)
def test_a_remote_server_that_is_not_verified_is_a_finding(
    found: Encryption, problem: str | None, level: Level | None
) -> None:
    expected = [] if problem is None else [(problem, level)]
    assert [(one.problem, one.level) for one in encryption_findings(found)] == expected
