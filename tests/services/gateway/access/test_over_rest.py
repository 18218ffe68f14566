"""The same over REST, as programs and people meet it: status, problem details, and nobody seeing more than they may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from support.gateway import PASSWORD, Company
from tercet_chassis.testing import Client
from tercet_gateway.edge.server import serve_http
from tercet_gateway.edge.settings import EdgeSettings


@pytest.fixture
async def web(gateway: Client) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody at the front door whom nobody knows."""
    settings = gateway.running.runtime.settings
    edge = EdgeSettings(settings.keys_dir, settings.peers, http_address="127.0.0.1:0")
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_http(edge, stop, started=port.set_result))
    await asyncio.wait({serving, port}, return_when=asyncio.FIRST_COMPLETED)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{await port}", timeout=20) as client:
        yield client
    stop.set()
    await serving


async def _sign_in(web: httpx2.AsyncClient, company: Company, email: str = "") -> dict[str, Any]:
    body = {"tenant": company.code, "email": email or company.email, "password": PASSWORD}
    answer = await web.post("/v1/sessions", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_sign_in_refresh_and_sign_out(web: httpx2.AsyncClient, company: Company) -> None:
    tokens = await _sign_in(web, company)
    me = await web.get("/v1/me", headers=_bearer(tokens["access_token"]))
    assert (me.status_code, me.json()["user"]["email"]) == (200, company.email)
    renewed = await web.post("/v1/sessions:refresh", json={"refresh_token": tokens["refresh_token"]})
    assert renewed.status_code == 200, renewed.text
    spent = await web.post("/v1/sessions:refresh", json={"refresh_token": tokens["refresh_token"]})
    assert (spent.status_code, spent.json()["reason"]) == (401, "REFRESH_TOKEN_SPENT")
    fresh = await _sign_in(web, company)
    ended = await web.post("/v1/sessions:end", json={"refresh_token": fresh["refresh_token"]})
    assert ended.status_code in (200, 204)


async def test_wrong_password_is_401_and_says_what_to_do(web: httpx2.AsyncClient, company: Company) -> None:
    body = {"tenant": company.code, "email": company.email, "password": "wrong-password"}
    answer = await web.post("/v1/sessions", json=body)
    assert answer.status_code == 401
    problem = answer.json()
    assert (problem["reason"], problem["status"]) == ("SIGN_IN_FAILED", 401)
    assert "check all three" in problem["detail"]


async def test_people_made_over_rest_see_what_their_roles_show(web: httpx2.AsyncClient, company: Company) -> None:
    admin = _bearer((await _sign_in(web, company))["access_token"])
    unit = {"code": "east", "name": "华东", "type": "REGION", "parent_id": company.root_id}
    made = await web.post("/v1/units", json=unit, headers=admin)
    assert (made.status_code, made.json()["zone"]) == (201, "Asia/Shanghai")
    user = {
        "email": "guo@shangqi.example", "display_name": "郭审计", "password": PASSWORD,
        "unit_id": made.json()["id"], "roles": [{"role_code": "auditor"}],
    }  # fmt: skip
    created = await web.post("/v1/users", json=user, headers=admin)
    assert created.status_code == 201, created.text
    assert created.json().get("password") is None
    auditor = _bearer((await _sign_in(web, company, "guo@shangqi.example"))["access_token"])
    shown = (await web.get("/v1/users", params={"order_by": "create_time"}, headers=auditor)).json()["users"]
    assert [found["display_name"] for found in shown] == ["王**", "郭**"]
    for answer, status, reason in (
        (await web.get("/v1/users", params={"filter": 'email:"guo"'}, headers=auditor), 422, "CONDITION_INVALID"),
        (await web.post("/v1/units", json=unit, headers=auditor), 403, "PERMISSION_MISSING"),
        (await web.post("/v1/units", json=unit, headers=admin), 409, "RESOURCE_ALREADY_EXISTS"),
        (await web.post("/v1/users", json={**user, "email": "no"}, headers=admin), 422, "REQUEST_INVALID"),
        (await web.get(f"/v1/users/{company.root_id}", headers=admin), 404, "RESOURCE_NOT_FOUND"),
    ):
        assert (answer.status_code, answer.json()["reason"]) == (status, reason), answer.text


async def test_a_party_is_shown_as_far_as_it_is_known(web: httpx2.AsyncClient, company: Company) -> None:
    admin = _bearer((await _sign_in(web, company))["access_token"])
    party = "018f0000-0000-7000-8000-000000000000"
    whole = await web.get(f"/v1/parties/{party}:overview", headers=admin)
    assert whole.status_code == 200, whole.text
    assert {part["part"] for part in whole.json()["missing"]} >= {"party"}
    timeline = await web.get(f"/v1/parties/{party}:timeline", params={"page_size": 5}, headers=admin)
    assert timeline.status_code == 200, timeline.text
    assert timeline.json().get("items", []) == []
    assert (await web.get(f"/v1/parties/{party}:overview")).status_code == 401


async def test_repeated_create_with_one_key_makes_one_unit(web: httpx2.AsyncClient, company: Company) -> None:
    admin = {**_bearer((await _sign_in(web, company))["access_token"]), "Idempotency-Key": "unit-1"}
    unit = {"code": "east", "name": "华东", "type": "REGION", "parent_id": company.root_id}
    first, second = [await web.post("/v1/units", json=unit, headers=admin) for _ in range(2)]
    assert (first.status_code, first.json()["id"]) == (second.status_code, second.json()["id"])
    other = await web.post("/v1/units", json={**unit, "code": "west"}, headers=admin)
    assert (other.status_code, other.json()["reason"]) == (422, "IDEMPOTENCY_KEY_REUSED")
