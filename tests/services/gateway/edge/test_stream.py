"""Server-sent events over real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import orjson

from tercet_gateway.edge.contract import Contract
from tercet_gateway.edge.server import serve_http
from tercet_gateway.edge.settings import EdgeSettings

from .library import Library
from .sample_contract import sample_set


def events(text: str) -> list[dict[str, str]]:
    """The events of a stream as their fields; comments are left out."""
    parsed = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            parsed.append(dict(line.split(": ", 1) for line in lines))
    return parsed


async def test_each_message_is_an_event_and_the_end_is_told(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/books:watch", headers={"Last-Event-ID": "a"})
    assert answer.headers["content-type"] == "text/event-stream"
    *messages, end = events(answer.text)
    assert [item["id"] for item in messages] == ["a0", "a1", "a2"]
    assert [orjson.loads(item["data"])["book"]["title"] for item in messages] == ["书0", "书1", "书2"]
    assert end == {"event": "end", "data": "{}"}


async def test_refusal_before_the_first_message_is_a_plain_problem(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/books:watch?resume_token=refuse")
    assert (answer.status_code, answer.json()["reason"]) == (403, "NOT_YOURS")


async def test_refusal_in_the_middle_is_an_event(client: httpx2.AsyncClient) -> None:
    *_, last = events((await client.get("/v1/books:watch?resume_token=fail")).text)
    assert last["event"] == "problem"
    assert orjson.loads(last["data"])["reason"] == "CLOSED"


async def test_call_is_given_up_when_the_caller_hangs_up(client: httpx2.AsyncClient, library: Library) -> None:
    library.watch_left.clear()
    async with client.stream("GET", "/v1/books:watch?resume_token=open") as answer:
        async for line in answer.aiter_lines():
            if line == "id: open2":
                break
        assert not library.watch_left.is_set()
    await asyncio.wait_for(library.watch_left.wait(), 5)


async def test_stream_needs_a_credential(edge_url: str) -> None:
    async with httpx2.AsyncClient(base_url=edge_url) as stranger:
        assert (await stranger.get("/v1/books:watch")).status_code == 401


async def test_open_streams_end_when_the_server_stops(library: Library, keys: Path) -> None:
    here = f"127.0.0.1:{library.port}"
    settings = EdgeSettings(keys, {"sample": here, "gateway": here}, http_address="127.0.0.1:0")
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_http(settings, stop, contract=Contract.of(sample_set), started=port.set_result))
    address = f"http://127.0.0.1:{await port}"
    async with (
        httpx2.AsyncClient(base_url=address, headers={"Authorization": "Bearer good"}) as client,
        client.stream("GET", "/v1/books:watch?resume_token=open") as answer,
    ):
        lines = answer.aiter_lines()
        while await anext(lines) != "id: open2":
            continue
        stop.set()
        rest = [line async for line in lines]
    assert "event: end" not in rest
    await asyncio.wait_for(serving, 5)
