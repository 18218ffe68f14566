"""Attacks on what sales shows beside its rows: worklists, edits, titles, notes."""

from __future__ import annotations

from google.protobuf.struct_pb2 import Struct
from services.sales.builders import opportunity, person

from tercet.chassis.v1.custom_field_service_pb2 import CustomField, SetCustomFieldRequest
from tercet.options.v1.options_pb2 import PHONE
from tercet.sales.v1 import activity_service_pb2 as activities
from tercet.sales.v1 import opportunity_service_pb2 as opportunities
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused

NUMBER = "13424680007"


async def test_a_worklist_shows_opportunities_no_further_than_they_may_be_read(sales: Client) -> None:
    colleague = new_id()
    customer = await person(sales, owner_id=str(colleague))
    await opportunity(sales, customer.id, "王芳的装修", owner_id=str(colleague))
    request = activities.GetWorklistRequest(owner_id=str(colleague))
    permissions = {"sales.activity.read": "all", "sales.opportunity.read": "own"}
    assert not (await sales.as_(permissions=permissions).GetWorklist(request)).items
    permissions = {"sales.activity.read": "all", "sales.opportunity.read": "all"}
    [item] = (await sales.as_(permissions=permissions).GetWorklist(request)).items
    assert item.opportunity_title == "王芳的装修"
    masked = sales.as_(permissions=permissions, masks=["NAME"])
    assert [item.opportunity_title for item in (await masked.GetWorklist(request)).items] == ["王**"]


async def test_the_title_of_an_opportunity_is_masked_as_the_name_it_often_is(sales: Client) -> None:
    made = await opportunity(sales, (await person(sales)).id, "王芳")
    masked = sales.as_(masks=["NAME"])
    assert (await masked.GetOpportunity(opportunities.GetOpportunityRequest(id=made.id))).title == "王**"
    for asked in (
        opportunities.ListOpportunitiesRequest(filter='title = "王芳"', count=True),
        opportunities.ListOpportunitiesRequest(order_by="title"),
    ):
        with refused("CONDITION_INVALID"):
            await masked.ListOpportunities(asked)
    found = await masked.ListOpportunities(opportunities.ListOpportunitiesRequest(q="王芳", count=True))
    assert (list(found.opportunities), found.total_size) == ([], 0)


async def test_what_an_activity_said_before_is_masked_like_what_it_says_now(sales: Client) -> None:
    field = CustomField(resource="activities", key="call_back", type=CustomField.TEXT, personal_data=PHONE)
    await sales.SetCustomField(SetCustomFieldRequest(custom_field=field))
    custom = Struct()
    custom.update({"call_back": NUMBER})
    given = activities.Activity(kind=activities.Activity.CALL, title="回访", text=f"电话 {NUMBER}", custom=custom)
    made = await sales.CreateActivity(activities.CreateActivityRequest(activity=given))
    change = activities.Activity(id=made.id, text="已回访")
    await sales.UpdateActivity(activities.UpdateActivityRequest(activity=change, update_mask={"paths": ["text"]}))
    request = activities.ListActivityEditsRequest(id=made.id)
    assert str(await sales.ListActivityEdits(request)).count(NUMBER) == 2
    assert NUMBER not in str(await sales.as_(masks=["PHONE", "FREE_TEXT"]).ListActivityEdits(request))
