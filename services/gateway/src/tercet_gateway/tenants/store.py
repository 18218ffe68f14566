"""Queries of the tenants' register, and the way into a tenant for callers that are not known yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis import Tx
from tercet_chassis.database import NOBODY, enter_tenant
from tercet_gateway.tenants.errors import TenantUnknown
from tercet_gateway.tenants.model import RegisteredTenant, Tenant


async def register(tx: Tx, code: str, tenant_id: UUID) -> bool:
    """Puts a code into the register; False when the code or the tenant is there."""
    table: Any = RegisteredTenant.__table__
    row = {
        "tenant_id": NOBODY,
        "id": tenant_id,
        "code": code,
        "create_time": tx.now(),
        "update_time": tx.now(),
        "row_version": 1,
    }
    await enter_tenant(tx.session, None)
    made = await tx.session.execute(insert(table).values(row).on_conflict_do_nothing().returning(table.c.id))
    fresh = made.first() is not None
    await enter_tenant(tx.session, tx.context.tenant_id)
    return fresh


async def enter(tx: Tx, tenant_id: UUID) -> None:
    """Goes on in this tenant, with the rights the caller had."""
    tx.context = replace(tx.context, principal=replace(tx.principal, tenant_id=tenant_id))
    await enter_tenant(tx.session, tenant_id)


async def enter_by_code(tx: Tx, code: str) -> Tenant:
    """Goes on in the tenant of that code. Refuses a code that no tenant has, and a suspended tenant."""
    await enter_tenant(tx.session, None)
    id = await tx.session.scalar(select(RegisteredTenant.id).where(RegisteredTenant.code == code))
    if id is None:
        await enter_tenant(tx.session, tx.context.tenant_id)
        raise TenantUnknown(code=code)
    return await enter_by_id(tx, id)


async def enter_by_id(tx: Tx, id: UUID) -> Tenant:
    """Goes on in the tenant. Refuses one that does not exist or is suspended."""
    await enter(tx, id)
    tenant = await own(tx)
    if tenant is None:
        raise TenantUnknown(code=id)
    tenant.check_active()
    return tenant


async def own(tx: Tx) -> Tenant | None:
    """The tenant that the transaction is in."""
    return (await tx.session.scalars(select(Tenant).where(Tenant.id == tx.tenant_id))).one_or_none()
