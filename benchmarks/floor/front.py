"""The floor's FastAPI: `/echo` answers itself, `/grpc` asks the backend, `/insert` has it commit a row. `python -m
benchmarks.floor.front PORT BACKEND`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import uvicorn
from fastapi import FastAPI, Request, Response

_calls: dict[str, Any] = {}


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with grpc.aio.insecure_channel(sys.argv[2]) as channel:
        _calls["echo"], _calls["insert"] = channel.unary_unary("/floor/Echo"), channel.unary_unary("/floor/Insert")
        yield


app = FastAPI(lifespan=_lifespan)


@app.post("/echo")
async def echo(request: Request) -> Response:
    """HTTP alone."""
    return Response(await request.body())


@app.post("/grpc")
async def through_grpc(request: Request) -> Response:
    """HTTP and one call."""
    return Response(await _calls["echo"](await request.body()))


@app.post("/insert")
async def through_insert(request: Request) -> Response:
    """HTTP, one call and one committed row."""
    return Response(await _calls["insert"](await request.body()))


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
