"""What `tercet check` asks: it finds a whole house whole, and each promise that somebody broke by hand."""

from __future__ import annotations

from typing import Any

import pytest

from support.gateway import Company
from support.leads import company as company_name
from support.leads import mobile, person
from support.rest import Person, signed_in
from support.servers import Servers
from support.tables import connected
from tercet_chassis.testing import Together, eventually

from .conftest import SERVICES


class House:
    """A company with one converted lead, an order that is paid, and a ticket; and the tables below it."""

    def __init__(self, admin: Person, company: Company, servers: Servers) -> None:
        self.admin, self.company, self._servers = admin, company, servers
        self.lead: dict[str, Any] = {}
        self.order: dict[str, Any] = {}

    async def sql(self, service: str, statement: str, *values: Any) -> None:
        """Changes rows behind everybody's back, as soon as they are there; `$1` is the tenant."""
        connection = await connected(self._servers, service)

        async def changed() -> bool:
            done = await connection.execute(statement, self.company.tenant_id, *values)
            assert not done.endswith(" 0"), f"nothing was broken: {statement}"
            return True

        try:
            await eventually(changed)
        finally:
            await connection.close()

    async def broken(self) -> dict[str, str]:
        """The invariants that do not hold, with an example each; facts that differ count too."""
        found: dict[str, str] = {}
        facts: dict[str, set[str]] = {}
        for service in SERVICES:
            answer = await self.admin.get(f"/v1/{service}/check")
            for finding in answer["findings"]:
                if not finding["holds"]:
                    found[f"{service}: {finding['invariant']}"] = "; ".join(finding["examples"])
            for name, value in answer["facts"].items():
                facts.setdefault(name, set()).add(value)
        return found | {name: str(values) for name, values in facts.items() if len(values) > 1}


@pytest.fixture
async def house(admin: Person, company: Company, servers: Servers, together: Together) -> House:
    house = House(admin, company, servers)
    body = {"full_name": person(3), "company_name": company_name(3), "mobile": mobile(3), "owner_id": company.admin_id}
    lead = await admin.post("/v1/leads", {**body, "unit_id": company.root_id})
    await admin.post(f"/v1/leads/{lead['id']}:qualify", {"reason": "要报价"})
    house.lead = await admin.post(f"/v1/leads/{lead['id']}:convert")
    product = {"code": "T-100", "name": "智能终端", "unit_of_measure": "台", "active": True, "tax_percent": "13"}
    await admin.post("/v1/products", product)
    line = {"product_code": "T-100", "quantity": "2", "unit_price": {"currency_code": "CNY", "amount": "640.00"}}
    order = {"customer_id": house.lead["customer_id"], "currency_code": "CNY", "lines": [line]}
    made = await admin.post("/v1/orders", order)
    house.order = await admin.post(f"/v1/orders/{made['id']}:confirm")
    await admin.post("/v1/payments", {"order_id": made["id"], "amount": house.order["total"], "method_code": "bank"})
    ticket = {"subject": "刹车异响", "identity_id": lead["identity_id"], "party_id": lead["party_id"]}
    await admin.post("/v1/tickets", ticket)
    await together.settled(20)
    return house


async def test_a_whole_house_is_found_whole(house: House) -> None:
    assert await house.broken() == {}


async def test_checking_takes_one_permission_for_the_whole_tenant(house: House, servers: Servers) -> None:
    people = []
    for code, scope in (("checker", "ALL"), ("half", "UNIT")):
        grants = [{"permission": "chassis.check.read", "scope": scope}]
        await house.admin.post("/v1/roles", {"code": code, "name": code, "grants": grants})
        await house.company.user(f"{code}@flows.example", code)
        people.append(await signed_in(house.admin.http, house.company, f"{code}@flows.example"))
    checker, half = people
    assert await House(checker, house.company, servers).broken() == {}
    refusal = await half.send("GET", "/v1/leads/check")
    assert (refusal.status_code, refusal.json()["reason"]) == (403, "CHECK_IS_WHOLE")


BREAKS: dict[str, tuple[str, str, str]] = {
    "an effect that left no mark": (
        "leads: events.of_leads_applied",
        "leads",
        "DELETE FROM inbox WHERE $1::uuid IS NOT NULL AND consumer LIKE 'mergers.%'",
    ),
    "a projection that fell behind": (
        "sales: events.of_gateway_applied",
        "sales",
        "DELETE FROM projection_marks WHERE tenant_id = $1",
    ),
    "a ticket that vanished": (
        "service-desk: resources.kept",
        "service-desk",
        "DELETE FROM tickets WHERE tenant_id = $1",
    ),
    "an order older than what was told": (
        "sales: resources.kept",
        "sales",
        "UPDATE orders SET row_version = 1 WHERE tenant_id = $1",
    ),
    "a customer of another party": (
        "sales: parties.agree_with_identity",
        "sales",
        "UPDATE customers SET party_id = gen_random_uuid() WHERE tenant_id = $1",
    ),
    "a profile of another party": (
        "marketing: parties.agree_with_identity",
        "marketing",
        "UPDATE profiles SET party_id = gen_random_uuid() WHERE tenant_id = $1",
    ),
    "a ticket of another party": (
        "service-desk: parties.agree_with_identity",
        "service-desk",
        "UPDATE tickets SET party_id = gen_random_uuid() WHERE tenant_id = $1",
    ),
    "a lead of another party": (
        "leads: parties.as_recognised",
        "leads",
        "UPDATE leads SET party_id = gen_random_uuid() WHERE tenant_id = $1",
    ),
    "a party that is gone": ("leads: parties.whole", "leads", "DELETE FROM parties WHERE tenant_id = $1"),
    "a move that one service did not hear of": (
        "parties.moved_identities",
        "marketing",
        "INSERT INTO party_links (tenant_id, identity_id, party_id, version) "
        "VALUES ($1, gen_random_uuid(), gen_random_uuid(), 1)",
    ),
    "a conversion without its opportunity": (
        "leads: conversions.whole",
        "sales",
        "DELETE FROM opportunities WHERE tenant_id = $1",
    ),
    "a conversion without its customer": (
        "leads: conversions.whole",
        "sales",
        "DELETE FROM customers WHERE tenant_id = $1",
    ),
    "an order whose total is not its lines": (
        "sales: orders.totals_equal_lines",
        "sales",
        "UPDATE orders SET total_amount = total_amount + 1 WHERE tenant_id = $1",
    ),
    "a payment beyond the order": (
        "sales: payments.within_orders",
        "sales",
        "UPDATE payments SET amount_amount = amount_amount + 1 WHERE tenant_id = $1",
    ),
    "a lead with two owners": (
        "leads: leads.one_owner_each",
        "leads",
        "INSERT INTO pool_moves SELECT move.* FROM leads, generate_series(1, 2) AS time, jsonb_populate_record("
        "NULL::pool_moves, jsonb_build_object('tenant_id', leads.tenant_id, 'id', gen_random_uuid(), "
        "'lead_id', leads.id, 'owner_id', gen_random_uuid(), 'kind', 'CLAIMED', "
        "'pool_code', 'p', 'reason', time::text, 'move_time', now(), "
        "'create_time', now(), 'update_time', now(), 'row_version', 1)) AS move WHERE leads.tenant_id = $1",
    ),
    "a touch that was lost": ("leads: leads.touches_counted", "leads", "DELETE FROM touches WHERE tenant_id = $1"),
    "an audit row that was changed": (
        "leads: audit.chain_whole",
        "leads",
        "UPDATE audit SET action = action || '?' WHERE tenant_id = $1 AND id::text IN "
        "(SELECT jsonb_array_elements_text(row_ids) FROM audit_seals)",
    ),
    "a dead letter": (
        "sales: events.no_dead_letters",
        "sales",
        "INSERT INTO dead_letters (id, tenant_id, consumer, event_id, subject, headers, payload, reason, message, "
        "attempts) VALUES (gen_random_uuid(), $1, 'x', gen_random_uuid(), 's', '{}', '', 'R', 'm', 1)",
    ),
}


# Of these the first takes away what the others change.
GONE = {"a ticket that vanished", "a conversion without its opportunity", "a conversion without its customer"}


@pytest.mark.parametrize("gone", [False, True], ids=["changed", "gone"])
async def test_what_was_broken_by_hand_is_reported(house: House, gone: bool) -> None:
    chosen = {what: BREAKS[what] for what in BREAKS if (what in GONE) == gone}
    for _, service, statement in chosen.values():
        await house.sql(service, statement)
    found = await house.broken()
    if not gone:
        # The chain of audit rows is one for all tenants of a database, so it is mended for whoever looks next.
        await house.sql("leads", "UPDATE audit SET action = rtrim(action, '?') WHERE tenant_id = $1")
    assert {invariant for invariant, _, _ in chosen.values()} <= found.keys()
    assert all(found.values()), "a finding gives examples"
