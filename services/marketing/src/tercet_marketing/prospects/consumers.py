"""Leads and opportunities are kept as they were told last, and judged by the segments that have them as members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from tercet.leads.v1 import events_pb2 as leads
from tercet.leads.v1.lead_service_pb2 import Lead
from tercet.sales.v1 import events_pb2 as sales
from tercet.sales.v1.opportunity_service_pb2 import Opportunity
from tercet_chassis import Event, Tx, projection
from tercet_marketing.prospects.subjects import LEAD, OPPORTUNITY
from tercet_marketing.segments.judge import forget, judge
from tercet_marketing.segments.subjects import Subject


@projection(
    leads.LeadCreated,
    leads.LeadUpdated,
    leads.LeadTouched,
    leads.LeadScored,
    leads.LeadAssigned,
    leads.LeadUnmatched,
    leads.LeadPooled,
    leads.LeadClaimed,
    leads.LeadRecycled,
    leads.LeadContacted,
    leads.LeadQualified,
    leads.LeadDisqualified,
    leads.LeadReturned,
    leads.LeadReopened,
    leads.LeadConverted,
    leads.LeadDeleted,
)
async def follow_lead(events: Sequence[Event[Any]], tx: Tx) -> None:
    """A lead is kept as it is now; one that was deleted leaves all segments."""
    told = {UUID(event.message.lead.id): event.message.lead for event in events}
    gone = {UUID(event.message.lead.id) for event in events if isinstance(event.message, leads.LeadDeleted)}
    await _keep(tx, LEAD, {id: _lead(lead) for id, lead in told.items() if id not in gone}, gone)


@projection(
    sales.OpportunityCreated,
    sales.OpportunityUpdated,
    sales.OpportunityStageMoved,
    sales.OpportunityWon,
    sales.OpportunityLost,
    sales.OpportunityReopened,
    sales.OpportunityDeleted,
)
async def follow_opportunity(events: Sequence[Event[Any]], tx: Tx) -> None:
    """An opportunity is kept as it is now; one that was deleted leaves all segments."""
    told = {UUID(event.message.opportunity.id): event.message.opportunity for event in events}
    gone = {
        UUID(event.message.opportunity.id) for event in events if isinstance(event.message, sales.OpportunityDeleted)
    }
    await _keep(tx, OPPORTUNITY, {id: _opportunity(row) for id, row in told.items() if id not in gone}, gone)


async def _keep(tx: Tx, subject: Subject, told: Mapping[UUID, Mapping[str, Any]], gone: set[UUID]) -> None:
    entity: Any = subject.entity
    rows = {row.id: row for row in await tx.session.scalars(select(entity).where(entity.id.in_([*told, *gone])))}
    for id, values in told.items():
        row = rows.get(id)
        if row is None:
            tx.add(entity(id=id, **values))
            continue
        # Whose party the identity belongs to is known here at least as well as to who told.
        kept = {"party_id", "create_time"} if row.identity_id == values["identity_id"] else {"create_time"}
        for name, value in values.items():
            if name not in kept and getattr(row, name) != value:
                setattr(row, name, value)
    for id in gone & rows.keys():
        await tx.delete(rows[id])
    await tx.session.flush()
    if gone:
        await forget(tx, sorted(gone))
    await judge(tx, subject, told)


def _lead(lead: Lead) -> dict[str, Any]:
    return {
        **_whose(lead),
        "kind": Lead.Kind.Name(lead.kind) if lead.kind else None,
        "state": Lead.State.Name(lead.state),
        "source_code": lead.source_code,
        "last_source_code": lead.last_source_code or lead.source_code,
        "pool_code": lead.pool_code,
        "province": lead.province,
        "city": lead.city,
        "interests": list(lead.interests),
        "score": lead.score,
        "grade": lead.grade,
        "touch_count": lead.touch_count,
        "last_touch_time": _moment(lead, "last_touch_time") or _moment(lead, "occur_time"),
        "first_contact_time": _moment(lead, "first_contact_time"),
        "last_contact_time": _moment(lead, "last_contact_time"),
        "next_contact_time": _moment(lead, "next_contact_time"),
        "qualify_time": _moment(lead, "qualify_time"),
        "convert_time": _moment(lead, "convert_time"),
        "existing_customer": lead.existing_customer,
    }


def _opportunity(told: Opportunity) -> dict[str, Any]:
    return {
        **_whose(told),
        "state": Opportunity.State.Name(told.state),
        "direction": Opportunity.Direction.Name(told.direction or Opportunity.SELL),
        "pipeline_code": told.pipeline_code,
        "stage_code": told.stage_code,
        "stage_time": _moment(told, "stage_time"),
        "probability": told.probability,
        "certainty_code": told.certainty_code,
        "expected_amount": Decimal(told.expected_amount.amount) if told.expected_amount.amount else None,
        "currency_code": told.expected_amount.currency_code,
        "expected_close_date": _day(told.expected_close_date),
        "next_step_date": _day(told.next_step_date),
        "intent_level": told.intent_level if told.HasField("intent_level") else None,
        "product_codes": sorted({interest.product_code for interest in told.interests}),
        "source_code": told.source_code,
        "last_activity_time": _moment(told, "last_activity_time"),
        "close_time": _moment(told, "close_time"),
        "lost_reason_code": told.lost_reason_code,
    }


def _whose(told: Lead | Opportunity) -> dict[str, Any]:
    return {
        "identity_id": UUID(told.identity_id),
        "party_id": UUID(told.party_id),
        "owner_id": _id(told.owner_id),
        "unit_id": _id(told.unit_id),
        "partner_party_id": _id(told.partner_party_id),
        "campaign_id": _id(told.campaign_id),
        "create_time": _moment(told, "create_time"),
    }


def _id(text: str) -> UUID | None:
    return UUID(text) if text else None


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _moment(message: Any, name: str) -> datetime | None:
    return getattr(message, name).ToDatetime(tzinfo=UTC) if message.HasField(name) else None
