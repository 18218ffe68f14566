"""A small HTTP load generator: keep-alive connections on one loop, each sending its next request when the last is
answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """What a run measured: requests a second and latencies in milliseconds. `failed` counts answers outside 2xx."""

    rate: float
    p50: float
    p95: float
    p99: float
    count: int
    failed: int

    def __str__(self) -> str:
        return f"{self.rate:8.0f} req/s   p50 {self.p50:6.1f} ms   p99 {self.p99:6.1f} ms   failed {self.failed}"


Make = Callable[[int], tuple[str, str, bytes]]


async def run(
    address: str, make: Make, *, seconds: float, connections: int = 16, headers: Mapping[str, str] | None = None
) -> Result:
    """Sends requests for `seconds`; `make(number)` gives method, path and body of each."""
    host, _, port = address.partition(":")
    common = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    latencies: list[float] = []
    failed = 0
    number = 0
    end = time.perf_counter() + seconds

    async def connection() -> None:
        nonlocal failed, number
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            while time.perf_counter() < end:
                number += 1
                method, path, body = make(number)
                head = f"{method} {path} HTTP/1.1\r\nHost: {address}\r\n{common}"
                if body:
                    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                started = time.perf_counter()
                writer.write(head.encode() + b"\r\n" + body)
                status = await _answer(reader)
                latencies.append(time.perf_counter() - started)
                failed += not 200 <= status < 300
        finally:
            writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(connections)))
    took = time.perf_counter() - started
    latencies.sort()
    return Result(
        rate=len(latencies) / took,
        p50=latencies[len(latencies) // 2] * 1000,
        p95=latencies[int(len(latencies) * 0.95)] * 1000,
        p99=latencies[int(len(latencies) * 0.99)] * 1000,
        count=len(latencies),
        failed=failed,
    )


async def _answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head[9:12])
    at = head.find(b"content-length:")
    if at >= 0:
        await reader.readexactly(int(head[at + 15 : head.index(b"\r\n", at)]))
    return status
