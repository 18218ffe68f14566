"""Whatever is sent wrong over REST gets the right status, a reason and the field; no 500, and nothing half done."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx2
import pytest

from support.gateway import Company, found_company
from support.leads import mobile, person
from support.rest import Person, signed_in
from support.servers import Servers
from support.tables import rows_of
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Together

GOOD = {"full_name": "王芳", "mobile": mobile(1)}


def checked(answer: httpx2.Response, status: int, reason: str, field: str | None = None) -> dict[str, Any]:
    """The problem; fails unless it says what was expected."""
    problem = dict(answer.json())
    assert (answer.status_code, problem["reason"]) == (status, reason), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"]
    if field is not None:
        assert field in [violation["field"] for violation in problem["violations"]], answer.text
    return problem


@pytest.mark.parametrize(
    ("body", "status", "reason", "field"),
    [
        (b'{"full_name": ', 400, "BODY_NOT_JSON", None),
        (b'\xff\xfe{"full_name": "x"}', 400, "BODY_NOT_JSON", None),
        ({**GOOD, "nickname": "芳芳"}, 400, "UNKNOWN_FIELD", "nickname"),
        ({"full_name": 7}, 400, "WRONG_TYPE", "full_name"),
        ({**GOOD, "interests": "轿车"}, 400, "WRONG_TYPE", "interests"),
        ({}, 422, None, None),
        ({**GOOD, "full_name": "王" * 100_000}, 422, "REQUEST_INVALID", "full_name"),
        ({**GOOD, "id": "42"}, 422, "REQUEST_INVALID", "id"),
        ({**GOOD, "kind": "ROBOT"}, 400, "ENUM_VALUE_UNKNOWN", "kind"),
        ({**GOOD, "occur_time": "yesterday"}, 400, "TIMESTAMP_INVALID", "occur_time"),
        ({**GOOD, "longitude": 999}, 422, "REQUEST_INVALID", "longitude"),
        ({**GOOD, "custom": {"size": 7}}, 422, None, "custom.size"),
    ],
)
async def test_lead_that_cannot_be_taken_leaves_nothing(
    admin: Person, company: Company, servers: Servers, body: Any, status: int, reason: str | None, field: str | None
) -> None:
    before = await rows_of(servers, "leads", company.tenant_id)
    answer = await admin.send("POST", "/v1/leads", body)
    checked(answer, status, reason or answer.json()["reason"], field)
    assert await rows_of(servers, "leads", company.tenant_id) == before


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"mobile": "不告诉你"}, "mobile"),
        ({"email": "wang@@nowhere"}, "email"),
        ({"uscc": "91310000MA1FL0000X"}, "uscc"),
        ({"id_number": "11010519491231002Y"}, "id_number"),
    ],
)
async def test_bad_phone_or_code_is_taken_as_it_came_and_flagged(
    admin: Person, values: dict[str, str], code: str
) -> None:
    lead = await admin.post("/v1/leads", {"full_name": "李建国", "wechat": "lijianguo88", **values})
    assert [finding for finding in lead["findings"] if finding["field"] == code], lead["findings"]
    touches = await admin.get("/v1/touches", filter=f'lead_id = "{lead["id"]}"')
    assert touches["touches"][0]["raw"][code] == values[code], "the raw value stays"


async def test_unknown_source_is_taken_as_unknown_and_reported(admin: Person) -> None:
    lead = await admin.post("/v1/leads", {**GOOD, "source_code": "街边问卷"})
    assert lead["source_code"] == "unknown"
    unknown = await admin.get("/v1/sources:unknown")
    assert "街边问卷" in json.dumps(unknown, ensure_ascii=False)


async def test_one_key_with_another_body_is_refused(admin: Person, company: Company, servers: Servers) -> None:
    key = str(new_id())
    made = await admin.post("/v1/leads", GOOD, idempotency_key=key)
    assert await admin.post("/v1/leads", GOOD, idempotency_key=key) == made
    before = await rows_of(servers, "leads", company.tenant_id)
    other = {**GOOD, "full_name": "李娜"}
    answer = await admin.send("POST", "/v1/leads", other, idempotency_key=key)
    checked(answer, 422, "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key")
    assert await rows_of(servers, "leads", company.tenant_id) == before


async def test_stale_etag_and_illegal_moves_change_nothing(admin: Person, company: Company, servers: Servers) -> None:
    lead = await admin.post("/v1/leads", GOOD)
    path = f"/v1/leads/{lead['id']}"
    fresh = await admin.call("PATCH", path, {"job_title": "采购", "etag": lead["etag"]})
    before = await rows_of(servers, "leads", company.tenant_id)
    checked(await admin.send("PATCH", path, {"job_title": "经理", "etag": lead["etag"]}), 409, "ETAG_MISMATCH")
    checked(await admin.send("POST", f"{path}:convert", {}), 409, "LEAD_NOT_QUALIFIED", "id")
    checked(await admin.send("POST", f"{path}:reopen", {"reason": "再来"}), 409, "LEAD_NOT_CLOSED")
    assert await rows_of(servers, "leads", company.tenant_id) == before
    # What only the system says is passed over, so that what was read can be sent back as it is.
    await admin.call("PATCH", path, {"state": "CONVERTED", "etag": fresh["etag"]})
    assert (await admin.get(path))["state"] == "OPEN"


@pytest.mark.parametrize(
    ("query", "reason", "field"),
    [
        ({"filter": 'state = "OPEN'}, None, "filter"),
        ({"filter": "AND"}, None, "filter"),
        ({"filter": "nickname = 1"}, None, "filter"),
        ({"filter": "evidence = 1"}, None, "filter"),
        ({"order_by": "state sideways"}, None, "order_by"),
        ({"page_token": "made-up"}, "PAGE_TOKEN_INVALID", "page_token"),
        ({"page_size": "many"}, None, "page_size"),
        ({"page_size": "-1"}, None, "page_size"),
        ({"sort": "state"}, None, "sort"),
    ],
)
async def test_list_that_cannot_be_understood(
    admin: Person, query: dict[str, str], reason: str | None, field: str
) -> None:
    answer = await admin.http.get("/v1/leads", params=query, headers={"authorization": f"Bearer {admin.token}"})
    assert answer.status_code in (400, 422), answer.text
    checked(answer, answer.status_code, reason or answer.json()["reason"], field)


async def test_page_token_of_another_query_is_refused(admin: Person) -> None:
    for number in range(3):
        await admin.post("/v1/leads", {"full_name": person(number), "mobile": mobile(number)})
    page = await admin.get("/v1/leads", page_size=1)
    for other in ({"filter": "score > 1"}, {"order_by": "score desc"}, {"q": "王"}):
        query = {**other, "page_size": "1", "page_token": page["next_page_token"]}
        answer = await admin.http.get("/v1/leads", params=query, headers={"authorization": f"Bearer {admin.token}"})
        checked(answer, 422, "PAGE_TOKEN_INVALID", "page_token")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x00\x01\x02\x03" * 50, None),
        (b"", None),
        ("13812345678,王芳\n13912345678,李娜\n".encode(), "FILE_HAS_NO_HEADER"),
    ],
)
async def test_file_that_is_no_table_is_refused_and_brings_no_lead(
    admin: Person, company: Company, servers: Servers, content: bytes, reason: str | None
) -> None:
    answer = await admin.http.post(
        "/v1/leads/files",
        params={"name": "名单.csv"},
        content=content,
        headers={"authorization": f"Bearer {admin.token}", "content-type": "text/csv"},
    )
    if answer.is_success:
        answer = await admin.send("POST", "/v1/imports", {"file_id": answer.json()["id"]})
    assert 400 <= answer.status_code < 500, answer.text
    checked(answer, answer.status_code, reason or answer.json()["reason"])
    rows = await rows_of(servers, "leads", company.tenant_id)
    assert not rows["leads"]
    assert not rows["imports"]


async def test_file_in_another_encoding_with_a_formula_comes_in_harmless(admin: Person, together: Together) -> None:
    text = f"姓名;手机;备注\n王芳;{mobile(3)};=HYPERLINK(1)\n;;\n李娜;{mobile(4)};@SUM(1)\n"
    file_id = await admin.upload("leads", "名单.csv", text.encode("gb18030"))
    made = await admin.post("/v1/imports", {"file_id": file_id})
    assert (made["encoding"].lower(), made["delimiter"]) == ("gb18030", ";")
    await admin.post(f"/v1/imports/{made['id']}:run")
    await together.settled(30)
    leads = (await admin.get("/v1/leads"))["leads"]
    assert {lead["full_name"] for lead in leads} == {"王芳", "李娜"}
    assert not [lead for lead in leads if lead["remark"].startswith(("=", "@"))]


async def test_another_tenants_resources_are_not_there(
    admin: Person, door: httpx2.AsyncClient, together: Together
) -> None:
    stranger_company = await found_company(together_client(together))
    await together.settled(20)
    stranger = await signed_in(door, stranger_company, stranger_company.email)
    lead = await admin.post("/v1/leads", GOOD)
    path = f"/v1/leads/{lead['id']}"
    checked(await stranger.send("GET", path), 404, "RESOURCE_NOT_FOUND")
    checked(await stranger.send("PATCH", path, {"job_title": "经理"}), 404, "RESOURCE_NOT_FOUND")
    checked(await stranger.send("POST", f"{path}:qualify", {}), 404, "RESOURCE_NOT_FOUND")
    checked(await stranger.send("DELETE", path), 404, "RESOURCE_NOT_FOUND")
    assert not (await stranger.get("/v1/leads"))["leads"]
    page = await stranger.get(f"/v1/parties/{lead['party_id']}:overview")
    assert not page["leads"]
    assert (await admin.get(path))["etag"] == lead["etag"]


def together_client(together: Together) -> Any:
    from tercet_chassis.testing import Client, admin

    return Client(together.running["gateway"], admin(new_id()))


async def test_missing_forged_and_expired_tokens(admin: Person, company: Company) -> None:
    head, body, signature = admin.token.split(".") if admin.token.count(".") == 2 else ("", admin.token, "")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))) if signature else {}
    forged = base64.urlsafe_b64encode(json.dumps({**claims, "sub": str(new_id())}).encode()).decode().rstrip("=")
    tokens = {"": "CREDENTIAL_MISSING", "nonsense": "CREDENTIAL_INVALID"}
    if signature:
        tokens[f"{head}.{forged}.{signature}"] = "CREDENTIAL_INVALID"
    else:
        tokens[admin.token[:-2] + ("AA" if not admin.token.endswith("AA") else "BB")] = "CREDENTIAL_INVALID"
    for token, reason in tokens.items():
        answer = await Person(admin.http, token).send("POST", "/v1/leads", GOOD)
        checked(answer, 401, reason)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert not (await admin.get("/v1/leads"))["leads"]


async def test_missing_permission_is_named(admin: Person, door: httpx2.AsyncClient, company: Company) -> None:
    await company.user("agent@shangqi.example", "service_agent")
    agent = await signed_in(door, company, "agent@shangqi.example")
    problem = checked(await agent.send("POST", "/v1/products", {"code": "X", "name": "x"}), 403, "PERMISSION_MISSING")
    assert problem["metadata"]["permission"] == "sales.product.create"
    assert not (await admin.get("/v1/products"))["products"]
