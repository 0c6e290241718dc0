"""What an embedded server starts from: programs that its account can run, and a cluster with a password."""

import shutil
from pathlib import Path
from secrets import token_urlsafe

from atb_db.embedded.account import Account, run
from atb_db.errors import AtbDbError


def readable_copy(bin_dir: Path, base: Path) -> Path:
    """A copy of the wheel's programs that any account can run; root's site-packages often are root's alone."""
    package = bin_dir.parents[1]
    copy = base / "wheel"
    shutil.rmtree(copy, ignore_errors=True)  # of an earlier start in the same folder
    others = {path.name for path in package.iterdir()} - {bin_dir.parent.name, ".dylibs"}
    shutil.copytree(package, copy / package.name, ignore=shutil.ignore_patterns("include", *others))
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name)
    run("chmod", "-R", "a+rX", copy)
    return copy / bin_dir.relative_to(package.parent)


def make_cluster(bin_dir: Path, data_dir: Path, account: Account, *, secrets: Path) -> None:
    """An empty cluster with a random password over TCP; `secrets` is a folder that only the two accounts may enter.

    Raises:
        AtbDbError: initdb failed.
    """
    password = secrets / "password"
    _write_secret(password, token_urlsafe(24), account)
    done = run(
        *(bin_dir / "initdb", "-D", data_dir, "--username=postgres", f"--pwfile={password}"),
        *("--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"),
        account=account,
    )
    if done.returncode != 0:
        raise AtbDbError(f"initdb failed: {done.stderr.strip()}")
    password.rename(password_file(data_dir))


def password_file(data_dir: Path) -> Path:
    """Where the superuser's password for TCP is."""
    return data_dir / "atb_db_password"


def _write_secret(path: Path, content: str, account: Account) -> None:
    """A file that the server's account and this one can read, and nobody else."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(content, encoding="ascii")
    if account.uid is not None:
        shutil.chown(path, account.uid, account.gid)
