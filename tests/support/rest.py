"""The front door in tests: the real HTTP face of the gateway on a port of its own, and people who speak to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from support.gateway import PASSWORD, Company
from tercet_chassis.testing import Together
from tercet_gateway.edge.server import serve_http
from tercet_gateway.edge.settings import LIMITS, EdgeSettings, Limit


class Person:
    """Somebody who is signed in over REST."""

    def __init__(self, http: httpx2.AsyncClient, token: str) -> None:
        self.http, self.token = http, token

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        """The raw answer."""
        given = {"authorization": f"Bearer {self.token}"} if self.token else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, bytes):
            given.setdefault("content-type", "application/json")
            return await self.http.request(method, path, content=body, headers=given)
        return await self.http.request(method, path, json=body, headers=given)

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """The answer's content; fails the test when it is a refusal."""
        answer = await self.send(method, path, body, **headers)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return dict(answer.json()) if answer.content else {}

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Reads."""
        answer = await self.http.get(path, params=query, headers={"authorization": f"Bearer {self.token}"})
        assert answer.is_success, f"GET {path}: {answer.status_code} {answer.text}"
        return dict(answer.json())

    async def post(self, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> dict[str, Any]:
        """Does something."""
        return await self.call("POST", path, dict(body or {}), **headers)

    async def upload(self, service: str, name: str, content: bytes) -> str:
        """Sends a file; gives its id."""
        headers = {"authorization": f"Bearer {self.token}", "content-type": "text/csv"}
        answer = await self.http.post(f"/v1/{service}/files", params={"name": name}, content=content, headers=headers)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])


@asynccontextmanager
async def front_door(together: Together) -> AsyncIterator[httpx2.AsyncClient]:
    """The gateway's HTTP face before the services that run."""
    runtime = together.running["gateway"].runtime
    # The session's own map: a service that starts later is found too.
    limits = dict.fromkeys(LIMITS, Limit(0, 0))
    settings = EdgeSettings(together.keys, runtime.settings.peers, http_address="127.0.0.1:0", limits=limits)
    stop: asyncio.Event = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_http(settings, stop, started=port.set_result))
    either: set[asyncio.Future[Any]] = {serving, port}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        await serving
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port.result()}", timeout=60, trust_env=False) as http:
        yield http
    stop.set()
    await serving


async def signed_in(http: httpx2.AsyncClient, company: Company, email: str) -> Person:
    """A person with the tokens of a fresh session."""
    body = {"tenant": company.code, "email": email, "password": PASSWORD, "client": "tests"}
    answer = await http.post("/v1/sessions", json=body)
    assert answer.is_success, answer.text
    return Person(http, answer.json()["access_token"])
