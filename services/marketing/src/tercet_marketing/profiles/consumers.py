"""Profiles follow what leads and sales tell. Each handler keeps what was told and puts the profile together anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from tercet.leads.v1 import events_pb2 as leads
from tercet.leads.v1.lead_service_pb2 import Lead
from tercet.marketing.v1 import events_pb2 as marketing
from tercet.sales.v1 import events_pb2 as sales
from tercet.sales.v1.customer_service_pb2 import Customer
from tercet.sales.v1.value_service_pb2 import CustomerValue
from tercet_chassis import Event, Tx, effect, projection
from tercet_chassis.context import EventMeta
from tercet_marketing.profiles import rules, store
from tercet_marketing.profiles.model import ProfilePurchase, ProfileValue, moment_text
from tercet_marketing.profiles.rules import Json


@projection(
    leads.LeadCreated,
    leads.LeadUpdated,
    leads.LeadTouched,
    leads.LeadAssigned,
    leads.LeadPooled,
    leads.LeadClaimed,
    leads.LeadRecycled,
    leads.LeadQualified,
    leads.LeadDisqualified,
    leads.LeadReturned,
    leads.LeadReopened,
    leads.LeadConverted,
    leads.LeadDeleted,
)
async def follow_lead(events: Sequence[Event[Any]], tx: Tx) -> None:
    """Leads tell who somebody is, how we met them and how far it has come."""
    told = [(event.message.lead, _lead_facts(event.message.lead, event.meta), event) for event in events]
    await _contribute(tx, told)


@projection(sales.CustomerCreated, sales.CustomerUpdated, sales.CustomerDeleted)
async def follow_customer(events: Sequence[Event[Any]], tx: Tx) -> None:
    """Customers tell who somebody is and who looks after them."""
    told = [(event.message.customer, _customer_facts(event.message.customer), event) for event in events]
    await _contribute(tx, told)


@projection(sales.TransactionRecorded)
async def follow_transaction(event: Any, tx: Tx) -> None:
    """A sale or reversal tells what they bought and kept."""
    told = event.transaction
    identity_id = UUID(told.identity_id)
    await tx.hold("profile", [identity_id, told.party_id])
    values = {
        "identity_id": identity_id,
        "sale_id": UUID(told.sale_id),
        "sale_time": _moment(told, "occur_time") or tx.now(),
        "amount": Decimal(told.amount.amount),
        "currency": told.amount.currency_code,
    }
    await store.kept(tx, ProfilePurchase, UUID(told.id), values)
    profile = await store.profile_for(tx, identity_id, UUID(told.party_id))
    if profile.take_purchases(rules.purchases_of(await store.purchases_of(tx, identity_id))):
        tx.emit(marketing.ProfileUpdated, profile)


@projection(sales.CustomerValueChanged)
async def follow_value(event: Any, tx: Tx) -> None:
    """Sales tells what the whole party is worth; every member's profile shows it."""
    value = event.customer_value
    party_id = UUID(value.party_id)
    await tx.hold("profile", [party_id])
    values = {
        "identity_id": UUID(value.identity_id),
        "party_id": party_id,
        "unit_id": UUID(value.unit_id),
        "period_start_date": date.fromisoformat(value.period_start_date),
        "period_end_date": date.fromisoformat(value.period_end_date or value.period_start_date),
        "last_time": _moment(value, "last_time"),
        "quadrant": CustomerValue.Quadrant.Name(value.quadrant),
        "order_count": value.order_count,
        "total": Decimal(value.total.amount or "0"),
        "currency": value.total.currency_code,
        "told_time": tx.event.record_time,
    }
    await store.kept(tx, ProfileValue, UUID(value.id), values)
    await _show_values(tx, party_id)


@effect(leads.PartyMembersMoved, origins=("live", "import", "replay"))
async def follow_moves(event: Any, tx: Tx) -> None:
    """After a merge or split, each party's profiles show what their party is worth now."""
    parties = (await tx.known.follow_moves(event.moves)).parties
    await tx.hold("profile", parties)
    for party_id in sorted(parties):
        await _show_values(tx, party_id)


async def _contribute(tx: Tx, told: Sequence[tuple[Lead | Customer, Json, Event[Any]]]) -> None:
    """Keeps what leads or customers contribute, and puts each profile that it changes together once."""
    parties = {UUID(resource.identity_id): UUID(resource.party_id) for resource, _, _ in told}
    parts = await store.held_parts(tx, parties)
    touched: dict[UUID, None] = {}
    for resource, facts, event in told:
        facts["removed"] = event.meta.headers["ce-type"].endswith("Deleted")
        identity_id = UUID(resource.identity_id)
        if parts.contribute(identity_id, UUID(resource.id), facts):
            touched[identity_id] = None
    changed = []
    for identity_id in {**touched, **dict.fromkeys(parts.placed)}:
        profile = parts.profile(identity_id, parties[identity_id])
        if profile.take_facts(rules.assembled(parts.facts_of(identity_id))) or identity_id in parts.placed:
            changed.append(profile)
    await parts.write()
    for profile in changed:
        tx.emit(marketing.ProfileUpdated, profile)


async def _show_values(tx: Tx, party_id: UUID) -> None:
    values = rules.latest_values(await store.values_of(tx, party_id))
    for profile in await store.profiles_of_party(tx, party_id):
        if profile.take_values(values):
            tx.emit(marketing.ProfileUpdated, profile)


def _moment(message: Any, name: str) -> datetime | None:
    return getattr(message, name).ToDatetime(tzinfo=UTC) if message.HasField(name) else None


def _lead_facts(lead: Lead, meta: EventMeta) -> Json:
    points = [
        _point("PHONE", lead.mobile),
        _point("PHONE", lead.phone),
        _point("EMAIL", lead.email),
        _point("ACCOUNT", lead.wechat, "wechat"),
        _point("ACCOUNT", lead.openid, "wechat_openid"),
    ]
    first = _moment(lead, "occur_time") or _moment(lead, "create_time") or meta.occur_time
    last = _moment(lead, "last_touch_time") or first
    first_touch = {"source_code": lead.source_code, "placement_id": lead.placement_id, "touch_time": moment_text(first)}
    last_touch = {"source_code": lead.last_source_code or lead.source_code, "touch_time": moment_text(max(first, last))}
    return {
        **_owned(lead),
        "type": "LEAD",
        "kind": Lead.Kind.Name(lead.kind) if lead.kind else None,
        "display_name": lead.company_name if lead.kind == Lead.COMPANY else lead.full_name or lead.company_name,
        "contact_points": [point for point in points if point is not None],
        "first_touch": first_touch,
        "last_touch": last_touch,
        "state": Lead.State.Name(lead.state),
    }


def _customer_facts(customer: Customer) -> Json:
    points = [_point("PHONE", phone.number) for phone in customer.phones]
    points += [_point("EMAIL", email.address) for email in customer.emails]
    points += [_point("ACCOUNT", account.account, account.platform) for account in customer.accounts]
    return {
        **_owned(customer),
        "type": "CUSTOMER",
        "kind": Customer.Kind.Name(customer.kind) if customer.kind else None,
        "display_name": customer.display_name,
        "birth_date": customer.birth_date,
        "contact_points": [point for point in points if point is not None],
        "lifecycle_code": customer.lifecycle_code,
    }


def _owned(resource: Lead | Customer) -> Json:
    created = _moment(resource, "create_time")
    return {
        "id": resource.id,
        "time": moment_text(created or datetime.fromtimestamp(0, UTC)),
        "unit_id": resource.unit_id or None,
        "owner_id": resource.owner_id or None,
        "partner_party_id": resource.partner_party_id or None,
    }


def _point(kind: str, value: str, platform: str = "") -> Json | None:
    if not value:
        return None
    return {"kind": kind, "value": value, **({"platform": platform} if platform else {})}
