"""Files: taken in pieces, kept in chunk rows beside the service's own, given back in pieces."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from tercet.chassis.v1.file_service_pb2 import DownloadFileRequest, File, FileChunk, GetFileRequest, UploadFileRequest
from tercet_chassis.context import Context
from tercet_chassis.errors import InvalidArgument
from tercet_chassis.handlers import Handlers
from tercet_chassis.ids import new_id
from tercet_chassis.stored_files import CHUNK, chunk, put, put_chunk, readable, stored
from tercet_chassis.transaction import Running, Tx

if TYPE_CHECKING:
    from tercet_chassis.calls import Calls

LARGEST = 512 << 20


class FileTooLarge(InvalidArgument):
    """The file is over the limit."""

    text = "The file is larger than {limit} MiB; split it."
    field = "content"


class FileNameMissing(InvalidArgument):
    """The first message of an upload names no file."""

    text = "The first message of an upload must name the file."
    field = "name"


class FileService(Handlers):
    """Serves tercet.chassis.v1.FileService.

    A slow client holds no transaction: each piece is one of its own, and the file is there once its last row is.
    """

    async def UploadFile(self, requests: AsyncIterator[UploadFileRequest], runtime: Running, context: Context) -> File:
        return await _Upload(runtime, context).take(requests)

    async def GetFile(self, request: GetFileRequest, tx: Tx) -> File:
        return await readable(tx, request.id)

    async def DownloadFile(self, request: DownloadFileRequest, calls: Calls) -> AsyncIterator[FileChunk]:
        runtime, sequence = calls.runtime, 0
        async with runtime.transaction(calls.context) as tx:
            await readable(tx, request.id)
        while True:
            async with runtime.transaction(calls.context) as tx:
                content = await chunk(tx, request.id, sequence)
            if content is None:
                return
            yield FileChunk(content=content)
            sequence += 1


class _Upload:
    """One file on its way in."""

    def __init__(self, runtime: Running, context: Context) -> None:
        self._runtime, self._context = runtime, context
        self._id, self._digest, self._size, self._sequence = new_id(), hashlib.sha256(), 0, 0
        self._waiting = bytearray()

    async def take(self, requests: AsyncIterator[UploadFileRequest]) -> File:
        name = media_type = ""
        async for request in requests:
            name, media_type = name or request.name, media_type or request.media_type
            if not name:
                raise FileNameMissing
            await self._add(request.content)
        if not name:
            raise FileNameMissing
        await self._put(bytes(self._waiting))
        async with self._runtime.transaction(self._context) as tx:
            await put(tx, self._id, name, media_type, self._size, self._digest.digest())
            return await stored(tx, str(self._id))

    async def _add(self, content: bytes) -> None:
        self._size += len(content)
        if self._size > LARGEST:
            raise FileTooLarge(limit=LARGEST >> 20)
        self._digest.update(content)
        self._waiting += content
        while len(self._waiting) >= CHUNK:
            await self._put(bytes(self._waiting[:CHUNK]))
            del self._waiting[:CHUNK]

    async def _put(self, content: bytes) -> None:
        if not content:
            return
        async with self._runtime.transaction(self._context) as tx:
            await put_chunk(tx, self._id, self._sequence, content)
        self._sequence += 1
