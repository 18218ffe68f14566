"""A lead becomes a customer with an opportunity, through the real services of leads and sales."""

from __future__ import annotations

from services.sales.builders import money

from support.leads import mobile
from tercet.leads.v1.conversion_service_pb2 import ConvertLeadRequest
from tercet.leads.v1.lead_service_pb2 import CreateLeadRequest, GetLeadRequest, Lead, QualifyLeadRequest
from tercet.sales.v1 import contact_service_pb2 as contacts
from tercet.sales.v1 import customer_service_pb2 as pb
from tercet.sales.v1.opportunity_service_pb2 import GetOpportunityRequest, ListOpportunitiesRequest, Opportunity
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused


async def qualified(leads: Client, **values: object) -> Lead:
    given = Lead(unit_id=str(new_id()), owner_id=str(new_id()), source_code="weibo", **values)  # type: ignore[arg-type]
    lead = await leads.CreateLead(CreateLeadRequest(lead=given))
    made: Lead = await leads.QualifyLead(QualifyLeadRequest(id=lead.id, reason="客户要求报价"))
    return made


async def test_a_company_lead_becomes_a_customer_a_contact_and_an_opportunity(leads: Client, sales: Client) -> None:
    lead = await qualified(
        leads, full_name="王芳", company_name="上海星河科技有限公司", mobile=mobile(7), interests=["轿车系列"]
    )
    request = ConvertLeadRequest(id=lead.id, expected_amount=money("120000"), expected_close_date="2027-01-31")
    converted = await leads.ConvertLead(request, request_id="convert-1")
    assert converted.state == Lead.CONVERTED
    customer = await sales.GetCustomer(pb.GetCustomerRequest(id=converted.customer_id))
    assert (customer.company_name, customer.unit_id, customer.owner_id, customer.lead_id) == (
        "上海星河科技有限公司", lead.unit_id, lead.owner_id, lead.id,
    )  # fmt: skip
    assert (customer.identity_id, customer.party_id) == (lead.identity_id, lead.party_id)
    people = await sales.ListContacts(contacts.ListContactsRequest(filter=f'customer_id = "{customer.id}"'))
    assert [(contact.full_name, contact.phones[0].number) for contact in people.contacts] == [
        ("王芳", f"+86{mobile(7)}")
    ]
    deal = await sales.GetOpportunity(GetOpportunityRequest(id=converted.opportunity_id))
    assert (deal.state, deal.stage_code, deal.expected_amount.amount) == (Opportunity.OPEN, "new", "120000.00")
    assert (deal.lead_id, deal.owner_id, deal.interests[0].product_code) == (lead.id, lead.owner_id, "轿车系列")

    again = await leads.ConvertLead(request, request_id="convert-1")
    assert again.customer_id == converted.customer_id
    assert len((await sales.ListOpportunities(ListOpportunitiesRequest())).opportunities) == 1


async def test_a_refusal_of_sales_takes_the_conversion_back(leads: Client, sales: Client) -> None:
    lead = await qualified(leads, full_name="李建国", mobile=mobile(8))
    with refused("PIPELINE_UNKNOWN"):
        await leads.ConvertLead(ConvertLeadRequest(id=lead.id, pipeline_code="none"))
    known = await leads.GetLead(GetLeadRequest(id=lead.id))
    assert known.state == Lead.QUALIFIED
    assert "PIPELINE_UNKNOWN" in known.state_reason
    assert not (await sales.ListOpportunities(ListOpportunitiesRequest())).opportunities
