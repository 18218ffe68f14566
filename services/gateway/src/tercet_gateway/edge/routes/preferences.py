"""Links in what customers are sent: where they see what they have decided, and say no with one click."""

from __future__ import annotations

from html import escape

import grpc
from fastapi import APIRouter, Request
from google.protobuf.message import Message
from starlette.responses import Response

from tercet.marketing.v1 import consent_service_pb2 as pb
from tercet.marketing.v1 import send_service_pb2 as sends
from tercet.marketing.v1.profile_service_pb2 import ConsentDecision
from tercet_gateway.edge.exchange import Exchange
from tercet_gateway.edge.routes import Tools
from tercet_gateway.edge.routes.asking import called, html

_CONSENT, _SENDS = "/tercet.marketing.v1.ConsentService/", "/tercet.marketing.v1.SendService/"
_MOST_REPORTED = 1_000_000
_WORDS = {
    "zh": (
        "联系偏好",
        "我们会向 {hint} 发送营销信息。",
        "不再接收",
        "我们不再向 {hint} 发送营销信息。",
        "此链接已失效。",
    ),
    "en": (
        "Contact preferences",
        "We may send advertising to {hint}.",
        "Send no more",
        "We send no advertising to {hint}.",
        "This link is no longer valid.",
    ),
}


def preference_routes(tools: Tools) -> APIRouter:
    """`/u/{tenant}/{token}` for people and their mail programs, `/hooks/{tenant}/{account}` for providers."""
    router = APIRouter()

    @router.get("/u/{tenant}/{token}")
    async def look(tenant: str, token: str, request: Request) -> Response:
        # Looking changes nothing: mail programs and scanners follow every link that they see.
        asked = pb.ReadPreferencesRequest(token=token[:2000])
        return await _page(tools, tenant, request, "ReadPreferences", asked)

    @router.post("/u/{tenant}/{token}")
    async def unsubscribe(tenant: str, token: str, request: Request) -> Response:
        # RFC 8058: a mail program posts `List-Unsubscribe=One-Click`, the page's button posts nothing.
        asked = pb.UnsubscribeRequest(token=token[:2000])
        return await _page(tools, tenant, request, "Unsubscribe", asked)

    @router.post("/hooks/{tenant}/{account}")
    async def report(tenant: str, account: str, request: Request) -> Response:
        exchange: Exchange = request.scope["tercet.exchange"]
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _MOST_REPORTED:
                return Response(status_code=413)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in exchange.headers.items()}
        headers = {name: value for name, value in list(headers.items())[:90] if name not in ("authorization", "cookie")}
        headers["query"] = str(request.url.query)[:4000]
        asked = sends.ReceiveFromChannelRequest(account_code=account[:60], headers=headers, body=body)
        answer = sends.ReceiveFromChannelResponse
        await called(tools, tenant, request, f"{_SENDS}ReceiveFromChannel", asked, answer)
        return Response(b"{}", media_type="application/json")

    return router


async def _page(tools: Tools, tenant: str, request: Request, rpc: str, asked: Message) -> Response:
    spoken = request.headers.get("accept-language", "")
    try:
        found: pb.Preferences = await called(tools, tenant, request, f"{_CONSENT}{rpc}", asked, pb.Preferences)
    except grpc.aio.AioRpcError as error:
        if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
            return html(_words(spoken)[4], _words(spoken)[0], 410)
        raise
    title, allowed, button, denied, _ = _words(found.language or spoken)
    states = {choice.state for choice in found.choices if choice.purpose == ConsentDecision.MARKETING}
    open_ = not found.left_alone and states == {ConsentDecision.GRANTED}
    said = escape((allowed if open_ else denied).format(hint=found.contact_hint))
    form = f'<form method="post"><button>{escape(button)}</button></form>' if open_ else ""
    return html(f"<p>{said}</p>{form}", title, 200)


def _words(language: str) -> tuple[str, str, str, str, str]:
    return _WORDS["en" if language.lower().startswith("en") else "zh"]
