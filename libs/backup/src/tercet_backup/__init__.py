"""Backup and restore: five databases, one moment, one file."""

from tercet_backup.archive import Archive
from tercet_backup.dump import dump
from tercet_backup.errors import BackupRefused
from tercet_backup.keys import KeyPrints, prints_of
from tercet_backup.manifest import Manifest, ServicePart, TablePart
from tercet_backup.restore import restore

__all__ = [
    "Archive",
    "BackupRefused",
    "KeyPrints",
    "Manifest",
    "ServicePart",
    "TablePart",
    "dump",
    "prints_of",
    "restore",
]
