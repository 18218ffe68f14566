"""The code on an asset: whoever scans it sees what it stands on and reports a fault, without signing in."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs

import grpc
from fastapi import APIRouter, Request
from starlette.responses import Response

from tercet.servicedesk.v1 import asset_service_pb2 as pb
from tercet_gateway.edge.exchange import Exchange
from tercet_gateway.edge.routes import Tools
from tercet_gateway.edge.routes.public import called, html

_ASSETS = "/tercet.servicedesk.v1.AssetService/"
_MOST = 64_000
_WORDS = {
    "zh": {
        "title": "报修",
        "covered": "保修期内",
        "bare": "不在保修期内",
        "fault": "哪里坏了？",
        "name": "您的姓名",
        "phone": "联系电话",
        "send": "提交",
        "thanks": "已受理，工单号 {number}。",
        "over": "此二维码已失效，请致电我们。",
        "often": "此设备刚刚已多次报修，我们正在处理。",
        "wrong": "请写明哪里坏了，再提交一次。",
    },
    "en": {
        "title": "Report a fault",
        "covered": "in warranty",
        "bare": "not in warranty",
        "fault": "What is wrong?",
        "name": "Your name",
        "phone": "Your phone number",
        "send": "Send",
        "thanks": "We have it: ticket {number}.",
        "over": "This code is no longer valid; please call us.",
        "often": "This was reported several times just now; we are looking after it.",
        "wrong": "Please write what is wrong and send it again.",
    },
}


def repair_routes(tools: Tools) -> APIRouter:
    """`/r/{tenant}/{token}`: a page with a form, and what it sends."""
    router = APIRouter()

    @router.get("/r/{tenant}/{token}")
    async def look(tenant: str, token: str, request: Request) -> Response:
        words = _spoken(request)
        asked = pb.OpenAssetLinkRequest(token=token[:300])
        try:
            found = await called(
                tools, tenant, request, "service-desk", f"{_ASSETS}OpenAssetLink", asked, pb.OpenedAsset
            )
        except grpc.aio.AioRpcError as error:
            return _refused(error, words)
        return html(_form(found, words), words["title"], 200)

    @router.post("/r/{tenant}/{token}")
    async def report(tenant: str, token: str, request: Request) -> Response:
        words, body = _spoken(request), b""
        async for piece in request.stream():
            body += piece
            if len(body) > _MOST:
                return Response(status_code=413)
        fields = {
            name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace"), max_num_fields=20).items()
        }
        asked = pb.ReportAssetFaultRequest(
            token=token[:300],
            description=fields.get("description", "").strip()[:5000],
            requester_name=fields.get("name", "").strip()[:200],
            phone=fields.get("phone", "").strip()[:40],
        )
        if not asked.description:
            return html(f"<p>{escape(words['wrong'])}</p>", words["title"], 422)
        try:
            done = await called(
                tools, tenant, request, "service-desk", f"{_ASSETS}ReportAssetFault", asked, pb.ReportedFault
            )
        except grpc.aio.AioRpcError as error:
            return _refused(error, words)
        cover = words["covered" if done.in_warranty else "bare"]
        said = words["thanks"].format(number=done.ticket_number)
        return html(f"<p>{escape(said)}</p><p>{escape(cover)}</p>", words["title"], 200)

    return router


def _form(asset: pb.OpenedAsset, words: dict[str, str]) -> str:
    cover = words["covered" if asset.in_warranty else "bare"]
    told = " · ".join(filter(None, (asset.display_name, asset.product_code, asset.serial_number, cover)))
    return (
        f'<p>{escape(told)}</p><form method="post">'
        f"<p><label>{escape(words['fault'])}<br>"
        '<textarea name="description" rows="5" cols="32" required></textarea></label>'
        f'<p><label>{escape(words["name"])}<br><input name="name"></label>'
        f'<p><label>{escape(words["phone"])}<br><input name="phone" type="tel"></label>'
        f"<p><button>{escape(words['send'])}</button></form>"
    )


def _spoken(request: Request) -> dict[str, str]:
    exchange: Exchange = request.scope["tercet.exchange"]
    spoken = exchange.headers.get(b"accept-language", b"").decode("latin-1")
    return _WORDS["en" if spoken.lower().startswith("en") else "zh"]


def _refused(error: grpc.aio.AioRpcError, words: dict[str, str]) -> Response:
    if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
        return html(f"<p>{escape(words['over'])}</p>", words["title"], 410)
    if error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED:
        answer = html(f"<p>{escape(words['often'])}</p>", words["title"], 429)
        answer.headers["retry-after"] = "720"
        return answer
    raise error
