"""An archive is whole or refused, and one that is not finished is not there."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from tercet_backup import archive as archives
from tercet_backup.archive import Archive, ArchiveWriter, TableWriter
from tercet_backup.errors import ArchiveDamaged, ArchiveThere, NoArchive
from tercet_backup.keys import KeyPrints
from tercet_backup.manifest import Manifest, ServicePart

TEXT = "".join(f"{number}\t王芳\t{sha256(b'%d' % number).hexdigest()}\n" for number in range(5_000)).encode()


def manifest(part: ServicePart) -> Manifest:
    now = datetime.now(UTC)
    return Manifest("id", "1.0", now, now, 0.01, 1, KeyPrints("salt", {"leads-1": "x"}, {}), {"leads": part})


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive with one table in several pieces."""
    monkeypatch.setattr(archives, "PIECE", 16 << 10)
    path = tmp_path / "a.tar"

    async def write() -> None:
        with ArchiveWriter(path) as archive:
            table = TableWriter(archive, "leads", "leads")
            for at in range(0, len(TEXT), 1_000):
                await table.write(TEXT[at : at + 1_000])
            part = ServicePart("0001", "18", 7, 0, 0, {"outbox_id_seq": 7})
            part.tables["leads"] = await table.end(["id", "name"], 5_000)
            archive.finish(manifest(part))

    asyncio.run(write())
    return path


def test_what_was_written_is_read(written: Path) -> None:
    archive = Archive(written)
    archive.verify()
    assert b"".join(archive.pieces("leads", "leads")) == TEXT
    about = archive.manifest.services["leads"].tables["leads"]
    assert (about.rows, about.bytes, archive.manifest.row_count) == (5_000, len(TEXT), 5_000)
    assert about.pieces > 3
    assert archive.manifest == Manifest.parsed(archive.manifest.text())
    assert written.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ArchiveThere), ArchiveWriter(written):
        pass


def test_a_changed_byte_anywhere_is_found(written: Path) -> None:
    whole = written.read_bytes()
    # The tail is padding, and so is what stands between members; nobody reads it.
    read = [at for at in range(600, len(whole) - 12_000, 7_919) if whole[at - 16 : at + 16].strip(b"\0")]
    assert len(read) > 3
    for at in read:
        written.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises((ArchiveDamaged, NoArchive)):
            Archive(written).verify()


def test_what_is_no_whole_archive_is_refused(written: Path, tmp_path: Path) -> None:
    whole = written.read_bytes()
    for content in (b"", b"words", whole[: len(whole) // 2], whole[:-12_000], os.urandom(2_048)):
        written.write_bytes(content)
        with pytest.raises((NoArchive, ArchiveDamaged)):
            Archive(written)
    with pytest.raises(NoArchive):
        Archive(tmp_path / "none.tar")


def test_a_backup_that_is_cut_off_leaves_nothing(tmp_path: Path) -> None:
    def cut_off() -> None:
        with ArchiveWriter(tmp_path / "a.tar") as archive:
            archive.add("leads/leads/000000.gz", b"x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off()
    assert list(tmp_path.iterdir()) == []
