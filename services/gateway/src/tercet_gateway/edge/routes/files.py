"""Files in and out: bytes of an HTTP body become messages of a stream to the service that keeps them, and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from google.protobuf.message import Message
from starlette.responses import Response, StreamingResponse

from tercet.chassis.v1 import file_service_pb2 as files
from tercet.marketing.v1 import send_service_pb2 as sends
from tercet.servicedesk.v1 import ticket_service_pb2 as tickets
from tercet_chassis.contract import proto_package
from tercet_chassis.errors import Violation
from tercet_gateway.edge.backend import request_id
from tercet_gateway.edge.callers import Caller
from tercet_gateway.edge.contract import Access
from tercet_gateway.edge.exchange import Exchange
from tercet_gateway.edge.refusals import BodyNotRead, BodyTooLarge, PathNotFound
from tercet_gateway.edge.routes import Tools

_PIECE = 256 << 10
_SERVICE = "/tercet.chassis.v1.FileService"


@dataclass(frozen=True, slots=True)
class Attached:
    """Files of a resource: whoever the method tells of one may have its bytes, whoever brought them."""

    path: str
    service: str
    method: str
    request: type[Message]


# Marketing keeps all of them, as they come and go through its channels.
_KEEPER = "marketing"
_ATTACHED = (
    Attached("/v1/tickets", "service-desk", "TicketService/GetTicketFile", tickets.GetTicketFileRequest),
    Attached("/v1/sends", "marketing", "SendService/GetSendFile", sends.GetSendFileRequest),
    Attached(
        "/v1/received-messages",
        "marketing",
        "SendService/GetReceivedMessageFile",
        sends.GetReceivedMessageFileRequest,
    ),
)


def file_routes(tools: Tools) -> APIRouter:
    """Upload and download, for each service."""
    router = APIRouter()

    def known(service: str, path: str) -> str:
        if service not in tools.settings.peers or not proto_package(service):
            raise PathNotFound(path=path)
        return service

    async def admitted(exchange: Exchange) -> Caller:
        admission = await tools.gate.admit(exchange.headers, exchange.address, Access.SIGNED_IN, "BULK")
        exchange.extra += admission.headers
        return admission.caller

    def metadata(exchange: Exchange, caller: Caller, key: str = "") -> list[tuple[str, str]]:
        return tools.backend.metadata(exchange.headers, caller, exchange.traceparent, key)

    async def answer_of(service: str, path: str, request: Message, pairs: list[tuple[str, str]]) -> bytes:
        channel: Any = tools.channels.to(service)
        answer: bytes = await channel.unary_unary(path)(
            request.SerializeToString(), metadata=pairs, timeout=tools.settings.timeout
        )
        return answer

    async def content(service: str, id: str, pairs: list[tuple[str, str]]) -> Response:
        about = files.GetFileRequest(service=service, id=id)
        file = files.File.FromString(await answer_of(service, f"{_SERVICE}/GetFile", about, pairs))
        wanted = files.DownloadFileRequest(id=id).SerializeToString()
        chunks = tools.backend.download(service, f"{_SERVICE}/DownloadFile", wanted, pairs)
        # Never shown in the browser under our origin: an uploaded page could act as its reader.
        headers = {
            "content-disposition": f"attachment; filename*=UTF-8''{quote(file.name)}",
            "content-type": file.media_type,
        }
        return StreamingResponse((files.FileChunk.FromString(chunk).content async for chunk in chunks), headers=headers)

    @router.post("/v1/{service}/files")
    async def upload(service: str, request: Request, name: str = "") -> Response:
        exchange: Exchange = request.scope["tercet.exchange"]
        caller = await admitted(exchange)
        name_of_call = f"UploadFile {known(service, exchange.path)}"
        pairs = metadata(exchange, caller, request_id(exchange.headers, caller, exchange.address, name_of_call))
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
        caller = await admitted(exchange)
        return await content(known(service, exchange.path), id, metadata(exchange, caller))

    def attached(kind: Attached) -> None:
        @router.get(f"{kind.path}/{{id}}/files/{{file_id}}/content")
        async def download_attached(id: str, file_id: str, request: Request) -> Response:
            exchange: Exchange = request.scope["tercet.exchange"]
            caller = await admitted(exchange)
            asked = kind.request(id=id, file_id=file_id)
            path = f"/{proto_package(kind.service)}.{kind.method}"
            await answer_of(kind.service, path, asked, metadata(exchange, caller))
            # The service has said that the caller may; the file itself is nobody's but the keeper's.
            keeper = replace(caller, token=tools.system_token(UUID(caller.tenant_id)))
            return await content(_KEEPER, file_id, metadata(exchange, keeper))

    for kind in _ATTACHED:
        attached(kind)
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
