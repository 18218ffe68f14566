"""Leads go to whom the rules choose; known customers' leads go to their owner; nobody is assigned twice."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from support.leads import events_of, make, mobile, person
from tercet.gateway.v1.employee_service_pb2 import Employee
from tercet.gateway.v1.events_pb2 import EmployeeCreated
from tercet.leads.v1.assignment_rule_service_pb2 import AssignmentRule, CreateAssignmentRuleRequest
from tercet.leads.v1.lead_service_pb2 import AssignLeadRequest, ExplainAssignmentRequest, Lead
from tercet.leads.v1.pool_service_pb2 import CreatePoolRequest, ListPoolMovesRequest, Pool, PoolMove
from tercet.leads.v1.seller_service_pb2 import ListSellersRequest, Seller, UpdateSellerRequest
from tercet_chassis import new_id
from tercet_chassis.testing import Client, refused
from tercet_leads.assignment.consumers import remember_seller
from tercet_leads.customers.model import KnownCustomer


async def seller(leads: Client, **values: Any) -> str:
    """An employee who may get leads; answers the user's id."""
    user = str(new_id())
    employee = Employee(id=str(new_id()), user_id=user, unit_id=str(new_id()), display_name="销售", active=True)
    for name, value in values.items():
        target = getattr(employee, name)
        target.extend(value) if isinstance(value, list) else setattr(employee, name, value)
    async with leads.transaction() as tx:
        await remember_seller(EmployeeCreated(employee=employee), tx)
    return user


async def rule(leads: Client, code: str, strategy: str, **values: Any) -> AssignmentRule:
    given = AssignmentRule(code=code, display_name=code, strategy=strategy, active=True, **values)
    answer: AssignmentRule = await leads.CreateAssignmentRule(CreateAssignmentRuleRequest(assignment_rule=given))
    return answer


async def test_lead_goes_to_the_seller_of_its_territory(leads: Client) -> None:
    shandong = await seller(leads, territories=["山东省"])
    await seller(leads, territories=["浙江省"])
    await rule(leads, "by-place", "ROUND_ROBIN", by_territory=True)
    lead = await make(leads, full_name=person(1), mobile=mobile(1), province="山东", city="济南")
    assert (lead.owner_id, lead.assignment_rule_code) == (shandong, "by-place")
    assert lead.unit_id


async def test_lead_without_a_match_waits_in_the_fallback_pool_and_is_told(leads: Client) -> None:
    await leads.CreatePool(CreatePoolRequest(pool=Pool(code="public", display_name="公海", fallback=True)))
    await rule(leads, "english", "ROUND_ROBIN", skills=["英语"])
    lead = await make(leads, full_name=person(2), mobile=mobile(2))
    assert (lead.owner_id, lead.pool_code) == ("", "public")
    assert [event.DESCRIPTOR.name for event in await events_of(leads, lead.id)] == ["LeadCreated", "LeadUnmatched"]
    (move,) = (await leads.ListPoolMoves(ListPoolMovesRequest(filter=f'lead_id = "{lead.id}"'))).pool_moves
    assert (move.kind, move.pool_code) == (PoolMove.POOLED, "public")


async def test_turns_go_round_over_single_leads(leads: Client) -> None:
    sellers = {await seller(leads) for _ in range(3)}
    await rule(leads, "turn", "ROUND_ROBIN")
    owners = [(await make(leads, full_name=person(n), mobile=mobile(n))).owner_id for n in range(6)]
    assert {owner: owners.count(owner) for owner in owners} == dict.fromkeys(sellers, 2)


async def test_seller_at_capacity_or_away_gets_no_more(leads: Client) -> None:
    small = await seller(leads, capacity=2)
    await rule(leads, "turn", "ROUND_ROBIN")
    owners = [(await make(leads, full_name=person(n), mobile=mobile(n))).owner_id for n in range(3)]
    assert owners == [small, small, ""]
    (known,) = (await leads.ListSellers(ListSellersRequest())).sellers
    assert (known.owner_id, known.load) == (small, 2)
    await leads.UpdateSeller(UpdateSellerRequest(seller=Seller(id=known.id, away=True)))
    other = await seller(leads)
    assert (await make(leads, full_name=person(5), mobile=mobile(5))).owner_id == other


async def test_dry_run_says_who_and_why_and_changes_nothing(leads: Client) -> None:
    first = await seller(leads, skills=["英语"])
    await seller(leads)
    await rule(leads, "hot", "FIRST", priority=1, condition="score >= 900")
    await rule(leads, "english", "ROUND_ROBIN", priority=2, skills=["英语"])
    draft = Lead(full_name=person(3), mobile=mobile(3))
    answer = await leads.ExplainAssignment(ExplainAssignmentRequest(lead=draft))
    assert (answer.owner_id, answer.rule_code) == (first, "english")
    assert [(step.rule_code, step.matched) for step in answer.steps] == [("hot", False), ("english", True)]
    assert {s.eligible for s in answer.steps[1].sellers} == {True, False}
    assert not await events_of(leads)


async def test_condition_that_does_not_parse_is_refused_with_its_field(leads: Client) -> None:
    with refused("CONDITION_INVALID", "assignment_rule.condition"):
        await rule(leads, "broken", "FIRST", condition="scorre > 1")
    with refused("POOL_NEEDED", "assignment_rule.pool_code"):
        await rule(leads, "pool", "POOL")
    with refused("POOL_NOT_FOUND", "assignment_rule.pool_code"):
        await rule(leads, "pool", "POOL", pool_code="nowhere")


async def test_known_customers_lead_goes_to_its_owner_and_never_into_a_pool(leads: Client) -> None:
    await leads.CreatePool(CreatePoolRequest(pool=Pool(code="public", display_name="公海", fallback=True)))
    await rule(leads, "all", "POOL", pool_code="public")
    first = await make(leads, full_name=person(4), mobile=mobile(4), email="a4@tercet-test.cn")
    assert first.pool_code == "public"
    owner, customer = new_id(), new_id()
    async with leads.transaction() as tx:
        known = KnownCustomer(
            id=customer, identity_id=UUID(first.identity_id), party_id=UUID(first.party_id), owner_id=owner
        )
        tx.add(known)
    from tercet.leads.v1.lead_service_pb2 import DisqualifyLeadRequest

    await leads.DisqualifyLead(DisqualifyLeadRequest(id=first.id, reason="closed"))
    second = await make(leads, full_name=person(4), mobile=mobile(4), email="a4@tercet-test.cn")
    assert second.id != first.id
    assert second.party_id == first.party_id
    assert second.existing_customer
    assert (second.owner_id, second.pool_code, second.customer_id) == (str(owner), "", str(customer))


async def test_lead_is_given_by_hand_only_to_sellers(leads: Client) -> None:
    lead = await make(leads, full_name=person(6), mobile=mobile(6))
    with refused("SELLER_UNKNOWN", "owner_id"):
        await leads.AssignLead(AssignLeadRequest(id=lead.id, owner_id=str(new_id())))
    chosen = await seller(leads)
    assigned = await leads.AssignLead(AssignLeadRequest(id=lead.id, owner_id=chosen))
    assert assigned.owner_id == chosen
    assert [event.DESCRIPTOR.name for event in await events_of(leads, lead.id)] == ["LeadCreated", "LeadAssigned"]
