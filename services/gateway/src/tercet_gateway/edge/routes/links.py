"""Tracking links: what a QR code or short link carries. Counts the scan and sends the visitor on."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import grpc
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from tercet.leads.v1 import placement_service_pb2 as placements
from tercet_chassis.ids import new_id
from tercet_gateway.edge.contract import Access
from tercet_gateway.edge.exchange import Exchange
from tercet_gateway.edge.routes import Tools

_PATH = "/tercet.leads.v1.PlacementService/RecordScan"
_OVER = "此链接已失效。 This link is no longer valid."


def link_routes(tools: Tools) -> APIRouter:
    """`/t/{tenant}/{code}`: the tenant stands in clear, since nobody has signed in."""
    router = APIRouter()

    @router.get("/t/{tenant}/{code}")
    async def follow(tenant: str, code: str, request: Request) -> Response:
        exchange: Exchange = request.scope["tercet.exchange"]
        headers = {**exchange.headers, b"tercet-tenant": tenant.encode("utf-8")}
        for name in (b"authorization", b"tercet-api-key"):
            headers.pop(name, None)
        admission = await tools.gate.admit(headers, exchange.address, Access.ANYONE, "READ")
        pairs = tools.backend.metadata(headers, admission.caller, exchange.traceparent, str(new_id()))
        scan = placements.RecordScanRequest(
            short_code=code[:40],
            visitor=request.query_params.get("visitor", "")[:200],
            user_agent=_header(exchange, b"user-agent")[:500],
            referrer=_header(exchange, b"referer")[:2000],
        )
        call: Any = tools.channels.to("leads").unary_unary(
            _PATH, response_deserializer=placements.RecordScanResponse.FromString
        )
        try:
            answer = await call(scan.SerializeToString(), metadata=pairs, timeout=tools.settings.timeout)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return _over()
            raise
        # Only addresses of the web: a script in a target would run in the visitor's browser.
        if answer.expired or urlsplit(answer.target_url).scheme not in ("http", "https"):
            return _over()
        return RedirectResponse(answer.target_url, status_code=302, headers={"cache-control": "no-store"})

    return router


def _header(exchange: Exchange, name: bytes) -> str:
    return exchange.headers.get(name, b"").decode("latin-1")


def _over() -> Response:
    return Response(
        _OVER, status_code=410, media_type="text/plain; charset=utf-8", headers={"cache-control": "no-store"}
    )
