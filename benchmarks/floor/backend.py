"""The floor's gRPC server: echoes, or commits one row first. `python -m benchmarks.floor.backend PORT DSN`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import asyncpg
import grpc
import uvloop


class Floor(grpc.GenericRpcHandler):
    """`/floor/Echo` answers its bytes; `/floor/Insert` commits a row with them first."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler = {"/floor/Echo": self._echo, "/floor/Insert": self._insert}.get(handler_call_details.method)
        return grpc.unary_unary_rpc_method_handler(handler) if handler else None

    async def _echo(self, body: bytes, _: Any) -> bytes:
        return body

    async def _insert(self, body: bytes, _: Any) -> bytes:
        async with self._pool.acquire() as connection:
            await connection.execute("INSERT INTO floor (body) VALUES ($1)", body)
        return body


async def serve(port: int, dsn: str) -> None:
    """Serves until killed."""
    async with asyncpg.create_pool(dsn, min_size=10, max_size=10) as pool:
        await pool.execute(
            "CREATE TABLE IF NOT EXISTS floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea)"
        )
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((Floor(pool),))
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), sys.argv[2]))
