"""Somebody at the sample company who uses the API: signed in, with keys that make every step take effect once however
often it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID, uuid5

import httpx2

from tercet_local.cli.api import ApiRefused

TENANT = "sample"
PASSWORD = "Sample-2026-Tercet"
_STEPS = UUID("b9c6a1de-2f0f-5f52-8e60-4a7f52b3d1aa")
_TRIES = 40


def step_id(*parts: object) -> str:
    """The same id for the same step of the same run, always."""
    return str(uuid5(_STEPS, "/".join(str(part) for part in parts)))


class Person:
    """One signed-in user. A call that finds the system restarting waits and repeats with the same key."""

    def __init__(self, url: str, email: str, run: str) -> None:
        self.url, self.email, self.run = url, email, run
        self.user_id = self.unit_id = ""
        self._client = httpx2.AsyncClient(base_url=url, timeout=60, trust_env=False)
        self._token = ""

    async def sign_in(self) -> Person:
        """Signs in (again, when the token has run out)."""
        body = {"tenant": TENANT, "email": self.email, "password": PASSWORD, "client": "sample week"}
        answer = await self._send("POST", "/v1/sessions", body, {}, key="")
        self._token = answer["access_token"]
        if not self.user_id:
            user = (await self.get("/v1/me"))["user"]
            self.user_id, self.unit_id = user["id"], user["unit_id"]
        return self

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Reads."""
        return await self._call("GET", path, None, query, "")

    async def post(self, path: str, body: Mapping[str, Any], *key: object) -> dict[str, Any]:
        """Does something once: the key parts name the step."""
        return await self._call("POST", path, body, {}, step_id(self.run, path, *key) if key else "")

    async def patch(self, path: str, body: Mapping[str, Any], *key: object) -> dict[str, Any]:
        """Changes something once."""
        return await self._call("PATCH", path, body, {}, step_id(self.run, path, *key))

    async def put(self, path: str, body: Mapping[str, Any], *key: object) -> dict[str, Any]:
        """Sets something."""
        return await self._call("PUT", path, body, {}, step_id(self.run, path, *key))

    async def upload(self, service: str, name: str, content: bytes, media_type: str, *key: object) -> dict[str, Any]:
        """Sends a file to a service, once."""
        headers = {
            "authorization": f"Bearer {self._token}",
            "content-type": media_type,
            "idempotency-key": step_id(self.run, "upload", *key),
        }
        return await self._patiently(
            "POST", f"/v1/{service}/files", params={"name": name}, content=content, headers=headers
        )

    async def pages(self, path: str, collection: str, **query: Any) -> AsyncIterator[dict[str, Any]]:
        """Every resource of a list."""
        token = ""
        while True:
            page = await self.get(path, **query, page_token=token)
            for item in page[collection]:
                yield item
            token = page["next_page_token"]
            if not token:
                return

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.aclose()

    async def _call(self, method: str, path: str, body: Any, query: Mapping[str, Any], key: str) -> dict[str, Any]:
        try:
            return await self._send(method, path, body, query, key)
        except ApiRefused as refused:
            if refused.status != 401:
                raise
            await self.sign_in()
            return await self._send(method, path, body, query, key)

    async def _send(self, method: str, path: str, body: Any, query: Mapping[str, Any], key: str) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self._token}"} if self._token and path != "/v1/sessions" else {}
        if key:
            headers["idempotency-key"] = key
        given = {name: value for name, value in query.items() if value not in (None, "")}
        return await self._patiently(method, path, json=body, params=given, headers=headers)

    async def _patiently(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Sends, and sends again with the same key while the system is away or busy."""
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            try:
                response = await self._client.request(method, path, **request)
            except httpx2.TransportError:
                if last:
                    raise
            else:
                if last or not _passing(response):
                    return _answer(response)
            await asyncio.sleep(min(0.1 * 2**attempt, 2.0))
        raise AssertionError("unreachable")


async def once(person: Person, path: str, body: dict[str, Any], *key: object) -> dict[str, Any]:
    """Creates or does something, unless an earlier run did, in these words or others; then these are the answer."""
    try:
        return await person.post(path, body, *key)
    except ApiRefused as refused:
        if refused.status != 409 and refused.reason != "IDEMPOTENCY_KEY_REUSED":
            raise
        return body


def _passing(response: httpx2.Response) -> bool:
    """Whether waiting helps: the system is away, or the rate is; a quota that is used up is not."""
    if response.status_code == 429:
        return response.json().get("reason") in ("RATE_LIMITED", "SIGN_IN_THROTTLED")
    return response.status_code in (502, 503, 504)


def _answer(response: httpx2.Response) -> dict[str, Any]:
    content = response.json() if response.content else {}
    if response.is_error:
        raise ApiRefused(response.status_code, content)
    return dict(content)
