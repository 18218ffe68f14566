"""Through the front door of the real gateway to the real leads service: HTTP, gRPC, PostgreSQL, NATS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx2
import pytest

from support.gateway import PASSWORD, Company, found_company
from tercet_chassis.testing import Client
from tercet_gateway.edge.server import serve_http
from tercet_gateway.edge.settings import EdgeSettings


@pytest.fixture
async def company(gateway: Client, leads: Client) -> Company:
    """A tenant that both services know."""
    company = await found_company(gateway)
    await company.admin.settled()
    return company


@pytest.fixture
async def door(gateway: Client) -> AsyncIterator[str]:
    """The address of the real edge, run as the gateway's process runs it."""
    settings = gateway.running.runtime.settings
    edge = EdgeSettings(settings.keys_dir, settings.peers, http_address="127.0.0.1:0")
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_http(edge, stop, started=port.set_result))
    await asyncio.wait({serving, port}, return_when=asyncio.FIRST_COMPLETED)
    yield f"http://127.0.0.1:{await port}"
    stop.set()
    await serving


@pytest.fixture
async def admin(door: str, company: Company) -> AsyncIterator[httpx2.AsyncClient]:
    """The company's administrator, signed in over REST."""
    async with httpx2.AsyncClient(base_url=door, timeout=20) as client:
        body = {"tenant": company.code, "email": company.email, "password": PASSWORD}
        answer = await client.post("/v1/sessions", json=body)
        assert answer.status_code == 201, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


async def test_a_lead_is_created_read_changed_and_listed(admin: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    body = {"full_name": "王芳", "mobile": "139 0671 1832"}
    created = await admin.post("/v1/leads", json=body, headers=key)
    assert created.status_code == 201, created.text
    lead = created.json()
    assert (lead["full_name"], lead["state"]) == ("王芳", "OPEN")
    again = await admin.post("/v1/leads", json=body, headers=key)
    assert again.json() == lead
    other = await admin.post("/v1/leads", json={"full_name": "李雷"}, headers=key)
    assert (other.status_code, other.json()["reason"]) == (422, "IDEMPOTENCY_KEY_REUSED")

    read = await admin.get(created.headers["location"])
    assert read.json()["id"] == lead["id"]
    changed = await admin.patch(
        f"/v1/leads/{lead['id']}", json={"full_name": "王芳芳"}, headers={"If-Match": read.headers["etag"]}
    )
    assert (changed.status_code, changed.json()["full_name"]) == (200, "王芳芳")
    stale = await admin.patch(
        f"/v1/leads/{lead['id']}", json={"full_name": "x"}, headers={"If-Match": read.headers["etag"]}
    )
    assert (stale.status_code, stale.json()["reason"]) == (409, "ETAG_MISMATCH")
    listed = await admin.get("/v1/leads?page_size=5&count=true")
    assert [item["id"] for item in listed.json()["leads"]] == [lead["id"]]
    assert listed.json()["total_size"] == 1


async def test_bad_requests_are_refused_with_status_reason_and_field(admin: httpx2.AsyncClient) -> None:
    long = await admin.post("/v1/leads", json={"full_name": "王" * 5000})
    assert long.status_code == 422
    assert "full_name" in [item["field"] for item in long.json()["violations"]]
    for path, status, reason in (
        ("/v1/leads/0190a0a0-0000-7000-8000-000000000001", 404, None),
        ("/v1/leads/not-an-id", 422, "REQUEST_INVALID"),
        ("/v1/leads?filter=%28%28", 422, None),
        ("/v1/leads?page_token=stolen", 422, "PAGE_TOKEN_INVALID"),
    ):
        answer = await admin.get(path)
        assert answer.status_code == status, (path, answer.text)
        assert reason in (None, answer.json()["reason"])


async def test_nobody_gets_in_without_a_credential(door: str, company: Company) -> None:
    async with httpx2.AsyncClient(base_url=door) as stranger:
        assert (await stranger.get("/v1/leads")).status_code == 401
        forged = await stranger.get("/v1/leads", headers={"Authorization": "Bearer a.b.c"})
        assert forged.status_code == 401
        wrong = await stranger.post(
            "/v1/sessions", json={"tenant": company.code, "email": company.email, "password": "wrong-password-1"}
        )
        assert wrong.status_code == 401


async def test_common_methods_are_served_under_each_services_name(admin: httpx2.AsyncClient) -> None:
    for service in ("leads", "gateway"):
        answer = await admin.get(f"/v1/{service}/operations")
        assert (answer.status_code, answer.json()["operations"]) == (200, []), answer.text
    absent = await admin.get("/v1/sales/operations")
    assert absent.status_code in (200, 404)


async def test_health_names_what_runs(admin: httpx2.AsyncClient) -> None:
    answer = await admin.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["services"]["leads"] == "SERVING"


async def test_a_file_goes_in_and_comes_out(admin: httpx2.AsyncClient) -> None:
    content = "姓名,电话\n王芳,13812345678\n".encode() * 20_000
    stored = await admin.post("/v1/leads/files?name=线索.csv", content=content, headers={"Content-Type": "text/csv"})
    assert stored.status_code == 201, stored.text
    assert (stored.json()["name"], stored.json()["size"]) == ("线索.csv", len(content))
    got = await admin.get(f"{stored.headers['location']}/content")
    assert got.content == content
    assert got.headers["content-disposition"].startswith("attachment")
    missing = await admin.get("/v1/leads/files/0190a0a0-0000-7000-8000-000000000001/content")
    assert missing.status_code == 404, missing.text
    unnamed = await admin.post("/v1/leads/files", content=b"x")
    assert (unnamed.status_code, unnamed.json()["reason"]) == (400, "NAME_MISSING")


async def test_a_tracked_link_that_is_not_there_says_so(
    door: str, company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    async with httpx2.AsyncClient(base_url=door) as visitor:
        assert (await visitor.get(f"/t/{company.code}/none")).status_code == 410
        assert (await visitor.get("/t/nobody-here/none")).status_code == 404
    assert "Exception in ASGI application" not in caplog.text, "a refusal is no fault"


async def test_a_tracked_link_counts_and_sends_on(admin: httpx2.AsyncClient, door: str, company: Company) -> None:
    source = await admin.post("/v1/sources", json={"code": "expo", "display_name": "车展", "kind": "OFFLINE_EVENT"})
    assert source.status_code == 201, source.text
    body = {"display_name": "展台", "source_code": "expo", "target_url": "https://shangqi.example/form"}
    placement = (await admin.post("/v1/placements", json=body)).json()
    async with httpx2.AsyncClient(base_url=door) as visitor:
        sent = await visitor.get(f"/t/{company.code}/{placement['short_code']}")
    assert (sent.status_code, sent.headers["location"].split("?")[0]) == (302, "https://shangqi.example/form"), (
        sent.text
    )
    assert (await admin.get(f"/v1/placements/{placement['id']}")).json()["scan_count"] == 1


async def test_a_program_comes_in_by_its_key(admin: httpx2.AsyncClient, door: str) -> None:
    made = await admin.post("/v1/api-keys", json={"name": "ERP", "role_code": "admin", "scopes": ["leads.lead.read"]})
    assert made.status_code == 201, made.text
    key = made.json()["secret"]
    async with httpx2.AsyncClient(base_url=door) as program:
        for headers in ({"Tercet-Api-Key": key}, {"Authorization": f"Bearer {key}"}):
            assert (await program.get("/v1/leads", headers=headers)).status_code == 200
        barred = await program.post("/v1/leads", json={"full_name": "王芳"}, headers={"Tercet-Api-Key": key})
        assert (barred.status_code, barred.json()["reason"]) == (403, "PERMISSION_MISSING")
        wrong = await program.get("/v1/leads", headers={"Tercet-Api-Key": f"{key[:-1]}?"})
        assert wrong.status_code == 401


async def test_patch_leaves_the_rest_of_a_nested_message_alone(admin: httpx2.AsyncClient) -> None:
    body = {
        "code": "fair",
        "display_name": "糖酒会",
        "kind": "OFFLINE_EVENT",
        "cost": {"currency_code": "CNY", "amount": "1000"},
    }
    source = (await admin.post("/v1/sources", json=body)).json()
    changed = await admin.patch(f"/v1/sources/{source['id']}", json={"cost": {"amount": "1200.50"}})
    assert changed.status_code == 200, changed.text
    assert changed.json()["cost"] == {"currency_code": "CNY", "amount": "1200.50"}
    whole = await admin.patch(f"/v1/sources/{source['id']}", json={**changed.json(), "display_name": "糖酒会 2026"})
    assert (whole.status_code, whole.json()["display_name"]) == (200, "糖酒会 2026"), whole.text
    cleared = await admin.patch(f"/v1/sources/{source['id']}", json={"cost": None})
    assert (cleared.status_code, cleared.json()["cost"]) == (200, None), cleared.text


async def test_a_busy_caller_is_asked_to_hang_up_before_the_server_goes(gateway: Client) -> None:
    settings = gateway.running.runtime.settings
    edge = EdgeSettings(settings.keys_dir, settings.peers, http_address="127.0.0.1:0")
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_http(edge, stop, started=port.set_result))
    reader, writer = await asyncio.open_connection("127.0.0.1", await port)
    answers: list[bytes] = []
    while not answers or b"connection: close" not in answers[-1]:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))
        answers.append(head)
        stop.set()
    assert all(answer.startswith(b"http/1.1 200") for answer in answers)
    assert await reader.read() == b""
    writer.close()
    await serving
