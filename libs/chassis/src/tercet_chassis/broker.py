"""NATS JetStream as transport: a stream for each announcing service, acknowledged publishing, durable consumers."""

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
ACK_WAIT = 30.0
# Events that wait for their next try count as pending; too few of these would let them block the others.
MOST_PENDING = 50_000
_TAKEN_WITHIN = 10.0


def stream_name(service: str) -> str:
    """`service-desk` -> `TERCET_SERVICEDESK`."""
    return f"TERCET_{service.replace('-', '').upper()}"


class Broker:
    """One connection that reconnects for ever; publishing and fetching meanwhile wait, or fail and are tried again."""

    def __init__(self, url: str, name: str, *, replicas: int, max_bytes: int) -> None:
        self._url, self._name, self._replicas, self._max_bytes = url, name, replicas, max_bytes
        self._client: Client | None = None
        self._jetstream: JetStreamContext | None = None
        self.reconnections = 0

    async def connect(self) -> None:
        """Connects, waiting for the server as long as it takes."""

        async def quiet(*_: Any) -> None:
            return

        async def reconnected() -> None:
            self.reconnections += 1
            log.info("broker.reconnected", times=self.reconnections)

        self._client = await nats.connect(
            self._url,
            name=self._name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.25,
            allow_reconnect=True,
            error_cb=quiet,
            disconnected_cb=quiet,
            reconnected_cb=reconnected,
            closed_cb=quiet,
            ping_interval=10,
            max_outstanding_pings=3,
        )
        self._jetstream = self._client.jetstream(publish_async_max_pending=4000)

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
        futures: list[asyncio.Future[Any]] = []
        try:
            async with asyncio.timeout(_TAKEN_WITHIN):
                for subject, payload, headers in messages:
                    futures.append(await self.jetstream.publish_async(subject, payload, headers=dict(headers)))
                await asyncio.wait(futures)
        except Exception as fault:
            log.warning("publish.interrupted", cause=repr(fault))
        taken = [f.done() and not f.cancelled() and f.exception() is None for f in futures]
        for future in futures:
            # An abandoned future would keep its place in the client's window for ever.
            future.cancel()
        if not all(taken) or len(taken) < len(messages):
            log.warning("publish.incomplete", taken=sum(taken), of=len(messages))
        return taken + [False] * (len(messages) - len(taken))

    async def subscription(
        self, source: str, durable: str, subjects: Sequence[str]
    ) -> JetStreamContext.PullSubscription:
        """A pull subscription to just these subjects of another service; makes or updates the durable consumer."""
        await self.ensure_stream(source)
        config = ConsumerConfig(
            durable_name=durable,
            filter_subjects=sorted(subjects),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            max_deliver=-1,
            max_ack_pending=MOST_PENDING,
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
