"""One attempt: a signed POST to an address that was checked, ten seconds at most, redirects not followed."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import httpx2

from tercet_chassis.outbound import AddressForbidden, resolve
from tercet_gateway.webhooks.rules import signature

TIMEOUT = 10.0
AT_ONCE, AT_ONCE_EACH = 100, 4
_AGENT = "Tercet-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What to send."""

    url: str
    id: str
    body: bytes
    secrets: Sequence[str]
    allow_private: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went: the receiver's status if it answered, and what went wrong."""

    status: int | None
    error: str

    @property
    def taken(self) -> bool:
        """Whether the receiver took it."""
        return not self.error


class Sender:
    """Sends, not too many at once in all and to one webhook, so that a slow receiver delays itself only."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._own: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE_EACH))

    async def send(self, attempt: Attempt) -> Outcome:
        """Makes one attempt; what goes wrong is told, not raised."""
        async with self._own[attempt.url], self._slots:
            try:
                async with asyncio.timeout(TIMEOUT):
                    return await _post(attempt)
            except TimeoutError:
                return Outcome(None, f"no answer within {TIMEOUT:.0f} s")
            except AddressForbidden as forbidden:
                return Outcome(None, forbidden.message)
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ssl.SSLError) as fault:
                return Outcome(None, f"{type(fault).__name__}: {fault}")


async def _post(attempt: Attempt) -> Outcome:
    target = await resolve(attempt.url, allow_private=attempt.allow_private)
    timestamp = int(time.time())
    headers = {
        "host": target.host_header,
        "user-agent": _AGENT,
        "content-type": "application/json; charset=utf-8",
        "webhook-id": attempt.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            signature(secret, attempt.id, timestamp, attempt.body) for secret in attempt.secrets
        ),
    }
    # A connection of its own each time: kept ones are found by address, and one address may serve many names.
    async with (
        httpx2.AsyncClient(follow_redirects=False, trust_env=False, timeout=TIMEOUT) as client,
        client.stream(
            "POST", target.url, content=attempt.body, headers=headers, extensions={"sni_hostname": target.host}
        ) as response,
    ):
        status = response.status_code
    if 200 <= status < 300:
        return Outcome(status, "")
    if 300 <= status < 400:
        return Outcome(status, f"redirected by {status}; redirects are not followed, change the address")
    return Outcome(status, f"answered {status}")
