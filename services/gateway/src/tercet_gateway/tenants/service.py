"""Tenants: made whole or not at all."""

from __future__ import annotations

from tercet.gateway.v1 import events_pb2 as events
from tercet.gateway.v1.tenant_service_pb2 import (
    CreateTenantRequest,
    CreateTenantResponse,
    GetTenantRequest,
    SetTenantStateRequest,
    UpdateTenantRequest,
)
from tercet.gateway.v1.tenant_service_pb2 import Tenant as TenantMessage
from tercet.gateway.v1.unit_service_pb2 import Unit as UnitMessage
from tercet_chassis import Handlers, Tx, new_id
from tercet_chassis.errors import ResourceNotFound
from tercet_chassis.transaction import check_etag
from tercet_gateway.roles.model import Role
from tercet_gateway.roles.samples import ADMIN, SAMPLE_ROLES
from tercet_gateway.tenants import store
from tercet_gateway.tenants.errors import TenantCodeTaken
from tercet_gateway.tenants.model import Tenant
from tercet_gateway.units.model import Unit, check_zone
from tercet_gateway.users.model import User
from tercet_gateway.users.passwords import set_password


class TenantService(Handlers):
    """Serves tercet.gateway.v1.TenantService."""

    async def CreateTenant(self, request: CreateTenantRequest, tx: Tx) -> CreateTenantResponse:
        """Makes tenant, root unit, sample roles and first user. Refuses a code that is taken, and a weak password."""
        await store.enter(tx, tx.context.tenant_id or new_id())
        if not await store.register(tx, request.tenant.code, tx.tenant_id):
            raise TenantCodeTaken(code=request.tenant.code)
        tenant = await tx.create(Tenant, request.tenant)
        tenant.id = tx.tenant_id
        check_zone(tenant.zone)
        root = await self._root(request, tenant, tx)
        for values in SAMPLE_ROLES:
            tx.emit(events.RoleCreated, tx.add(Role(**values)))
        admin = await tx.create(User, request.admin)
        admin.join(root.id, [{"role_code": ADMIN}])
        await set_password(tx, admin, request.admin.password)
        tx.emit(events.TenantCreated, tenant)
        tx.emit(events.UnitCreated, root)
        tx.emit(events.UserCreated, admin)
        await tx.flush()
        return CreateTenantResponse(tenant=tx.render(tenant), root_unit=tx.render(root), admin=tx.render(admin))  # type: ignore[arg-type]

    async def _root(self, request: CreateTenantRequest, tenant: Tenant, tx: Tx) -> Unit:
        message = UnitMessage(
            code=tenant.code,
            name=tenant.name,
            type=UnitMessage.GROUP,
            reporting_currency=tenant.reporting_currency,
            zone=tenant.zone,
        )
        if request.HasField("root_unit"):
            message.MergeFrom(request.root_unit)
        root = await tx.create(Unit, message)
        root.parent_id = None
        root.place_below(None)
        root.check()
        return root

    async def GetTenant(self, _request: GetTenantRequest, tx: Tx) -> Tenant:
        """The caller's tenant. Refuses when it is not in the register."""
        tenant = await store.own(tx)
        if tenant is None:
            raise ResourceNotFound(type="Tenant", id=tx.tenant_id)
        return tenant

    async def UpdateTenant(self, request: UpdateTenantRequest, tx: Tx) -> Tenant:
        """Changes the caller's tenant. Refuses a stale etag and an unknown zone."""
        tenant = await self.GetTenant(GetTenantRequest(), tx)
        check_etag(tenant, request.tenant.etag)
        await tx.patch(tenant, request.tenant, request.update_mask)
        check_zone(tenant.zone)
        if tx.session.is_modified(tenant):
            tx.emit(events.TenantUpdated, tenant)
        return tenant

    async def SetTenantState(self, request: SetTenantStateRequest, tx: Tx) -> Tenant:
        """Suspends the tenant or lets it in again. Refuses when there is none."""
        tenant = await self.GetTenant(GetTenantRequest(), tx)
        tenant.state = TenantMessage.State.Name(request.state)
        if tx.session.is_modified(tenant):
            tx.emit(events.TenantUpdated, tenant)
        return tenant
