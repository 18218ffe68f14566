"""Definitions of the tenant's own fields."""

from __future__ import annotations

from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict, ParseDict
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from tercet.chassis.v1.custom_field_service_pb2 import (
    CustomField,
    DeleteCustomFieldRequest,
    ListCustomFieldsRequest,
    ListCustomFieldsResponse,
    SetCustomFieldRequest,
)
from tercet_chassis.entity import Custom, Entity, view
from tercet_chassis.errors import FailedPrecondition, InvalidArgument
from tercet_chassis.handlers import Handlers
from tercet_chassis.tables import custom_fields
from tercet_chassis.transaction import Tx


class ResourceHasNoCustomFields(InvalidArgument):
    """The collection does not take custom fields."""

    text = "{resource} takes no custom fields; choose one of {known}."
    field = "custom_field.resource"


class CustomFieldInUse(FailedPrecondition):
    """The type of a field with values was to change."""

    text = "{key} has values of type {type}; define a new field and move the values."
    field = "custom_field.type"


class CustomFieldService(Handlers):
    """Serves tercet.chassis.v1.CustomFieldService."""

    async def SetCustomField(self, request: SetCustomFieldRequest, tx: Tx) -> CustomField:
        given = request.custom_field
        entity = _entity(tx, given.resource)
        definition: dict[str, Any] = MessageToDict(given, preserving_proto_field_name=True)
        mine = (
            (custom_fields.c.tenant_id == tx.tenant_id)
            & (custom_fields.c.resource_type == given.resource)
            & (custom_fields.c.key == given.key)
        )
        before = (await tx.session.execute(select(custom_fields.c.definition).where(mine))).scalar()
        if before is not None and before["type"] != definition["type"] and await _has_values(tx, entity, given.key):
            raise CustomFieldInUse(key=given.key, type=before["type"])
        row = insert(custom_fields).values(
            tenant_id=tx.tenant_id, resource_type=given.resource, key=given.key, definition=definition
        )
        changed = {"definition": definition, "update_time": func.clock_timestamp()}
        await tx.session.execute(
            row.on_conflict_do_update(index_elements=["tenant_id", "resource_type", "key"], set_=changed)
        )
        return given

    async def ListCustomFields(self, request: ListCustomFieldsRequest, tx: Tx) -> ListCustomFieldsResponse:
        query = select(custom_fields.c.definition).where(custom_fields.c.tenant_id == tx.tenant_id)
        if request.resource:
            query = query.where(custom_fields.c.resource_type == request.resource)
        rows = await tx.session.scalars(query.order_by(custom_fields.c.resource_type, custom_fields.c.key))
        return ListCustomFieldsResponse(custom_fields=[ParseDict(row, CustomField()) for row in rows])

    async def DeleteCustomField(self, request: DeleteCustomFieldRequest, tx: Tx) -> Empty:
        mine = (custom_fields.c.tenant_id == tx.tenant_id) & (custom_fields.c.resource_type == request.resource)
        await tx.session.execute(delete(custom_fields).where(mine, custom_fields.c.key == request.key))
        return Empty()


def _entity(tx: Tx, resource: str) -> type[Entity]:
    known = {entity.__tablename__: entity for entity in tx.runtime.service.entities if issubclass(entity, Custom)}
    if resource not in known:
        raise ResourceHasNoCustomFields(resource=resource, known=", ".join(sorted(known)))
    return known[resource]


async def _has_values(tx: Tx, entity: type[Entity], key: str) -> bool:
    rows = view(entity)
    return (await tx.session.execute(select(rows.c.id).where(rows.c.custom.has_key(key)).limit(1))).first() is not None
