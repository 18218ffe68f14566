"""A messy lead's way to a first order, over REST through the five real services, and what happens when one is away."""

from __future__ import annotations

from typing import Any

import pytest

from support.gateway import Company
from support.leads import mobile, person
from support.rest import Person
from support.servers import Servers
from support.services import away
from support.tables import rows_of
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Together, eventually

from .conftest import SERVICES

BOOK = {"code": "list", "name": "标准价", "currency_code": "CNY", "active": True, "start_date": "2025-01-01"}
PRODUCT = {"code": "T-100", "name": "智能终端", "unit_of_measure": "台", "active": True, "tax_percent": "13"}
PRICE = {"price_book_code": "list", "product_code": "T-100", "min_quantity": "1", "start_date": "2025-01-01"}


async def sell_terminals(admin: Person) -> None:
    await admin.post("/v1/products", PRODUCT)
    await admin.post("/v1/price-books", BOOK)
    await admin.post("/v1/prices", {**PRICE, "unit_price": {"currency_code": "CNY", "amount": "1280.00"}})


async def make_qualified(admin: Person, company: Company, number: int, **values: Any) -> dict[str, Any]:
    body = {"full_name": person(number), "mobile": mobile(number), "unit_id": company.root_id, **values}
    lead = await admin.post("/v1/leads", body)
    return await admin.post(f"/v1/leads/{lead['id']}:qualify", {"reason": "要报价"})


async def test_a_messy_lead_becomes_a_first_order(
    admin: Person, company: Company, together: Together, servers: Servers
) -> None:
    await sell_terminals(admin)
    employee = {
        "user_id": company.admin_id,
        "unit_id": company.root_id,
        "display_name": "王管理",
        "territories": ["上海市"],
        "capacity": 50,
        "active": True,
    }
    await admin.post("/v1/employees", employee)
    rule = {"code": "all", "display_name": "轮流", "priority": 1, "strategy": "ROUND_ROBIN", "active": True}
    await admin.post("/v1/assignment-rules", rule)
    await together.settled(20)

    messy = {
        "full_name": " 王  芳女士 ",
        "mobile": "０1３8-6712 3459（同微信）",
        "city": "上海市",
        "source_code": "官网表单",
    }
    lead = await admin.post("/v1/leads", {**messy, "source_code": "官网表单"})
    assert (lead["mobile"], lead["full_name"]) == ("+8613867123459", "王芳")
    assert lead["owner_id"] == company.admin_id, "assigned to the seller whom the gateway announced"
    assert lead["score"] > 0
    assert lead["party_id"]
    again = await admin.post("/v1/leads", {"full_name": "王芳", "mobile": "+86 138 6712 3459", "remark": "又来了"})
    assert (again["id"], again["touch_count"]) == (lead["id"], 2)

    await admin.post(f"/v1/leads/{lead['id']}:recordContact")
    await admin.post(f"/v1/leads/{lead['id']}:qualify", {"reason": "要报价"})
    converted = await admin.post(f"/v1/leads/{lead['id']}:convert", {"opportunity_name": "终端一批"})
    assert converted["state"] == "CONVERTED"
    body = {
        "title": "终端一批",
        "customer_id": converted["customer_id"],
        "opportunity_id": converted["opportunity_id"],
        "currency_code": "CNY",
        "lines": [{"product_code": "T-100", "quantity": "2"}],
        "valid_until_date": "2099-12-31",
    }
    quote = await admin.post("/v1/quotes", body)
    assert quote["total"]["amount"].startswith("2")
    await admin.post(f"/v1/quotes/{quote['id']}:send")
    await admin.post(f"/v1/quotes/{quote['id']}:accept")
    order = {name: body[name] for name in ("customer_id", "opportunity_id", "currency_code", "lines")}
    made = await admin.post("/v1/orders", {**order, "quote_id": quote["id"]})
    order = await admin.post(f"/v1/orders/{made['id']}:confirm")
    await admin.post("/v1/payments", {"order_id": order["id"], "amount": order["total"], "method_code": "bank"})
    await admin.post(f"/v1/opportunities/{converted['opportunity_id']}:win")
    ticket = {"subject": "不会开机", "identity_id": lead["identity_id"], "party_id": lead["party_id"]}
    ticket = await admin.post("/v1/tickets", ticket)
    await together.settled(20)

    paid = await admin.get(f"/v1/orders/{order['id']}")
    assert paid["paid_total"] == paid["total"]
    profile = await admin.get("/v1/profiles:byParty", party_id=lead["party_id"])
    assert (profile["order_count"], profile["party_id"]) == (1, lead["party_id"])
    told = await _told(together, company, "sales")
    assert told.count("tercet.sales.first_order.placed.v1") == 1
    assert "tercet.sales.customer_value.changed.v1" in told
    page = await admin.get(f"/v1/parties/{lead['party_id']}:overview")
    assert page["missing"] == []
    assert [found["id"] for found in page["leads"]] == [lead["id"]]
    assert [found["id"] for found in page["customers"]] == [converted["customer_id"]]
    assert [found["id"] for found in page["orders"]] == [order["id"]]
    assert [found["id"] for found in page["tickets"]] == [ticket["id"]]


async def _told(together: Together, company: Company, service: str) -> list[str]:
    from sqlalchemy import select

    from tercet_chassis.tables import outbox

    async with together.running[service].runtime.database.connection() as connection:
        query = select(outbox.c.subject).where(outbox.c.tenant_id == company.tenant_id)
        return list((await connection.execute(query)).scalars())


async def test_merge_reaches_every_service_and_unmerge_leaves_no_trace(
    admin: Person, company: Company, together: Together, servers: Servers
) -> None:
    leads = []
    for number in (11, 12):
        lead = await make_qualified(admin, company, number)
        leads.append(await admin.post(f"/v1/leads/{lead['id']}:convert"))
        ticket = {"subject": "刹车异响", "identity_id": lead["identity_id"], "party_id": lead["party_id"]}
        await admin.post("/v1/tickets", ticket)
    await together.settled(20)
    before = {name: await rows_of(servers, name, company.tenant_id) for name in SERVICES}
    kept, other = (lead["party_id"] for lead in leads)
    assert kept != other

    decision = await admin.post(f"/v1/parties/{kept}:merge", {"other_party_ids": [other], "reason": "同一人"})
    await together.settled(20)
    for path, collection in (("leads", "leads"), ("customers", "customers"), ("tickets", "tickets")):
        answer = await admin.get(f"/v1/{path}")
        assert {row["party_id"] for row in answer[collection]} == {kept}, path
    assert {row["party_id"] for row in (await admin.get("/v1/profiles"))["profiles"]} == {kept}
    for name in SERVICES:
        async with together.running[name].runtime.database.connection() as connection:
            from sqlalchemy import select

            from tercet_chassis.tables import party_links

            query = select(party_links.c.party_id).where(party_links.c.tenant_id == company.tenant_id)
            assert [str(party) for party in (await connection.execute(query)).scalars()] == [kept], name

    # One of the two customers that the unit now has of the party goes into the other, and comes out with the party.
    first, second = (lead["customer_id"] for lead in leads)
    double = await admin.get("/v1/customers", filter="duplicate_of_id:*")
    assert [(row["id"], row["duplicate_of_id"]) for row in double["customers"]] == [(second, first)]
    await admin.post(f"/v1/customers/{first}:merge", {"other_id": second, "reason": "同一人"})
    assert [row["id"] for row in (await admin.get("/v1/customers"))["customers"]] == [first]
    deals = (await admin.get("/v1/opportunities"))["opportunities"]
    assert {row["customer_id"] for row in deals} == {first}
    await together.settled(20)

    await admin.post(f"/v1/parties/{kept}:unmerge", {"decision_id": decision["id"], "reason": "看错了"})
    await together.settled(20)
    for name in SERVICES:
        assert await rows_of(servers, name, company.tenant_id) == before[name], name


async def test_what_sales_refuses_is_taken_back(admin: Person, company: Company, together: Together) -> None:
    lead = await make_qualified(admin, company, 21)
    refused = await admin.send("POST", f"/v1/leads/{lead['id']}:convert", {"pipeline_code": "none"})
    assert (refused.status_code // 100, refused.json()["reason"]) == (4, "PIPELINE_UNKNOWN")
    after = await admin.get(f"/v1/leads/{lead['id']}")
    assert (after["state"], after["customer_id"]) == ("QUALIFIED", "")
    assert not (await admin.get("/v1/opportunities"))["opportunities"]


async def test_conversion_waits_for_sales_and_the_page_names_what_is_missing(
    admin: Person, company: Company, together: Together
) -> None:
    lead = await make_qualified(admin, company, 31)
    async with away(together, "sales"):
        page = await admin.get(f"/v1/parties/{lead['party_id']}:overview")
        # The profile may be on its way to marketing yet.
        away_now = [part for part in page["missing"] if part["reason"] == "SERVICE_UNAVAILABLE"]
        missing = {part["part"]: part["service"] for part in away_now}
        assert missing.keys() >= {"customers", "orders", "opportunities"}
        assert set(missing.values()) == {"sales"}
        assert [found["id"] for found in page["leads"]] == [lead["id"]]
        silent = await admin.send("POST", f"/v1/leads/{lead['id']}:convert", {}, idempotency_key=str(new_id()))
        assert silent.status_code in (200, 503, 504), silent.text
        assert (await admin.get(f"/v1/leads/{lead['id']}"))["state"] == "CONVERTING"

    async def converted() -> bool:
        return str((await admin.get(f"/v1/leads/{lead['id']}"))["state"]) == "CONVERTED"

    await eventually(converted, within=45, hint="the conversion did not go on")
    assert len((await admin.get("/v1/customers"))["customers"]) == 1
    assert len((await admin.get("/v1/opportunities"))["opportunities"]) == 1


@pytest.mark.parametrize("service", SERVICES)
async def test_every_service_answers_for_itself(admin: Person, service: str) -> None:
    backlog = await admin.get(f"/v1/{service}/backlog")
    assert set(backlog) == {"unpublished_events", "unhandled_events", "due_jobs", "running_processes"}
