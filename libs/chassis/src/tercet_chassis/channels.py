"""One channel to each other service, opened on first use."""

from __future__ import annotations

import json
from collections.abc import Mapping

import grpc

from tercet_chassis.batching import Line, Metadata
from tercet_chassis.errors import Unavailable

_RETRIES = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.05s",
                "maxBackoff": "1s",
                "backoffMultiplier": 3,
                # A service that goes cancels what it could not end; every write has its key.
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ],
    "loadBalancingConfig": [{"round_robin": {}}],
}
CHANNEL_OPTIONS = [
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", 8 << 20),
    # While pods are replaced one after the other, their names change their meaning more often than each 30 s.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ("grpc.service_config", json.dumps(_RETRIES)),
]


class ServiceUnavailable(Unavailable):
    """Another service did not answer."""

    text = "The service {service} does not answer just now ({cause}); try again in a moment."


class Channels:
    """One channel for each peer, opened on first use."""

    def __init__(self, peers: Mapping[str, str]) -> None:
        self._peers = peers
        self._open: dict[str, grpc.aio.Channel] = {}
        self._lines: dict[str, Line] = {}

    def to(self, service: str) -> grpc.aio.Channel:
        """The channel to a peer; refuses one that the settings do not name."""
        if service not in self._open:
            if service not in self._peers:
                raise ServiceUnavailable(service=service, cause="it is not in TERCET_PEERS")
            self._open[service] = grpc.aio.insecure_channel(f"dns:///{self._peers[service]}", options=CHANNEL_OPTIONS)
        return self._open[service]

    async def call(self, service: str, path: str, request: bytes, metadata: Metadata, seconds: float) -> bytes:
        """A unary call as bytes, together with others of the same moment; raises AioRpcError."""
        line = self._lines.get(service)
        if line is None:
            line = self._lines[service] = Line(self.to(service))
        return await line.call(path, request, metadata, seconds)

    async def close(self) -> None:
        """Closes all."""
        for channel in self._open.values():
            await channel.close()
