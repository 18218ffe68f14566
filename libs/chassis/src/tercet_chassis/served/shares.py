"""Single records shown to people and units beyond their reach."""

from __future__ import annotations

import re
from uuid import UUID

from google.protobuf.empty_pb2 import Empty
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.dialects.postgresql import insert

from tercet.chassis.v1.share_service_pb2 import (
    ListSharesRequest,
    ListSharesResponse,
    Share,
    ShareResourceRequest,
    UnshareResourceRequest,
)
from tercet_chassis.entity import Entity, Owned, view
from tercet_chassis.errors import InvalidArgument, PermissionMissing, ResourceNotFound
from tercet_chassis.handlers import Handlers
from tercet_chassis.scopes import reach
from tercet_chassis.tables import shares
from tercet_chassis.transaction import Tx

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class ResourceNotShareable(InvalidArgument):
    """Records of that kind belong to nobody, so no scope bounds who sees them."""

    text = "{resource} cannot be shared one by one; choose one of {known}."
    field = "resource"


class ShareService(Handlers):
    """Serves tercet.chassis.v1.ShareService."""

    async def ShareResource(self, request: ShareResourceRequest, tx: Tx) -> Share:
        given = request.share
        record = await _within_reach(tx, given.resource, given.resource_id)
        row = {"tenant_id": tx.tenant_id, "resource_type": given.resource, "resource_id": record}
        made = insert(shares).values(**row, subject=str(UUID(given.subject_id))).on_conflict_do_nothing()
        if (await tx.session.execute(made.returning(shares.c.subject))).first() is not None:
            tx.audit(given.resource, record, "SHARE", {"subject_id": [None, given.subject_id]})
        return given

    async def ListShares(self, request: ListSharesRequest, tx: Tx) -> ListSharesResponse:
        record = await _within_reach(tx, request.resource, request.resource_id)
        query = select(shares.c.subject).where(*_of(tx, request.resource, record)).order_by(shares.c.subject)
        found = (await tx.session.scalars(query)).all()
        one = {"resource": request.resource, "resource_id": str(record)}
        return ListSharesResponse(shares=[Share(**one, subject_id=subject) for subject in found])

    async def UnshareResource(self, request: UnshareResourceRequest, tx: Tx) -> Empty:
        record = await _within_reach(tx, request.resource, request.resource_id)
        subject = str(UUID(request.subject_id))
        gone = delete(shares).where(*_of(tx, request.resource, record), shares.c.subject == subject)
        if (await tx.session.execute(gone.returning(shares.c.subject))).first() is not None:
            tx.audit(request.resource, record, "UNSHARE", {"subject_id": [subject, None]})
        return Empty()


def _of(tx: Tx, resource: str, record: UUID) -> tuple[ColumnElement[bool], ...]:
    # The chassis's own tables have no fence, so the tenant is named.
    return (shares.c.tenant_id == tx.tenant_id, shares.c.resource_type == resource, shares.c.resource_id == record)


async def _within_reach(tx: Tx, resource: str, id: str) -> UUID:
    """The record's id, when the caller may share it."""
    known = {
        entity.__tablename__: entity
        for entity in tx.runtime.service.entities
        if issubclass(entity, Owned) and entity.__message__ is not None
    }
    if resource not in known:
        raise ResourceNotShareable(resource=resource, known=", ".join(sorted(known)))
    permission = share_permission(tx.runtime.service.name, known[resource])
    if not tx.principal.scopes(permission):
        raise PermissionMissing(permission=permission)
    rows = view(known[resource])
    query = select(rows.c.id).where(rows.c.id == UUID(id), reach(known[resource], rows.c, tx.principal, permission))
    if (found := (await tx.session.execute(query)).scalar()) is None:
        raise ResourceNotFound(type=known[resource].__name__, id=id)
    return UUID(str(found))


def share_permission(service: str, entity: type[Entity]) -> str:
    """`leads.lead.share`: the permission to share records of a kind."""
    return f"{service}.{_WORD.sub('_', entity.__name__).lower()}.share"
