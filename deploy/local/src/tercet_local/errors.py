"""What can stop the local system from starting: each class is one fact and says what to do about it."""

from __future__ import annotations

from pathlib import Path


class LocalError(Exception):
    """A refusal that a person can act on; its text is shown as it is."""


class AlreadyRunning(LocalError):
    def __init__(self, folder: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{folder} is in use by {who}. Stop it with `tercet down --data {folder}`, or choose another with --data."
        )
        self.pid = pid


class RestoreUnfinished(LocalError):
    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"A restore into {folder} has not come to its end, so not all services hold the same moment. Run the same "
            f"`tercet restore` again; it goes on where it stopped."
        )


class PortTaken(LocalError):
    def __init__(self, port: int, wanted_by: str) -> None:
        super().__init__(
            f"Port {port} on 127.0.0.1, wanted by {wanted_by}, is taken. Stop what uses it or choose another."
        )
        self.port = port


class DataOfAnotherVersion(LocalError):
    def __init__(self, folder: Path, found: str, wanted: str) -> None:
        super().__init__(
            f"{folder} was written by PostgreSQL {found}; this installation brings PostgreSQL {wanted} and cannot "
            f"read it. Dump it with the old installation and restore it here, or choose another folder with --data."
        )


class DiskFull(LocalError):
    def __init__(self, folder: Path, free_bytes: int) -> None:
        super().__init__(
            f"The disk that holds {folder} has only {free_bytes // 2**20} MiB left; PostgreSQL and NATS would stop in "
            f"the middle of work. Free some space or choose another folder with --data."
        )


class NoRights(LocalError):
    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"No right to {what} {path}. Choose a folder of your own with --data, or change its owner.")


class StartFailed(LocalError):
    def __init__(self, what: str, reason: str, log: Path | None = None) -> None:
        tail = f" Its log: {log}" if log else ""
        super().__init__(f"{what} did not start: {reason}{tail}")


class MigrationFailed(LocalError):
    def __init__(self, service: str, reason: str, log: Path) -> None:
        super().__init__(f"The migration of {service} failed, its database is as it was: {reason} Its log: {log}")


class ChineseSearchBroken(LocalError):
    def __init__(self) -> None:
        super().__init__(
            "PostgreSQL finds no trigrams in Chinese text, so names could not be searched: its character type is not "
            "C.UTF-8. Install the C.UTF-8 locale of your system and create the data folder anew."
        )
