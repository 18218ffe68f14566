"""What every service keeps of others: tenants, the unit tree, and who each identity is held to be. Built into every
service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis.consumers import EVERY_ORIGIN, Consumer
from tercet_chassis.contract import has_message, message_class
from tercet_chassis.entity import Entity, Linked
from tercet_chassis.known import apply_move as apply_move
from tercet_chassis.tables import tenants, units
from tercet_chassis.transaction import Tx


async def keep_tenant(event: Any, tx: Tx) -> None:
    """Keeps a tenant's code, zone and currency, and starts what runs by the clock for it."""
    tenant = event.tenant
    await remember_tenant(
        tx,
        UUID(tenant.id),
        {
            "code": tenant.code,
            "zone": tenant.zone,
            "reporting_currency": tenant.reporting_currency,
            "region": tenant.region,
            "locale": tenant.locale,
        },
    )


async def remember_tenant(tx: Tx, id: UUID, values: Mapping[str, str]) -> None:
    """Writes a tenant's copy and arms its clock jobs once the transaction is committed."""
    await tx.session.execute(
        insert(tenants).values(id=id, **values).on_conflict_do_update(index_elements=["id"], set_=dict(values))
    )
    tx.after_commit(lambda: tx.runtime.arm(id))


async def keep_unit(event: Any, tx: Tx) -> None:
    """Keeps a unit's place in the tree; a deleted unit is forgotten."""
    unit = event.unit
    if event.DESCRIPTOR.name == "UnitDeleted":
        await tx.session.execute(delete(units).where(units.c.tenant_id == tx.tenant_id, units.c.id == UUID(unit.id)))
        return
    type_name = unit.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[unit.type].name
    values = {
        "parent_id": UUID(unit.parent_id) if unit.parent_id else None,
        "path": unit.path,
        "code": unit.code,
        "name": unit.name,
        "type": type_name,
        "zone": unit.zone,
        "reporting_currency": unit.reporting_currency,
    }
    row = insert(units).values(tenant_id=tx.tenant_id, id=UUID(unit.id), **values)
    await tx.session.execute(row.on_conflict_do_update(index_elements=["tenant_id", "id"], set_=values))


async def move_party_members(event: Any, tx: Tx) -> None:
    """Applies a merge, un-merge or split to every table that has the pair."""
    # In one order everywhere, so that two events do not wait for each other.
    for move in sorted(event.moves, key=lambda move: move.identity_id):
        await apply_move(tx, UUID(move.identity_id), UUID(move.to_party_id), int(move.version))


def built_in_consumers() -> list[Consumer]:
    """The consumers that every service has without naming them; those whose event the contract lacks are left out."""
    wanted = [
        ("chassis.keep_tenant", keep_tenant, ["gateway.v1.TenantCreated", "gateway.v1.TenantUpdated"], True),
        (
            "chassis.keep_unit",
            keep_unit,
            ["gateway.v1.UnitCreated", "gateway.v1.UnitUpdated", "gateway.v1.UnitDeleted"],
            True,
        ),
        ("chassis.move_party_members", move_party_members, ["leads.v1.PartyMembersMoved"], False),
    ]
    consumers = []
    for name, handler, events, newest_wins in wanted:
        known = tuple(message_class(f"tercet.{event}") for event in events if has_message(f"tercet.{event}"))
        if known:
            consumers.append(Consumer(name, handler, known, newest_wins, EVERY_ORIGIN))
    return consumers


def linked(entities: list[type[Entity]]) -> list[type[Entity]]:
    """The entities that have the pair of identity and party."""
    return [entity for entity in entities if issubclass(entity, Linked)]
