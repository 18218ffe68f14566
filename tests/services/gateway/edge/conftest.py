"""The edge over real sockets: HTTP in front, the sample service behind."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tercet_chassis.tokens import make_keys
from tercet_gateway.edge.contract import Contract
from tercet_gateway.edge.server import serve_http
from tercet_gateway.edge.settings import EdgeSettings

from .library import Library, start
from .sample_contract import sample_set


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_keys(["gateway"], folder)
    return folder


@pytest.fixture(scope="session")
def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="session")
async def library() -> AsyncIterator[Library]:
    library = Library()
    server = await start(library)
    yield library
    await server.stop(0)


@pytest.fixture(scope="session")
async def edge_url(library: Library, keys: Path, closed_port: int) -> AsyncIterator[str]:
    here = f"127.0.0.1:{library.port}"
    settings = EdgeSettings(
        keys, {"sample": here, "gateway": here, "absent": f"127.0.0.1:{closed_port}"}, http_address="127.0.0.1:0",
        body_limit=100_000, cors_origins=frozenset({"https://app.example"}),
    )  # fmt: skip
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_http(settings, stop, contract=Contract.of(sample_set), started=port.set_result))
    await asyncio.wait({serving, port}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        await serving
    yield f"http://127.0.0.1:{await port}"
    stop.set()
    await serving


@pytest.fixture
async def client(edge_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A caller who is signed in."""
    async with httpx2.AsyncClient(base_url=edge_url, headers={"Authorization": "Bearer good"}, timeout=15) as client:
        yield client
