"""Children: as whom they run, and what is said of one that cannot start."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from tercet_local.process import ended, spawn


@pytest.mark.skipif(os.geteuid() != 0, reason="only root need enter a namespace")
async def test_children_enter_a_namespace_while_calls_are_under_way() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        answered = asyncio.Event()
        calling = [asyncio.create_task(_call_for_ever(channel, answered)) for _ in range(8)]
        codes = []
        for _ in range(40):
            answered.clear()
            await answered.wait()  # calls go on between any two children
            codes.append(spawn(["true"], when_launcher_dies=signal.SIGKILL, identity="namespace:1").wait())
        for call in calling:
            call.cancel()
    await server.stop(0)
    assert codes == [0] * 40


@pytest.mark.parametrize(
    ("command", "identity", "code", "reason"),
    [("nothing-of-this-name", "same", 127, "nothing-of-this-name"), ("true", "namespace:-1", 126, "namespace:-1")],
)
async def test_a_child_that_cannot_start_says_why(
    tmp_path: Path, command: str, identity: str, code: int, reason: str
) -> None:
    with (tmp_path / "log").open("wb") as output:
        child = spawn([command], when_launcher_dies=signal.SIGKILL, identity=identity, output=output)
        assert await ended(child) == code
    assert f"cannot run {'as ' if code == 126 else ''}{reason}: " in (tmp_path / "log").read_text()


async def _call_for_ever(channel: grpc.aio.Channel, answered: asyncio.Event) -> None:
    while True:
        with pytest.raises(grpc.aio.AioRpcError):
            await cast(Any, channel.unary_unary("/tercet.Nobody/Nothing"))(b"")
        answered.set()
