"""A tenant's own field on customers, from its definition to filter, order and gates."""

from __future__ import annotations

from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct
from services.sales.builders import company, opportunity, person

from tercet.chassis.v1.custom_field_service_pb2 import CustomField, SetCustomFieldRequest
from tercet.sales.v1 import customer_service_pb2 as pb
from tercet.sales.v1 import opportunity_service_pb2 as opportunities
from tercet.sales.v1 import pipeline_service_pb2 as pipelines
from tercet_chassis.testing import Client, refused


def values(**fields: Any) -> Struct:
    struct = Struct()
    struct.update(fields)
    return struct


async def define(sales: Client, key: str, type: Any, resource: str = "customers", **more: object) -> None:
    field = CustomField(resource=resource, key=key, type=type, **more)  # type: ignore[arg-type]
    await sales.SetCustomField(SetCustomFieldRequest(custom_field=field))


async def test_a_field_of_the_tenants_own_is_checked_filtered_and_sorted_by(sales: Client) -> None:
    await define(sales, "fleet_size", CustomField.INTEGER)
    await define(sales, "segment", CustomField.CHOICE, options=["物流", "制造"])
    small = await company(sales, custom=values(fleet_size=3, segment="物流"))
    large = await company(sales, custom=values(fleet_size=120, segment="物流"))
    await company(sales, custom=values(fleet_size=40, segment="制造"))
    assert small.custom["fleet_size"] == 3
    request = pb.ListCustomersRequest(
        filter='custom.segment = "物流" AND custom.fleet_size >= 3', order_by="custom.fleet_size desc"
    )
    assert [item.id for item in (await sales.ListCustomers(request)).customers] == [large.id, small.id]


async def test_a_value_of_the_wrong_type_or_without_definition_is_refused(sales: Client) -> None:
    await define(sales, "fleet_size", CustomField.INTEGER)
    with refused("CUSTOM_FIELD_INVALID", "custom.fleet_size"):
        await company(sales, custom=values(fleet_size="many"))
    with refused("CUSTOM_FIELD_INVALID", "custom.colour"):
        await person(sales, custom=values(colour="red"))


async def test_a_patch_changes_one_value_and_leaves_the_others(sales: Client) -> None:
    await define(sales, "fleet_size", CustomField.INTEGER)
    await define(sales, "segment", CustomField.TEXT)
    made = await company(sales, custom=values(fleet_size=3, segment="物流"))
    change = pb.Customer(id=made.id, custom=values(fleet_size=4))
    mask = FieldMask(paths=["custom.fleet_size"])
    changed = await sales.UpdateCustomer(pb.UpdateCustomerRequest(customer=change, update_mask=mask))
    assert (changed.custom["fleet_size"], changed.custom["segment"]) == (4, "物流")


async def test_a_gate_may_ask_for_a_field_of_the_tenants_own(sales: Client) -> None:
    await define(sales, "budget", CustomField.DECIMAL, "opportunities")
    made = await opportunity(sales, (await company(sales)).id)
    stages = await sales.ListPipelineStages(pipelines.ListPipelineStagesRequest(filter='code = "proposal"'))
    gate = pipelines.PipelineStage.Gate(condition="custom.budget >= 1000", message="预算不足")
    change = pipelines.PipelineStage(id=stages.pipeline_stages[0].id, gates=[gate])
    mask = FieldMask(paths=["gates"])
    await sales.UpdatePipelineStage(pipelines.UpdatePipelineStageRequest(pipeline_stage=change, update_mask=mask))
    move = opportunities.MoveStageRequest(id=made.id, stage_code="proposal")
    with refused("STAGE_GATES_NOT_MET", "opportunity.custom.budget"):
        await sales.MoveStage(move)
    given = opportunities.Opportunity(id=made.id, custom=values(budget="1000.50"))
    await sales.UpdateOpportunity(
        opportunities.UpdateOpportunityRequest(opportunity=given, update_mask=FieldMask(paths=["custom"]))
    )
    assert (await sales.MoveStage(move)).stage_code == "proposal"
