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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tercet_local.errors import StartFailed
from tercet_local.process import unshare_user_namespace

SYSTEM_FOLDER = Path("/var/lib/tercet")


@dataclass(frozen=True)
class Identity:
    """Where the server's binaries and data are, and how a child becomes who may use them."""

    install: Path
    data: Path
    become: Callable[[], None] | None
    owner: int | None = None

    def own(self, path: Path) -> None:
        """Hand a file or folder to the account that the server runs as."""
        if self.owner is not None:
            account = pwd.getpwuid(self.owner)
            os.chown(path, account.pw_uid, account.pw_gid)


def find_identity(install: Path, data: Path) -> Identity:
    """The identity to run PostgreSQL as. Refused when root may neither make namespaces nor change identity."""
    if os.geteuid() != 0:
        return Identity(install, data, None)
    # What was once created under one identity cannot be read under the other.
    if not data.is_symlink() and _works(install, data.parent, _enter_namespace):
        return Identity(install, data, _enter_namespace)
    if data.is_dir() and not data.is_symlink():
        raise StartFailed("PostgreSQL", f"{data} needs a user namespace and this system forbids them now.")
    return _as_account(install, data)


def _enter_namespace() -> None:
    inside = next((account.pw_uid for account in pwd.getpwall() if account.pw_uid != 0), 1000)
    unshare_user_namespace()
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{inside} 0 1")
    Path("/proc/self/gid_map").write_text(f"{inside} 0 1")


def _works(install: Path, folder: Path, become: Callable[[], None]) -> bool:
    """Whether initdb loads its libraries and may write to the folder under that identity."""

    def in_child() -> None:
        become()
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(str(folder))

    try:
        trial = subprocess.run([install / "bin" / "initdb", "--version"], preexec_fn=in_child, capture_output=True)
    except (subprocess.SubprocessError, OSError):
        return False
    return trial.returncode == 0


def _as_account(install: Path, data: Path) -> Identity:
    account = _ordinary_account()

    def become() -> None:
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)

    mark = hashlib.sha256(str(data).encode()).hexdigest()[:12]
    home = SYSTEM_FOLDER / mark
    SYSTEM_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    home.mkdir(mode=0o700, exist_ok=True)
    os.chown(home, account.pw_uid, account.pw_gid)
    if not _works(install, home, become):
        install = _copy_install(install)
        if not _works(install, home, become):
            raise StartFailed(
                "PostgreSQL", f"the account {account.pw_name} can run neither of the copies of its binaries."
            )
    if not data.is_symlink():
        data.symlink_to(home / "postgres")
    return Identity(install, data.resolve(), become, account.pw_uid)


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
