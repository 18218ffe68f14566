"""A real gRPC server of the sample contract: books in a dict, fixed credentials, refusals as the chassis sends them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tercet.gateway.v1 import principal_service_pb2 as principals
from tercet.options.v1 import options_pb2
from tercet_chassis.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    IdempotencyKeyReused,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Refusal,
    TokenInvalid,
    Unavailable,
    Violation,
)
from tercet_chassis.row_json import JsonReply
from tercet_chassis.server import OPTIONS
from tercet_chassis.status import abort, fault_status, status_of

from .sample_contract import sample


class BookNotFound(NotFound):
    text = "There is no book {id}."


class TitleTaken(AlreadyExists):
    text = "There is already a book {title}."
    field = "book.title"


class TitleInvalid(InvalidArgument):
    text = "The title is not valid."


class BookLent(FailedPrecondition):
    text = "The book is lent."


class EtagStale(Aborted):
    text = "Somebody was faster."


class NotYours(PermissionDenied):
    text = "Not yours."


class Closed(Unavailable):
    text = "Closed for stock-taking."


class TenantNotFound(NotFound):
    text = "No such tenant."


REFUSALS: dict[str, Refusal] = {
    "taken": TitleTaken(title="taken"),
    "invalid": TitleInvalid(violations=[Violation("book.title", "TOO_SHORT", "Give a longer title.")]),
    "lent": BookLent(), "stale": EtagStale(), "forbidden": NotYours(), "closed": Closed(retry_after=7.0),
    "reused": IdempotencyKeyReused(),
}  # fmt: skip


class Library(grpc.GenericRpcHandler):
    """What the server keeps and what it was asked."""

    def __init__(self) -> None:
        self.books: dict[str, Any] = {}
        self.calls: list[tuple[str, dict[str, str], Any]] = []
        self.remaining: list[float | None] = []
        self.resolved: list[str] = []
        self.watched_to_the_end = asyncio.Event()
        self.watch_left = asyncio.Event()
        self.port = 0

    def service(self, details: Any) -> Any:
        name = details.method.rpartition("/")[2]
        if details.method.startswith("/tercet.sample.v1.BookService/") and hasattr(self, name):
            if name == "WatchBooks":
                return grpc.unary_stream_rpc_method_handler(self.WatchBooks)
            return grpc.unary_unary_rpc_method_handler(self._answer(name))
        if details.method == "/tercet.gateway.v1.PrincipalService/ResolvePrincipal":
            return grpc.unary_unary_rpc_method_handler(self.resolve)
        return None

    def _answer(self, name: str) -> Any:
        request_class = {
            "CreateBook": "CreateBookRequest",
            "GetBook": "GetBookRequest",
            "ListBooks": "ListBooksRequest",
        }
        request_class |= {
            "UpdateBook": "UpdateBookRequest",
            "DeleteBook": "DeleteBookRequest",
            "LendBook": "LendBookRequest",
        }
        kind = request_class.get(name, "ListBooksRequest")

        async def answer(body: bytes, context: Any) -> bytes:
            request = sample(kind).FromString(body)
            self.calls.append((name, dict(context.invocation_metadata()), request))
            self.remaining.append(context.time_remaining())
            if request.DESCRIPTOR.name == "CreateBookRequest" and self.goes(request.book.title):
                await context.abort(grpc.StatusCode.CANCELLED)
            try:
                reply = await getattr(self, name)(request)
            except Refusal as refusal:
                await abort(context, status_of(refusal))
            except ZeroDivisionError:
                await abort(context, fault_status("feed" * 8))
            return bytes(reply.SerializeToString())

        return answer

    def goes(self, title: str) -> bool:
        """Whether the service ends in the middle of this call: always, or the first time only."""
        seen = sum(1 for name, _, request in self.calls if name == "CreateBook" and request.book.title == title)
        return title == "gone" or (title == "goes once" and seen == 1)

    async def CreateBook(self, request: Any) -> Any:
        if request.book.title in REFUSALS:
            raise REFUSALS[request.book.title]
        if request.book.title == "broken":
            raise ZeroDivisionError
        if request.book.title == "crash":
            raise RuntimeError("secret inside")
        if request.book.title == "slow":
            await asyncio.Event().wait()
        book = request.book
        book.id = book.id or "0190a0a0-0000-7000-8000-000000000001"
        book.etag = "1"
        self.books[book.id] = book
        return book

    async def GetBook(self, request: Any) -> Any:
        if request.id not in self.books:
            raise BookNotFound(id=request.id)
        return self.books[request.id]

    async def ListBooks(self, request: Any) -> Any:
        if request.filter == "as JSON":
            return JsonReply({"books": [{"title": "红楼梦"}], "next_page_token": ""})
        return sample("ListBooksResponse")(books=list(self.books.values()), next_page_token=request.filter)

    async def ListNewBooks(self, request: Any) -> Any:
        return sample("ListBooksResponse")(next_page_token="new")

    async def UpdateBook(self, request: Any) -> Any:
        return request.book

    async def DeleteBook(self, request: Any) -> Any:
        self.books.pop(request.id, None)
        return Empty()

    async def LendBook(self, request: Any) -> Any:
        return sample("Book")(id=request.id, title=request.borrower, etag=request.etag)

    async def WatchBooks(self, body: bytes, context: Any) -> Any:
        request = sample("WatchBooksRequest").FromString(body)
        if request.resume_token == "refuse":
            await abort(context, status_of(NotYours()))
        try:
            for number in range(3):
                token = f"{request.resume_token}{number}"
                yield sample("BookLent")(
                    book=sample("Book")(title=f"书{number}"), resume_token=token
                ).SerializeToString()
            if request.resume_token == "fail":
                await abort(context, status_of(Closed()))
            if request.resume_token == "open":
                await asyncio.Event().wait()
        finally:
            self.watch_left.set()

    async def resolve(self, body: bytes, context: Any) -> bytes:
        request = principals.ResolvePrincipalRequest.FromString(body)
        kind = request.WhichOneof("credential")
        value = getattr(request, kind)
        self.resolved.append(f"{kind}:{value}")
        known = {"access_token:good", "access_token:other", "access_token:busy", "api_key:tk_good", "tenant_code:acme"}
        if f"{kind}:{value}" not in known:
            refusal = TenantNotFound() if kind == "tenant_code" else TokenInvalid(cause="expired")
            await abort(context, status_of(refusal))
        anonymous = kind == "tenant_code"
        answer = principals.ResolvePrincipalResponse(
            internal_token=f"internal-{value}",
            tenant_id="t1",
            principal_kind="ANONYMOUS" if anonymous else "USER",
            principal_id="" if anonymous else value,
            locale="zh-CN",
        )
        answer.expire_time.FromSeconds(int(time.time()) + 60)
        if value == "busy":
            answer.rate_limits.add(rate_class=options_pb2.RateClass.READ, per_minute=60, burst=2)
        return answer.SerializeToString()


async def start(library: Library) -> grpc.aio.Server:
    """Listens on a free port and says it is ready."""
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((library,))
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    await servicer.set("readiness", health_pb2.HealthCheckResponse.SERVING)
    library.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server
