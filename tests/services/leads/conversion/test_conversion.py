"""A qualified lead becomes one customer with one opportunity, however often and however rudely one asks."""

from __future__ import annotations

import asyncio

from support.leads import company, events_of, make, mobile, person
from tercet.leads.v1.conversion_service_pb2 import ConvertLeadRequest
from tercet.leads.v1.lead_service_pb2 import GetLeadRequest, Lead, QualifyLeadRequest
from tercet.sales.v1.customer_service_pb2 import Customer, GetCustomerRequest, ListCustomersRequest
from tercet.sales.v1.opportunity_service_pb2 import GetOpportunityRequest, ListOpportunitiesRequest
from tercet.type.v1.money_pb2 import Money
from tercet_chassis import Refusal, new_id
from tercet_chassis.testing import Client, refused


async def qualified(leads: Client, number: int, **values: str) -> Lead:
    lead = await make(leads, full_name=person(number), mobile=mobile(number), **values)
    answer: Lead = await leads.QualifyLead(QualifyLeadRequest(id=lead.id))
    return answer


async def test_lead_becomes_a_customer_with_an_opportunity(leads: Client, sales: Client) -> None:
    lead = await qualified(leads, 1, company_name=company(1), email="a1@tercet-test.cn", wechat="wx_a1_abc")
    request = ConvertLeadRequest(id=lead.id, expected_amount=Money(currency_code="CNY", amount="12800.00"))
    converted = await leads.ConvertLead(request)
    assert converted.state == Lead.CONVERTED
    customer = await sales.GetCustomer(GetCustomerRequest(id=converted.customer_id))
    assert (customer.kind, customer.party_id, customer.lead_id) == (Customer.COMPANY, lead.party_id, lead.id)
    assert customer.company_name == lead.company_name
    assert [phone.number for phone in customer.phones] == [lead.mobile]
    opportunity = await sales.GetOpportunity(GetOpportunityRequest(id=converted.opportunity_id))
    assert (opportunity.customer_id, opportunity.lead_id) == (customer.id, lead.id)
    assert opportunity.expected_amount.amount == "12800.00"
    assert (await events_of(leads, lead.id))[-1].DESCRIPTOR.name == "LeadConverted"


async def test_lead_is_converted_only_once(leads: Client, sales: Client) -> None:
    lead = await qualified(leads, 2)

    async def attempt() -> str:
        try:
            return Lead.State.Name((await leads.ConvertLead(ConvertLeadRequest(id=lead.id))).state)
        except Refusal as refusal:
            return refusal.reason

    answers = await asyncio.gather(*(attempt() for _ in range(8)))
    assert answers.count("CONVERTED") == 1
    assert set(answers) <= {"CONVERTED", "LEAD_CONVERTING", "LEAD_ALREADY_CONVERTED"}
    with refused("LEAD_ALREADY_CONVERTED"):
        await leads.ConvertLead(ConvertLeadRequest(id=lead.id))
    assert len((await sales.ListCustomers(ListCustomersRequest())).customers) == 1
    assert len((await sales.ListOpportunities(ListOpportunitiesRequest())).opportunities) == 1


async def test_unqualified_lead_is_refused(leads: Client, sales: Client) -> None:
    lead = await make(leads, full_name=person(3), mobile=mobile(3))
    with refused("LEAD_NOT_QUALIFIED"):
        await leads.ConvertLead(ConvertLeadRequest(id=lead.id))


async def test_what_sales_refuses_is_taken_back_with_its_reason(leads: Client, sales: Client) -> None:
    lead = await qualified(leads, 4)
    try:
        await leads.ConvertLead(ConvertLeadRequest(id=lead.id, pipeline_code="no-such-pipeline"))
        raise AssertionError("sales took a pipeline that is not there")
    except Refusal as refusal:
        reason = refusal.reason
    after = await leads.GetLead(GetLeadRequest(id=lead.id))
    assert (after.state, after.customer_id, after.opportunity_id) == (Lead.QUALIFIED, "", "")
    assert after.state_reason.startswith(reason)
    assert (await events_of(leads, lead.id))[-1].DESCRIPTOR.name == "LeadConversionRefused"
    assert (await leads.ConvertLead(ConvertLeadRequest(id=lead.id))).state == Lead.CONVERTED


async def test_customers_next_lead_is_known_as_one(leads: Client, sales: Client) -> None:
    lead = await qualified(leads, 5, owner_id=str(new_id()))
    converted = await leads.ConvertLead(ConvertLeadRequest(id=lead.id))
    await leads.settled()
    again = await make(leads, full_name=person(5), mobile=mobile(5))
    assert again.id != lead.id
    assert again.existing_customer
    assert (again.customer_id, again.owner_id) == (converted.customer_id, lead.owner_id)


async def test_conversion_needs_its_permission(leads: Client, sales: Client) -> None:
    lead = await qualified(leads, 6)
    reader = leads.as_(permissions={"leads.lead.read": "all"})
    with refused("PERMISSION_MISSING"):
        await reader.ConvertLead(ConvertLeadRequest(id=lead.id))
