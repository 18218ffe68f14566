"""The archive: a tar of compressed pieces of tables, and at its end the manifest. Written and read piece by piece."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from tercet_backup.errors import ArchiveDamaged, ArchiveThere, NoArchive
from tercet_backup.manifest import FORMAT, Manifest, TablePart

# So much of a table is held in memory at a time.
PIECE = 8 << 20
_LEVEL = 3
_MANIFEST, _SEAL = "manifest.json", "manifest.sha256"
Told = Callable[[str, str, int], None]


class ArchiveWriter:
    """Writes beside its place and moves there whole: an interrupted backup leaves no file that looks like one."""

    def __init__(self, path: Path) -> None:
        self.path, self._part = path, path.with_name(f"{path.name}.part")

    def __enter__(self) -> ArchiveWriter:
        if self.path.exists():
            raise ArchiveThere(self.path)
        # Readable by its owner alone: it holds everybody's data.
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def add(self, name: str, content: bytes) -> None:
        """One member."""
        about = tarfile.TarInfo(name)
        about.size, about.mode = len(content), 0o600
        self._tar.addfile(about, io.BytesIO(content))

    def finish(self, manifest: Manifest) -> None:
        """Ends the archive: on disk and in its place when this returns."""
        text = manifest.text().encode()
        self.add(_MANIFEST, text)
        self.add(_SEAL, hashlib.sha256(text).hexdigest().encode())
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._part.rename(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class TableWriter:
    """One table's text on its way into the archive."""

    def __init__(self, archive: ArchiveWriter, service: str, table: str) -> None:
        self._archive, self._name = archive, f"{service}/{table}"
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self._pieces = 0
        self.bytes = 0

    async def write(self, data: bytes) -> None:
        """Takes some of it; returns when there is room for more."""
        self._buffer += data
        self.bytes += len(data)
        if len(self._buffer) >= PIECE:
            await self._flush()

    async def end(self, columns: list[str], rows: int) -> TablePart:
        """Writes the rest, and tells what there was."""
        if self._buffer:
            await self._flush()
        return TablePart(columns, rows, self.bytes, self._digest.hexdigest(), self._pieces)

    async def _flush(self) -> None:
        piece, self._buffer = bytes(self._buffer), bytearray()
        await asyncio.to_thread(self._put, piece)
        self._pieces += 1

    def _put(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._archive.add(_piece_name(self._name, self._pieces), gzip.compress(piece, _LEVEL, mtime=0))


class Archive:
    """An archive to read. Refuses a file that is no whole backup."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._tar = tarfile.open(path, "r:")  # noqa: SIM115
            self._members = {member.name: member for member in self._tar.getmembers()}
            text, seal = self._member(_MANIFEST), self._member(_SEAL)
            if hashlib.sha256(text).hexdigest().encode() != seal:
                raise ArchiveDamaged(path, _MANIFEST)
            self.manifest = Manifest.parsed(text.decode())
        except (OSError, tarfile.TarError) as wrong:
            raise NoArchive(path, str(wrong)) from wrong
        except KeyError as missing:
            raise NoArchive(path, f"it has no {missing.args[0]}, so it was cut off or is something else") from missing
        except (TypeError, ValueError) as wrong:
            raise NoArchive(path, f"its manifest is not of format {FORMAT}") from wrong
        if self.manifest.format != FORMAT:
            raise NoArchive(path, f"it is of format {self.manifest.format}, this version reads {FORMAT}")

    def pieces(self, service: str, table: str) -> Iterator[bytes]:
        """A table's text, piece by piece. Refuses a damaged piece."""
        about = self.manifest.services[service].tables[table]
        for number in range(about.pieces):
            name = _piece_name(f"{service}/{table}", number)
            try:
                yield gzip.decompress(self._member(name))
            except (KeyError, OSError, EOFError, zlib.error, tarfile.TarError) as wrong:
                raise ArchiveDamaged(self.path, name) from wrong

    def verify(self, told: Told = lambda *_: None) -> None:
        """Reads everything once. Refuses an archive in which anything differs from its manifest."""
        for service, part in self.manifest.services.items():
            for table, about in part.tables.items():
                digest = hashlib.sha256()
                for piece in self.pieces(service, table):
                    digest.update(piece)
                    told(service, table, len(piece))
                if digest.hexdigest() != about.sha256:
                    raise ArchiveDamaged(self.path, f"{service}/{table}")

    def close(self) -> None:
        """Reads no more."""
        self._tar.close()

    def _member(self, name: str) -> bytes:
        stream = self._tar.extractfile(self._members[name])
        if stream is None:
            raise KeyError(name)
        return stream.read()


def _piece_name(table: str, number: int) -> str:
    return f"{table}/{number:06d}.gz"
