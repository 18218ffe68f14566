"""The data folder: its layout, its lock, its secrets."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from pathlib import Path

from tercet_local.errors import AlreadyRunning, DiskFull, NoRights

DEFAULT = Path(".tercet")
_LEAST_FREE_BYTES = 512 * 2**20


class DataFolder:
    """Everything the local system keeps, in one folder that only its owner can read."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()
        self._lock: int | None = None

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def nats(self) -> Path:
        return self.path / "nats"

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def prepare(self) -> None:
        """Make the folder and its parts. Refused without the right to write or with a nearly full disk."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            for part in (self.secrets, self.logs):
                part.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            raise NoRights(Path(error.filename or self.path), "write to") from error
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise NoRights(self.path, "write to")
        free = shutil.disk_usage(self.path).free
        if free < _LEAST_FREE_BYTES:
            raise DiskFull(self.path, free)

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    def secret(self, name: str) -> str:
        """The random secret of that name, made at the first call and kept readable by its owner alone."""
        path = self.secrets / name
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            return write_private(path, secrets.token_urlsafe(24)).strip()

    @property
    def restoring(self) -> str | None:
        """The backup whose restore has begun and not ended."""
        path = self.path / "restoring"
        return path.read_text().strip() if path.exists() else None

    def begin_restore(self, backup_id: str) -> None:
        """Nothing may start on the folder until the restore has ended."""
        write_private(self.path / "restoring", backup_id + "\n")

    def end_restore(self) -> None:
        """The folder is whole again."""
        (self.path / "restoring").unlink(missing_ok=True)

    def lock(self) -> None:
        """Take the folder for this process until it ends. Refused while another process holds it."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyRunning(self.path, self.holder()) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock = descriptor

    def unlock(self) -> None:
        """Let others take the folder."""
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def holder(self) -> int | None:
        """The process that runs on this folder, or None. The lock decides, not the number written into it."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.pread(descriptor, 32, 0).decode().strip()
            return int(text) if text.isdigit() else None
        finally:
            os.close(descriptor)
        return None


def write_private(path: Path, text: str) -> str:
    """Write a file whole or not at all, readable by its owner alone; returns the text."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    part.replace(path)
    return text
