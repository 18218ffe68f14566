"""Calls of one moment travel together, and each ends as it would have ended alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2, status_pb2

from support.bench.requests import contact
from tercet.chassis.v1.call_batch_pb2 import CallBatch
from tercet.sales.v1 import contact_service_pb2 as pb
from tercet_chassis import batching
from tercet_chassis.batching import MOST_CALLS, PATH, Line, answered
from tercet_chassis.errors import NotFound, Refusal, Unavailable
from tercet_chassis.status import remote_refusal, status_of
from tercet_chassis.testing import Client

_ECHO = "/test.Echo/Echo"


class Gone(NotFound):
    """Not there."""

    text = "It is not there."


class Away(Unavailable):
    """Away."""

    text = "It is away."


class Peer(grpc.GenericRpcHandler):
    """A service of another process: echoes, refuses what says so, and holds what says so until it is let go."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.released = asyncio.Event()
        self.batches, self.breaks = True, False

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        if handler_call_details.method == _ECHO:
            return grpc.unary_unary_rpc_method_handler(self._alone)
        if handler_call_details.method == PATH and self.batches:
            return grpc.unary_stream_rpc_method_handler(self._batch)
        return None

    async def _alone(self, body: bytes, _: Any) -> bytes:
        self.calls["alone"] += 1
        return body

    async def _batch(self, body: bytes, call: Any) -> AsyncIterator[bytes]:
        self.calls["batches"] += 1
        async for replies in answered(self._answer, body):
            yield replies
            if self.breaks:
                await call.abort(grpc.StatusCode.UNAVAILABLE, "the service went")

    async def _answer(
        self, path: str, body: bytes, metadata: Mapping[str, str], seconds: float
    ) -> bytes | status_pb2.Status:
        self.calls["together"] += 1
        if body == b"gone":
            return status_of(Gone())
        if body == b"away":
            return status_of(Away())
        if body == b"given up":
            raise asyncio.CancelledError
        if body == b"held":
            await self.released.wait()
        return body + metadata.get("who", "").encode()


@pytest.fixture
async def peer() -> Peer:
    return Peer()


@pytest.fixture
async def line(peer: Peer) -> AsyncIterator[Line]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((peer,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Line(channel)
    await server.stop(0)


async def echo(line: Line, body: bytes, who: str = "", seconds: float = 20.0) -> bytes:
    return await line.call(_ECHO, body, [("who", who)] if who else [], seconds)


async def test_calls_of_one_moment_are_one_call_and_each_gets_its_own_reply(peer: Peer, line: Line) -> None:
    replies = await asyncio.gather(*(echo(line, b"%d" % number, f"-{number}") for number in range(20)))
    assert replies == [b"%d-%d" % (number, number) for number in range(20)]
    assert peer.calls == {"batches": 1, "together": 20}


async def test_a_lone_call_and_a_large_one_go_by_themselves(peer: Peer, line: Line) -> None:
    large = b"x" * 100_000
    assert await echo(line, b"one") == b"one"
    assert await asyncio.gather(*(echo(line, large) for _ in range(3))) == [large] * 3
    assert peer.calls == {"alone": 4}


async def test_a_refusal_reaches_its_caller_alone_with_reason_and_text(line: Line) -> None:
    one, other, third = await asyncio.gather(
        echo(line, b"one"), echo(line, b"gone"), echo(line, b"third"), return_exceptions=True
    )
    assert (one, third) == (b"one", b"third")
    assert isinstance(other, grpc.aio.AioRpcError)
    refusal = remote_refusal(other)
    assert isinstance(refusal, Refusal)
    assert (other.code(), refusal.reason, refusal.message) == (
        grpc.StatusCode.NOT_FOUND, Gone().reason, "It is not there.",
    )  # fmt: skip


async def test_a_slow_call_holds_nobody_up(peer: Peer, line: Line) -> None:
    slow = asyncio.create_task(echo(line, b"held"))
    quick = asyncio.create_task(echo(line, b"quick"))
    assert await quick == b"quick"
    assert not slow.done()
    peer.released.set()
    assert await slow == b"held"
    assert peer.calls == {"batches": 1, "together": 2}


async def test_each_call_has_its_own_deadline(peer: Peer, line: Line) -> None:
    late, patient = (asyncio.create_task(echo(line, b"held", seconds=seconds)) for seconds in (0.05, 60.0))
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await late
    assert failed.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    peer.released.set()
    assert await patient == b"held"


async def test_what_a_broken_batch_left_open_is_asked_again_alone(peer: Peer, line: Line) -> None:
    peer.breaks = True
    replies = await asyncio.gather(*(echo(line, body) for body in (b"held", b"quick")))
    assert replies == [b"held", b"quick"]
    # The quick one had its reply already.
    assert peer.calls == {"batches": 1, "together": 2, "alone": 1}


async def test_what_may_pass_is_asked_again_alone(peer: Peer, line: Line) -> None:
    asked = b"away", b"quick", b"given up"
    assert await asyncio.gather(*(echo(line, body) for body in asked)) == list(asked)
    assert peer.calls == {"batches": 1, "together": 3, "alone": 2}


async def test_a_service_that_knows_no_batches_is_asked_one_by_one(peer: Peer, line: Line) -> None:
    peer.batches = False
    assert await asyncio.gather(*(echo(line, b"%d" % number) for number in range(3))) == [b"0", b"1", b"2"]
    assert peer.calls == {"alone": 3}


async def test_replies_that_are_too_much_for_one_message_come_in_several(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "_FULL", 10)
    replies = await asyncio.gather(*(echo(line, letter * 100) for letter in (b"a", b"b")))
    assert replies == [b"a" * 100, b"b" * 100]


async def test_a_batch_that_is_too_large_is_refused_and_what_is_no_unary_method_is_unknown(sut: Client) -> None:
    channel: Any = sut.running.together.channel(sut.running.runtime)
    many = CallBatch(calls=[CallBatch.Call(path=_ECHO, timeout_ms=1000)] * (MOST_CALLS + 1))
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await channel.unary_stream(PATH)(many.SerializeToString()).read()
    refusal = remote_refusal(failed.value)
    assert refusal is not None
    assert refusal.reason == "TOO_MANY_CALLS"
    line = Line(channel)
    ends = await asyncio.gather(*(line.call(path, b"", [], 20.0) for path in (_ECHO, PATH)), return_exceptions=True)
    codes = [end.code().value[0] for end in ends if isinstance(end, grpc.aio.AioRpcError)]
    assert codes == [code_pb2.UNIMPLEMENTED] * 2


async def test_each_call_of_a_batch_is_judged_by_its_own_identity(sut: Client) -> None:
    running = sut.running
    stranger = await running.tenant()
    made = await sut.CreateContact(pb.CreateContactRequest(contact=contact()))
    method = running.method("GetContact")
    request = pb.GetContactRequest(id=made.id).SerializeToString()
    line = Line(running.together.channel(running.runtime))
    tokens = [running.together.signer.token(client.principal) for client in (sut, stranger, sut)]
    ends = await asyncio.gather(
        *(line.call(method.path, request, [("authorization", f"Bearer {token}")], 20.0) for token in tokens),
        line.call(method.path, request, [], 20.0),
        return_exceptions=True,
    )
    codes = [end.code().name if isinstance(end, grpc.aio.AioRpcError) else "OK" for end in ends]
    assert codes == ["OK", "NOT_FOUND", "OK", "UNAUTHENTICATED"]
