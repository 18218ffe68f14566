"""The reasons that rules give tell nobody a value that is masked for them; sellers are seen within one's reach."""

from __future__ import annotations

from uuid import UUID

import pytest

from support.leads import make, mobile
from tercet.gateway.v1.employee_service_pb2 import Employee
from tercet.gateway.v1.events_pb2 import EmployeeCreated
from tercet.leads.v1.assignment_rule_service_pb2 import AssignmentRule, CreateAssignmentRuleRequest
from tercet.leads.v1.lead_service_pb2 import ExplainAssignmentRequest, QualifyLeadRequest
from tercet.leads.v1.qualification_rule_service_pb2 import CreateQualificationRuleRequest, QualificationRule
from tercet.leads.v1.seller_service_pb2 import GetSellerRequest, ListSellersRequest
from tercet_chassis import new_id
from tercet_chassis.errors import Refusal
from tercet_chassis.testing import Client, refused
from tercet_leads.assignment.consumers import remember_seller


async def _employee(leads: Client) -> Employee:
    id, user_id, unit_id = (str(new_id()) for _ in range(3))
    employee = Employee(id=id, user_id=user_id, unit_id=unit_id, display_name="李明", active=True)
    async with leads.transaction() as tx:
        await remember_seller(EmployeeCreated(employee=employee), tx)
    return employee


async def test_a_refused_qualification_does_not_say_the_number(leads: Client) -> None:
    rule = QualificationRule(code="standard", display_name="标准", condition='mobile = "x" AND full_name = "y"')
    await leads.CreateQualificationRule(CreateQualificationRuleRequest(qualification_rule=rule))
    lead = await make(leads, full_name="王芳", mobile=mobile(1))
    with pytest.raises(Refusal) as told:
        await leads.QualifyLead(QualifyLeadRequest(id=lead.id))
    assert lead.mobile in told.value.message
    with pytest.raises(Refusal) as told:
        await leads.as_(masks=["PHONE"]).QualifyLead(QualifyLeadRequest(id=lead.id))
    assert told.value.reason == "QUALIFICATION_NOT_MET"
    assert "王芳" in told.value.message
    assert lead.mobile not in f"{told.value.message} {told.value.metadata}"


async def test_an_explained_assignment_says_neither_the_number_nor_the_sellers_name(leads: Client) -> None:
    await _employee(leads)
    for code, condition, priority in (("never", 'mobile = "x"', 1), ("all", "", 2)):
        rule = AssignmentRule(
            code=code, display_name=code, strategy="FIRST", active=True, condition=condition, priority=priority
        )
        await leads.CreateAssignmentRule(CreateAssignmentRuleRequest(assignment_rule=rule))
    lead = await make(leads, full_name="王芳", mobile=mobile(2))
    open_, masked = leads, leads.as_(masks=["PHONE", "NAME"])
    shown = str(await open_.ExplainAssignment(ExplainAssignmentRequest(id=lead.id)))
    hidden = await masked.ExplainAssignment(ExplainAssignmentRequest(id=lead.id))
    assert lead.mobile in shown
    assert hidden.steps[0].explanation == "out, because mobile does not fit"
    assert "李明" not in "".join(step.explanation for step in hidden.steps)
    assert lead.mobile not in str(hidden)


async def test_a_seller_of_another_unit_is_out_of_reach(leads: Client) -> None:
    mine, other = await _employee(leads), await _employee(leads)
    caller = leads.as_(permissions={"leads.seller.read": "unit"}, unit_id=UUID(mine.unit_id))
    found = await caller.ListSellers(ListSellersRequest(count=True))
    assert ([one.id for one in found.sellers], found.total_size) == ([mine.id], 1)
    with refused("RESOURCE_NOT_FOUND"):
        await caller.GetSeller(GetSellerRequest(id=other.id))
