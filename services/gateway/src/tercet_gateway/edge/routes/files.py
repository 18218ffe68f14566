"""Files in and out: bytes of an HTTP body become messages of a stream to the service that keeps them, and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from tercet.chassis.v1 import file_service_pb2 as files
from tercet_chassis.contract import proto_package
from tercet_chassis.errors import Violation
from tercet_gateway.edge.backend import request_id
from tercet_gateway.edge.contract import Access
from tercet_gateway.edge.exchange import Exchange
from tercet_gateway.edge.refusals import BodyNotRead, BodyTooLarge, PathNotFound
from tercet_gateway.edge.routes import Tools

_PIECE = 256 << 10
_SERVICE = "/tercet.chassis.v1.FileService"


def file_routes(tools: Tools) -> APIRouter:
    """Upload and download, for each service."""
    router = APIRouter()

    def known(service: str, path: str) -> str:
        if service not in tools.settings.peers or not proto_package(service):
            raise PathNotFound(path=path)
        return service

    async def metadata(exchange: Exchange, name: str, write: bool) -> list[tuple[str, str]]:
        admission = await tools.gate.admit(exchange.headers, exchange.address, Access.SIGNED_IN, "BULK")
        exchange.extra += admission.headers
        key = request_id(exchange.headers, admission.caller, exchange.address, name) if write else ""
        return tools.backend.metadata(exchange.headers, admission.caller, exchange.traceparent, key)

    @router.post("/v1/{service}/files")
    async def upload(service: str, request: Request, name: str = "") -> Response:
        exchange: Exchange = request.scope["tercet.exchange"]
        pairs = await metadata(exchange, f"UploadFile {known(service, exchange.path)}", write=True)
        if not name or len(name) > 255:
            raise BodyNotRead(
                violations=[
                    Violation("name", "NAME_MISSING", "Give the file's name as ?name=, at most 255 characters.")
                ]
            )
        if int(exchange.headers.get(b"content-length", b"0")) > tools.settings.upload_limit:
            raise BodyTooLarge(limit=tools.settings.upload_limit)
        kind = exchange.headers.get(b"content-type", b"application/octet-stream").decode("latin-1")[:100]
        pieces = _pieces(request.stream(), name, kind, tools.settings.upload_limit)
        answer = files.File.FromString(await tools.backend.upload(service, f"{_SERVICE}/UploadFile", pieces, pairs))
        described: Any = files.File.DESCRIPTOR
        shown = orjson.dumps(tools.encoder.of(described)(answer))
        headers = {"location": f"/v1/{service}/files/{answer.id}"}
        return Response(shown, status_code=201, media_type="application/json", headers=headers)

    @router.get("/v1/{service}/files/{id}/content")
    async def download(service: str, id: str, request: Request) -> Response:
        exchange: Exchange = request.scope["tercet.exchange"]
        pairs = await metadata(exchange, "DownloadFile", write=False)
        channel: Any = tools.channels.to(known(service, exchange.path))
        about = files.GetFileRequest(service=service, id=id).SerializeToString()
        described = await channel.unary_unary(f"{_SERVICE}/GetFile")(
            about, metadata=pairs, timeout=tools.settings.timeout
        )
        file = files.File.FromString(described)
        wanted = files.DownloadFileRequest(id=id).SerializeToString()
        chunks = tools.backend.download(service, f"{_SERVICE}/DownloadFile", wanted, pairs)
        # Never shown in the browser under our origin: an uploaded page could act as its reader.
        headers = {
            "content-disposition": f"attachment; filename*=UTF-8''{quote(file.name)}",
            "content-type": file.media_type,
        }
        return StreamingResponse((files.FileChunk.FromString(chunk).content async for chunk in chunks), headers=headers)

    return router


async def _pieces(body: AsyncIterator[bytes], name: str, kind: str, limit: int) -> AsyncIterator[bytes]:
    """The messages of an upload; refuses more bytes than the limit, whatever length was announced."""
    yield files.UploadFileRequest(name=name, media_type=kind).SerializeToString()
    size = 0
    async for part in body:
        size += len(part)
        if size > limit:
            raise BodyTooLarge(limit=limit)
        for start in range(0, len(part), _PIECE):
            yield files.UploadFileRequest(content=part[start : start + _PIECE]).SerializeToString()
