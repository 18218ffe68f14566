"""Health that is honest: alive, ready, and what each service says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from tercet_chassis.channels import Channels
from tercet_chassis.errors import Refusal

_PATH = "/grpc.health.v1.Health/Check"
_SECONDS = 2.0
_READINESS = "readiness"


class Health:
    """Asks peers for their readiness."""

    def __init__(self, own: str, peers: Mapping[str, str], channels: Channels) -> None:
        self._own, self._peers, self._channels = own, sorted(peers), channels

    async def report(self) -> tuple[int, dict[str, Any]]:
        """HTTP status and detail: 503 only when the gateway itself is down; without a peer it serves the others."""
        states = dict(zip(self._peers, await asyncio.gather(*map(self._ask, self._peers)), strict=True))
        degraded = sorted(name for name, state in states.items() if state != "SERVING" and name != self._own)
        own = states.get(self._own, "NOT_CONFIGURED")
        ready = own == "SERVING"
        status = "down" if not ready else "degraded" if degraded else "ready"
        return (200 if ready else 503), {"status": status, "services": states, "degraded": degraded}

    async def _ask(self, peer: str) -> str:
        try:
            call = self._channels.to(peer).unary_unary(
                _PATH,
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )
            answer = await call(health_pb2.HealthCheckRequest(service=_READINESS), timeout=_SECONDS)
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        except Refusal as refusal:
            return refusal.reason
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
