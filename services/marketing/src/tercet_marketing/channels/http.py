"""One HTTP exchange with a provider, and what it says about the message: taken, refused, later, or nobody can tell."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson

from tercet_chassis.outbound import AddressForbidden, resolve
from tercet_marketing.channels.contract import Later, Refused, Unclear

TIMEOUT = 10.0
_MOST_ANSWERED = 100_000
_AGENT = "Tercet-Channels/1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; an empty object when it is none."""
        try:
            return orjson.loads(self.body)
        except ValueError:
            return {}

    @property
    def words(self) -> str:
        """The status and the beginning of the body, for people."""
        return f"{self.status} {self.body[:200].decode('utf-8', 'replace')}".strip()


async def exchange(
    method: str,
    url: str,
    *,
    allow_private: bool,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    most: int = _MOST_ANSWERED,
) -> Answer:
    """One request. Raises `Refused` for an address that may not be called, `Later` while nothing can have reached the
    provider, `Unclear` when something may have.
    """
    try:
        target = await resolve(url, allow_private=allow_private)
    except AddressForbidden as forbidden:
        # A name that is not known now may be known later; an address in our own network never may.
        raise (Later if "not known" in forbidden.message else Refused)(forbidden.message) from forbidden
    sent = {"host": target.host_header, "user-agent": _AGENT, **(headers or {})}
    try:
        async with (
            httpx2.AsyncClient(follow_redirects=False, trust_env=False, timeout=TIMEOUT) as client,
            client.stream(
                method, target.url, content=body, headers=sent, extensions={"sni_hostname": target.host}
            ) as response,
        ):
            content = b""
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > most:
                    break
            return Answer(response.status_code, dict(response.headers), content)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.InvalidURL) as fault:
        raise Later(f"{type(fault).__name__}: {fault}") from fault
    except (httpx2.HTTPError, OSError, ssl.SSLError) as fault:
        raise Unclear(f"{type(fault).__name__}: {fault}") from fault


def judged(answer: Answer, *, once: bool) -> Answer:
    """The answer when the provider took the message. Raises what else it means: a provider that takes one id `once` may
    be asked again whatever went wrong on its side; of another nobody knows.
    """
    if 200 <= answer.status < 300:
        return answer
    if answer.status in (408, 425, 429, 503):
        raise Later(answer.words, seconds=_wait(answer))
    if answer.status >= 500:
        raise Later(answer.words) if once else Unclear(answer.words)
    raise Refused(answer.words)


def _wait(answer: Answer) -> float | None:
    told = answer.headers.get("retry-after", "")
    return min(float(told), 3600.0) if told.isdigit() else None
