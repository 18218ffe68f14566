"""What can stop a backup or a restore: each class is one fact and says what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class BackupRefused(Exception):
    """A refusal that a person can act on; its text is shown as it is."""


class BackupRuns(BackupRefused):
    def __init__(self) -> None:
        super().__init__("Another backup of these databases is under way; wait until it has ended.")


class CommitsNotHeld(BackupRefused):
    def __init__(self, cause: str) -> None:
        super().__init__(
            f"The commits of all services could not be held at one moment ({cause}), so there is no consistent "
            "position; nothing was written. Try again when the databases are less busy."
        )


class SchemaMoved(BackupRefused):
    def __init__(self, service: str) -> None:
        super().__init__(f"The tables of {service} are being migrated; begin the backup again when that is done.")


class NotMigrated(BackupRefused):
    def __init__(self, service: str) -> None:
        super().__init__(f"The database of {service} has no tables of Tercet yet; there is nothing to back up.")


class DatabaseSilent(BackupRefused):
    def __init__(self, service: str, cause: str) -> None:
        super().__init__(f"The database of {service} cannot be read: {cause}. Check its address and that it runs.")


class DatabaseLost(BackupRefused):
    def __init__(self, cause: str) -> None:
        super().__init__(f"A database ended the work: {cause}. Nothing was kept of it; begin again when it is back.")


class ArchiveNotWritten(BackupRefused):
    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"{path} cannot be written: {cause}. Make room or name another place; nothing is left there.")


class ArchiveThere(BackupRefused):
    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already; name another file.")


class NoArchive(BackupRefused):
    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"{path} is no whole backup: {cause}. Take another one; nothing was changed.")


class ArchiveDamaged(BackupRefused):
    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path} is damaged: {what} differs from what its manifest says. Take another one; nothing was changed."
        )


class ArchiveOfNewerVersion(BackupRefused):
    def __init__(self, service: str, revision: str, version: str) -> None:
        super().__init__(
            f"The backup holds {service} at revision {revision}, which this version does not know; it was made by "
            f"version {version}, on a schema that a rollback may have left newer. Restore it with the newest version "
            "that the databases had seen, and roll back after that; nothing was changed."
        )


class ArchiveDoesNotFit(BackupRefused):
    def __init__(self, service: str, what: str) -> None:
        super().__init__(
            f"The tables of {service} are not those of the backup ({what}), though both say the same revision. Restore "
            "with the very version that made the backup; nothing was changed."
        )


class ServiceMissing(BackupRefused):
    def __init__(self, service: str, known: Iterable[str]) -> None:
        super().__init__(f"The backup does not hold {service}, only {', '.join(known)}.")


class NotEmpty(BackupRefused):
    def __init__(self, service: str, table: str) -> None:
        super().__init__(
            f"The database of {service} holds data already (in {table}). Restore into an empty system, or say "
            "--replace to throw away what is there."
        )


class ServiceRuns(BackupRefused):
    def __init__(self, service: str) -> None:
        super().__init__(f"The service {service} is running on this database. Stop all services first, then restore.")


class OtherKeys(BackupRefused):
    def __init__(self, service: str, missing: Iterable[str]) -> None:
        super().__init__(
            f"{service} has not the keys with which the backup was made: {'; '.join(missing)}. Put back the keys that "
            "you keep apart from backups. If they are lost for good, say --accept-other-keys: secrets of channels and "
            "webhooks must then be set anew, and links in messages sent earlier no longer open. Nothing was changed."
        )


class StreamsSilent(BackupRefused):
    def __init__(self, cause: str) -> None:
        super().__init__(f"NATS does not answer ({cause}), so its stream cannot be emptied; nothing was changed.")


class NothingToDump(BackupRefused):
    def __init__(self) -> None:
        super().__init__(
            "TERCET_BACKUP_DATABASES_DIR names no folder; it holds a file for each service with the address of its "
            "database as the tables' owner."
        )
