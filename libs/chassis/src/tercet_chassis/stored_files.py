"""Files that lie beside a service's rows, as they are read: what is known of one, and its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import insert, select

from tercet.chassis.v1.file_service_pb2 import File
from tercet_chassis.errors import ResourceNotFound
from tercet_chassis.ids import new_id
from tercet_chassis.outbox import timestamp
from tercet_chassis.tables import file_chunks, files

if TYPE_CHECKING:
    from tercet_chassis.host import Writing

CHUNK = 1 << 20


async def readable(tx: Writing, id: str, owner: UUID | None = None) -> File:
    """What the caller may know of a file: people see the files that they brought; services and whoever may read every
    file and has nothing masked see all, since a file's bytes cannot be masked. A service that acts for an owner sees
    what that one brought.
    """
    if owner is not None and tx.principal.is_system:
        return await stored(tx, id, owner=str(owner))
    everything = "all" in tx.principal.scopes("chassis.file.read") and not tx.principal.masks
    seen = tx.principal.is_system or everything
    return await stored(tx, id, owner=None if seen else tx.principal.subject)


async def stored(tx: Writing, id: str, *, owner: str | None = None) -> File:
    """What is known of a file of this tenant, of one owner's when one is named; refuses with NOT_FOUND."""
    mine = [files.c.owner == owner] if owner is not None else []
    query = select(files).where(files.c.tenant_id == tx.tenant_id, files.c.id == UUID(id), *mine)
    row = (await tx.session.execute(query)).first()
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


async def read(tx: Writing, id: str) -> AsyncIterator[bytes]:
    """A file's bytes, a chunk of at most 1 MiB at a time."""
    sequence = 0
    while (content := await chunk(tx, id, sequence)) is not None:
        yield content
        sequence += 1


async def chunk(tx: Writing, id: str, sequence: int) -> bytes | None:
    """One chunk of a file, from 0; None after the last."""
    mine = (file_chunks.c.tenant_id == tx.tenant_id) & (file_chunks.c.file_id == UUID(id))
    query = select(file_chunks.c.content).where(mine, file_chunks.c.sequence == sequence)
    content = (await tx.session.execute(query)).scalar()
    return None if content is None else bytes(content)


async def put_chunk(tx: Writing, id: UUID, sequence: int, content: bytes) -> None:
    """Keeps one chunk of a file that is there once `put` has named it."""
    values = {"tenant_id": tx.tenant_id, "file_id": id, "sequence": sequence, "content": content}
    await tx.session.execute(insert(file_chunks).values(values))


async def put(tx: Writing, id: UUID, name: str, media_type: str, size: int, sha256: bytes) -> None:
    """Names a file whose chunks are kept; it is the caller's."""
    values = {
        "tenant_id": tx.tenant_id,
        "id": id,
        "name": name,
        "media_type": media_type or "application/octet-stream",
        "size": size,
        "sha256": sha256,
        "owner": tx.principal.subject,
    }
    await tx.session.execute(insert(files).values(values))


async def keep(tx: Writing, name: str, media_type: str, content: bytes) -> UUID:
    """Keeps a file that is in memory as a whole, in this transaction."""
    id = new_id()
    for sequence, start in enumerate(range(0, len(content), CHUNK)):
        await put_chunk(tx, id, sequence, content[start : start + CHUNK])
    await put(tx, id, name, media_type, len(content), hashlib.sha256(content).digest())
    return id
