"""PostgreSQL refuses to run as root. This finds an identity it accepts, without touching the machine's accounts.

As root the server runs in a user namespace of its own, where root outside is an ordinary user inside: files stay where
they are and no folder's mode changes. Where namespaces are forbidden (some containers), it runs as an existing ordinary
account, with its data and, if need be, its binaries copied under /var/lib/tercet, which that account can reach.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tercet_local.errors import StartFailed
from tercet_local.process import SAME, run_as

SYSTEM_FOLDER = Path("/var/lib/tercet")


@dataclass(frozen=True)
class Identity:
    """Where the server's binaries and data are, and as whom a child may use them (see `prelude.main`)."""

    install: Path
    data: Path
    name: str
    owner: int | None = None

    def own(self, path: Path) -> None:
        """Hand a file or folder to the account that the server runs as."""
        if self.owner is not None:
            account = pwd.getpwuid(self.owner)
            os.chown(path, account.pw_uid, account.pw_gid)


def find_identity(install: Path, data: Path) -> Identity:
    """The identity to run PostgreSQL as. Refused when root may neither make namespaces nor change identity."""
    if os.geteuid() != 0:
        return Identity(install, data, SAME)
    # What was once created under one identity cannot be read under the other.
    inside = _in_namespace()
    if not data.is_symlink() and _works(install, data.parent, inside):
        return Identity(install, data, inside)
    if data.is_dir() and not data.is_symlink():
        raise StartFailed("PostgreSQL", f"{data} needs a user namespace and this system forbids them now.")
    return _as_account(install, data)


def _in_namespace() -> str:
    return f"namespace:{next((account.pw_uid for account in pwd.getpwall() if account.pw_uid != 0), 1000)}"


def _works(install: Path, folder: Path, name: str) -> bool:
    """Whether initdb loads its libraries and may write to the folder under that identity."""
    script = 'test -w "$1" && test -x "$1" && exec "$0" --version'
    trial = subprocess.run(
        run_as(name, ["/bin/sh", "-c", script, install / "bin" / "initdb", folder]), capture_output=True
    )
    return trial.returncode == 0


def _as_account(install: Path, data: Path) -> Identity:
    account = _ordinary_account()

    name = f"account:{account.pw_uid}:{account.pw_gid}"
    mark = hashlib.sha256(str(data).encode()).hexdigest()[:12]
    home = SYSTEM_FOLDER / mark
    SYSTEM_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    home.mkdir(mode=0o700, exist_ok=True)
    os.chown(home, account.pw_uid, account.pw_gid)
    if not _works(install, home, name):
        install = _copy_install(install)
        if not _works(install, home, name):
            raise StartFailed(
                "PostgreSQL", f"the account {account.pw_name} can run neither of the copies of its binaries."
            )
    if not data.is_symlink():
        data.symlink_to(home / "postgres")
    return Identity(install, data.resolve(), name, account.pw_uid)


def _ordinary_account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise StartFailed(
        "PostgreSQL", "it may not run as root and this system has neither an account postgres nor nobody."
    )


def _copy_install(install: Path) -> Path:
    stamp = (install / "bin" / "postgres").stat()
    target = SYSTEM_FOLDER / f"postgresql-{stamp.st_size}-{int(stamp.st_mtime)}"
    if not target.exists():
        part = target.with_name(f"{target.name}.part{os.getpid()}")
        shutil.copytree(install, part, symlinks=True)
        part.rename(target)
    return target
