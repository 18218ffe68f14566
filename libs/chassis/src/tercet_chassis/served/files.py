"""Files: taken in pieces, kept in chunk rows beside the service's own, given back in pieces."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import insert, select

from tercet.chassis.v1.file_service_pb2 import DownloadFileRequest, File, FileChunk, GetFileRequest, UploadFileRequest
from tercet_chassis.context import Context
from tercet_chassis.errors import InvalidArgument, ResourceNotFound
from tercet_chassis.handlers import Handlers
from tercet_chassis.ids import new_id
from tercet_chassis.outbox import timestamp
from tercet_chassis.tables import file_chunks, files
from tercet_chassis.transaction import Tx

if TYPE_CHECKING:
    from tercet_chassis.calls import Calls
    from tercet_chassis.runtime import Runtime

LARGEST = 512 << 20
CHUNK = 1 << 20


class FileTooLarge(InvalidArgument):
    """The file is over the limit."""

    text = "The file is larger than {limit} MiB; split it."
    field = "content"


class FileNameMissing(InvalidArgument):
    """The first message of an upload names no file."""

    text = "The first message of an upload must name the file."
    field = "name"


class FileService(Handlers):
    """Serves tercet.chassis.v1.FileService."""

    async def UploadFile(self, requests: AsyncIterator[UploadFileRequest], runtime: Runtime, context: Context) -> File:
        async with runtime.transaction(context) as tx:
            return await _store(tx, requests)

    async def GetFile(self, request: GetFileRequest, tx: Tx) -> File:
        return await stored(tx, request.id)

    async def DownloadFile(self, request: DownloadFileRequest, calls: Calls) -> AsyncIterator[FileChunk]:
        runtime = calls.runtime
        async with runtime.transaction(calls.context) as tx:
            await stored(tx, request.id)
            async for content in read(tx, request.id):
                yield FileChunk(content=content)


async def _store(tx: Tx, requests: AsyncIterator[UploadFileRequest]) -> File:
    id, digest, size, sequence = new_id(), hashlib.sha256(), 0, 0
    name = media_type = ""
    waiting = bytearray()

    async def put(content: bytes) -> None:
        nonlocal sequence
        await tx.session.execute(
            insert(file_chunks).values(tenant_id=tx.tenant_id, file_id=id, sequence=sequence, content=content)
        )
        sequence += 1

    async for request in requests:
        name, media_type = name or request.name, media_type or request.media_type
        if not name:
            raise FileNameMissing
        size += len(request.content)
        if size > LARGEST:
            raise FileTooLarge(limit=LARGEST >> 20)
        digest.update(request.content)
        waiting += request.content
        while len(waiting) >= CHUNK:
            await put(bytes(waiting[:CHUNK]))
            del waiting[:CHUNK]
    if not name:
        raise FileNameMissing
    if waiting:
        await put(bytes(waiting))
    values: dict[str, Any] = {
        "tenant_id": tx.tenant_id,
        "id": id,
        "name": name,
        "media_type": media_type or "application/octet-stream",
        "size": size,
        "sha256": digest.digest(),
        "owner": tx.principal.subject,
    }
    await tx.session.execute(insert(files).values(values))
    return await stored(tx, str(id))


async def stored(tx: Tx, id: str) -> File:
    """What is known of a file of this tenant; refuses with NOT_FOUND."""
    row = (
        await tx.session.execute(select(files).where(files.c.tenant_id == tx.tenant_id, files.c.id == UUID(id)))
    ).first()
    if row is None:
        raise ResourceNotFound(type="File", id=id)
    return File(
        id=str(row.id),
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        sha256=bytes(row.sha256).hex(),
        create_time=timestamp(row.create_time),
    )


async def read(tx: Tx, id: str) -> AsyncIterator[bytes]:
    """A file's bytes, a chunk of at most 1 MiB at a time."""
    sequence = 0
    while True:
        query = select(file_chunks.c.content).where(
            file_chunks.c.tenant_id == tx.tenant_id,
            file_chunks.c.file_id == UUID(id),
            file_chunks.c.sequence == sequence,
        )
        content = (await tx.session.execute(query)).scalar()
        if content is None:
            return
        yield bytes(content)
        sequence += 1
