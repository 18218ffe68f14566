"""Links in invitations: where a requester says how satisfied they are."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs

import grpc
from fastapi import APIRouter, Request
from google.protobuf.message import Message
from starlette.responses import Response

from tercet.servicedesk.v1 import survey_service_pb2 as pb
from tercet_gateway.edge.routes import Tools
from tercet_gateway.edge.routes.public import called, html

_SURVEYS = "/tercet.servicedesk.v1.SurveyService/"
_MOST_WRITTEN = 50_000
_GONE = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)
_WORDS = {
    "zh": (
        "满意度",
        "您对我们的处理满意吗? 1 很不满意, 5 很满意",
        "想说的话",
        "我要投诉",
        "提交",
        "谢谢!",
        "此链接已失效。",
    ),
    "en": (
        "Satisfaction",
        "How satisfied are you with what we did? 1 not at all, 5 very",
        "Anything to add",
        "I want to complain",
        "Send",
        "Thank you!",
        "This link is no longer valid.",
    ),
}


def survey_routes(tools: Tools) -> APIRouter:
    """`/survey/{tenant}/{token}`: looking changes nothing, sending counts once."""
    router = APIRouter()

    @router.get("/survey/{tenant}/{token}")
    async def look(tenant: str, token: str, request: Request) -> Response:
        return await _page(tools, tenant, request, "OpenSurvey", pb.OpenSurveyRequest(token=token[:200]))

    @router.post("/survey/{tenant}/{token}")
    async def answer(tenant: str, token: str, request: Request) -> Response:
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _MOST_WRITTEN:
                return Response(status_code=413)
        said = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        score = said.get("score", "")
        asked = pb.AnswerSurveyRequest(
            token=token[:200],
            score=int(score) if score in ("1", "2", "3", "4", "5") else 0,
            comment=said.get("comment", "")[:5000],
            complaint="complaint" in said,
        )
        return await _page(tools, tenant, request, "AnswerSurvey", asked)

    return router


async def _page(tools: Tools, tenant: str, request: Request, rpc: str, asked: Message) -> Response:
    english = request.headers.get("accept-language", "").lower().startswith("en")
    title, question, comment, complain, send, thanks, gone = _WORDS["en" if english else "zh"]
    try:
        found: pb.OpenedSurvey = await called(
            tools, tenant, request, "service-desk", f"{_SURVEYS}{rpc}", asked, pb.OpenedSurvey
        )
    except grpc.aio.AioRpcError as error:
        if error.code() in _GONE:
            return html(f"<p>{escape(gone)}</p>", title, 410)
        raise
    about = f"<p>{escape(found.ticket_number)} {escape(found.subject)}</p>"
    if found.state == pb.Survey.ANSWERED:
        return html(f"{about}<p>{escape(thanks)} {escape(found.complaint_number)}</p>", title, 200)
    scores = "".join(
        f'<label><input type="radio" name="score" value="{score}" required>{score}</label> ' for score in range(1, 6)
    )
    form = (
        f'<form method="post"><p>{escape(question)}</p><p>{scores}</p>'
        f'<p><label>{escape(comment)}<br><textarea name="comment" rows="5" cols="40"></textarea></label></p>'
        f'<p><label><input type="checkbox" name="complaint">{escape(complain)}</label></p>'
        f"<button>{escape(send)}</button></form>"
    )
    return html(about + form, title, 200)
