"""Who somebody is, is asked again soon: a disabled user or a lost role must not go on for the life of a token."""

from __future__ import annotations

import time

import grpc

from tercet_gateway.edge.callers import Callers

from .library import Library, start


async def test_a_credential_is_looked_up_again_within_seconds() -> None:
    library = Library()
    server = await start(library)
    passed = [0.0]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{library.port}") as channel:
        callers = Callers(lambda: channel, lambda _: "system", lambda: time.time() + passed[0])
        for seconds, asked in ((0.0, 1), (10.0, 1), (16.0, 2), (20.0, 2), (40.0, 3)):
            passed[0] = seconds
            await callers.resolve("access_token", "good")
            assert len(library.resolved) == asked
    await server.stop(None)
