"""Roles: whoever writes one may not reach beyond what they hold."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from tercet.gateway.v1 import events_pb2 as events
from tercet.gateway.v1.role_service_pb2 import CreateRoleRequest, DeleteRoleRequest, UpdateRoleRequest
from tercet_chassis import Handlers, Tx
from tercet_gateway.roles import store
from tercet_gateway.roles.errors import RoleInUse
from tercet_gateway.roles.giving import check_giving
from tercet_gateway.roles.model import Role


class RoleService(Handlers):
    """Serves tercet.gateway.v1.RoleService."""

    async def CreateRole(self, request: CreateRoleRequest, tx: Tx) -> Role:
        """Makes a role. Refuses one that allows or shows more than its maker may."""
        role = await tx.create(Role, request.role)
        check_giving(tx.principal, role.held_grants(), role.masks)
        tx.emit(events.RoleCreated, role)
        return role

    async def UpdateRole(self, request: UpdateRoleRequest, tx: Tx) -> Role:
        """Changes a role. Refuses the built-in one, and one beyond the caller's own rights, before or after."""
        role = await tx.get(Role, request.role.id, etag=request.role.etag)
        role.check_changeable()
        check_giving(tx.principal, role.held_grants(), role.masks)
        await tx.patch(role, request.role, request.update_mask)
        check_giving(tx.principal, role.held_grants(), role.masks)
        if tx.session.is_modified(role):
            tx.emit(events.RoleUpdated, role)
        return role

    async def DeleteRole(self, request: DeleteRoleRequest, tx: Tx) -> Empty:
        """Removes a role that nobody has. Refuses the built-in one and one in use."""
        role = await tx.get(Role, request.id, etag=request.etag, lock=True)
        role.check_changeable()
        if users := await store.holders(tx, role):
            raise RoleInUse(code=role.code, users=users)
        tx.emit(events.RoleDeleted, role)
        await tx.delete(role)
        return Empty()
