"""NATS JetStream as transport: a stream for each announcing service, publish with acknowledgement, pull by a durable consumer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import nats
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

log = structlog.get_logger(__name__)

MAX_AGE = timedelta(days=14)
DUPLICATE_WINDOW = timedelta(minutes=10)
MAX_DELIVER = -1
ACK_WAIT = 30.0


def stream_name(service: str) -> str:
    """`service-desk` -> `TERCET_SERVICEDESK`."""
    return f"TERCET_{service.replace('-', '').upper()}"


class Broker:
    """One connection that reconnects for ever; whoever publishes or fetches meanwhile waits or fails and tries again."""

    def __init__(self, url: str, name: str, *, replicas: int, max_bytes: int) -> None:
        self._url, self._name, self._replicas, self._max_bytes = url, name, replicas, max_bytes
        self._client: Client | None = None
        self._jetstream: JetStreamContext | None = None

    async def connect(self) -> None:
        """Connects, waiting for the server as long as it takes."""

        async def quiet(*_: Any) -> None:
            return

        self._client = await nats.connect(
            self._url,
            name=self._name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.25,
            allow_reconnect=True,
            error_cb=quiet,
            disconnected_cb=quiet,
            reconnected_cb=quiet,
            closed_cb=quiet,
            ping_interval=10,
            max_outstanding_pings=3,
        )
        self._jetstream = self._client.jetstream(publish_async_max_pending=1000)

    @property
    def connected(self) -> bool:
        """Whether the server is reached just now."""
        return self._client is not None and self._client.is_connected

    @property
    def jetstream(self) -> JetStreamContext:
        """The JetStream context; a programming error before `connect`."""
        if self._jetstream is None:
            raise RuntimeError("the broker is not connected")
        return self._jetstream

    async def ensure_stream(self, service: str) -> None:
        """Makes or updates the stream that holds a service's events."""
        config = StreamConfig(
            name=stream_name(service),
            subjects=[f"tercet.{service.replace('-', '')}.>"],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_age=MAX_AGE.total_seconds(),
            max_bytes=self._max_bytes,
            duplicate_window=DUPLICATE_WINDOW.total_seconds(),
            num_replicas=self._replicas,
        )
        try:
            await self.jetstream.stream_info(config.name or "")
            await self.jetstream.update_stream(config)
        except NotFoundError:
            await self.jetstream.add_stream(config)

    async def publish(self, messages: Sequence[tuple[str, bytes, Mapping[str, str]]]) -> list[bool]:
        """Publishes in order without waiting in between; tells for each whether the server has taken it."""
        futures = [
            await self.jetstream.publish_async(subject, payload, headers=dict(headers))
            for subject, payload, headers in messages
        ]
        results = await asyncio.gather(
            *(asyncio.wait_for(asyncio.shield(f), 10) for f in futures), return_exceptions=True
        )
        failed = [result for result in results if isinstance(result, BaseException)]
        if failed:
            log.warning("publish.incomplete", failed=len(failed), of=len(results), cause=repr(failed[0]))
        return [not isinstance(result, BaseException) for result in results]

    async def subscription(
        self, source: str, durable: str, subjects: Sequence[str]
    ) -> JetStreamContext.PullSubscription:
        """A pull subscription on another service's stream for just these subjects; makes or updates the durable consumer."""
        await self.ensure_stream(source)
        config = ConsumerConfig(
            durable_name=durable,
            filter_subjects=sorted(subjects),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            max_deliver=MAX_DELIVER,
            max_ack_pending=1000,
            deliver_policy=DeliverPolicy.ALL,
        )
        await self.jetstream.add_consumer(stream_name(source), config)
        return await self.jetstream.pull_subscribe_bind(durable=durable, stream=stream_name(source))

    async def pending(self, source: str, durable: str) -> int:
        """Messages that the durable consumer has not finished with."""
        info = await self.jetstream.consumer_info(stream_name(source), durable)
        return int(info.num_pending or 0) + int(info.num_ack_pending or 0)

    async def close(self) -> None:
        """Ends the connection."""
        if self._client is not None and not self._client.is_closed:
            await self._client.close()
