"""Leads and opportunities as subjects of segments; marketing's own entry points name them."""

from __future__ import annotations

from tercet.leads.v1.lead_service_pb2 import Lead
from tercet.sales.v1.opportunity_service_pb2 import Opportunity
from tercet_conditions import Field, FieldType
from tercet_marketing.prospects.model import LeadSubject, OpportunitySubject
from tercet_marketing.segments.subjects import Subject

_OWNED = {
    "unit_id": Field(FieldType.UUID),
    "owner_id": Field(FieldType.UUID),
    "partner_party_id": Field(FieldType.UUID),
    "create_time": Field(FieldType.INSTANT),
    "campaign_id": Field(FieldType.UUID),
    "source_code": Field(FieldType.TEXT),
}

LEAD = Subject(
    code="lead",
    entity=LeadSubject,
    permission="leads.lead.read",
    fields={
        **_OWNED,
        "kind": Field(FieldType.ENUM, values=("PERSON", "COMPANY")),
        "state": Field(FieldType.ENUM, values=tuple(Lead.State.keys()[1:])),
        "last_source_code": Field(FieldType.TEXT),
        "pool_code": Field(FieldType.TEXT),
        "province": Field(FieldType.TEXT),
        "city": Field(FieldType.TEXT),
        "interests": Field(FieldType.LIST),
        "score": Field(FieldType.INTEGER),
        "grade": Field(FieldType.TEXT),
        "touch_count": Field(FieldType.INTEGER),
        "last_touch_time": Field(FieldType.INSTANT),
        "first_contact_time": Field(FieldType.INSTANT),
        "last_contact_time": Field(FieldType.INSTANT),
        "next_contact_time": Field(FieldType.INSTANT),
        "qualify_time": Field(FieldType.INSTANT),
        "convert_time": Field(FieldType.INSTANT),
        "existing_customer": Field(FieldType.BOOLEAN),
    },
    lists={},
)

OPPORTUNITY = Subject(
    code="opportunity",
    entity=OpportunitySubject,
    permission="sales.opportunity.read",
    fields={
        **_OWNED,
        "state": Field(FieldType.ENUM, values=tuple(Opportunity.State.keys()[1:])),
        "direction": Field(FieldType.ENUM, values=("SELL", "BUY")),
        "pipeline_code": Field(FieldType.TEXT),
        "stage_code": Field(FieldType.TEXT),
        "stage_time": Field(FieldType.INSTANT),
        "probability": Field(FieldType.INTEGER),
        "certainty_code": Field(FieldType.TEXT),
        "expected_amount": Field(FieldType.MONEY),
        "currency_code": Field(FieldType.TEXT),
        "expected_close_date": Field(FieldType.DATE),
        "next_step_date": Field(FieldType.DATE),
        "intent_level": Field(FieldType.INTEGER),
        "product_codes": Field(FieldType.LIST),
        "last_activity_time": Field(FieldType.INSTANT),
        "close_time": Field(FieldType.INSTANT),
        "lost_reason_code": Field(FieldType.TEXT),
    },
    lists={},
)
