"""Whether a service is ready, asked as Kubernetes would: gRPC health, service name `readiness`."""

from __future__ import annotations

import asyncio

import grpc
from grpc_health.v1 import health_pb2

_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 250),
)


async def is_ready(address: str, timeout: float = 1.0) -> bool:
    """One question, one answer; a service that does not answer is not ready."""
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        return await _ask(channel, timeout)


async def until_ready(address: str) -> None:
    """Return once the service says SERVING. Waits for ever: the caller sets the limit."""
    host, port = address.rsplit(":", 1)
    while not await listens(host, int(port)):
        await asyncio.sleep(0.03)
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        while not await _ask(channel, 2.0):
            await asyncio.sleep(0.03)


async def _ask(channel: grpc.aio.Channel, timeout: float) -> bool:
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        answer = await check(health_pb2.HealthCheckRequest(service="readiness"), timeout=timeout)
    except grpc.aio.AioRpcError:
        return False  # not up yet, or going down
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def listens(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True
