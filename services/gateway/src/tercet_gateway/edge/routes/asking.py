"""What pages without sign-in have in common: a call on behalf of nobody in the tenant of the link, and plain HTML."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import Request
from google.protobuf.message import Message
from starlette.responses import Response

from tercet_chassis.ids import new_id
from tercet_gateway.edge.contract import Access
from tercet_gateway.edge.exchange import Exchange
from tercet_gateway.edge.routes import Tools

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


async def called(tools: Tools, tenant: str, request: Request, path: str, asked: Message, answer: type[Message]) -> Any:
    """Calls `/package.Service/Method` as anybody."""
    exchange: Exchange = request.scope["tercet.exchange"]
    headers = {**exchange.headers, b"tercet-tenant": tenant.encode("utf-8")}
    for name in (b"authorization", b"tercet-api-key"):
        headers.pop(name, None)
    admission = await tools.gate.admit(headers, exchange.address, Access.ANYONE, "WRITE")
    pairs = tools.backend.metadata(headers, admission.caller, exchange.traceparent, str(new_id()))
    service = _SERVICES[path.split(".")[1]]
    call: Any = tools.channels.to(service).unary_unary(path, response_deserializer=answer.FromString)
    return await call(asked.SerializeToString(), metadata=pairs, timeout=tools.settings.timeout)


_SERVICES = {"marketing": "marketing", "servicedesk": "service-desk"}


def html(body: str, title: str, status: int) -> Response:
    """A small page that asks for nothing from elsewhere."""
    page = (
        f'<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<meta name=robots content=noindex><title>{escape(title)}</title>"
        f"<style>body{{font:16px sans-serif;max-width:32em;margin:4em auto;padding:0 1em}}</style>"
        f"<h1>{escape(title)}</h1>{body}"
    )
    headers = {"cache-control": "no-store", "content-security-policy": _POLICY, "referrer-policy": "no-referrer"}
    return Response(page, status_code=status, media_type="text/html; charset=utf-8", headers=headers)
