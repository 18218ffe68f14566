"""The lists that the API has, from the protos: what a saved view may be of, and which of its fields there are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from google.api import annotations_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor
from tercet_protos import import_all

from tercet_chassis.contract import repeated
from tercet_conditions import ConditionError, parse_order_by, parse_text
from tercet_gateway.views.errors import CollectionUnknown, ColumnUnknown, ViewFilterInvalid, ViewOrderInvalid
from tercet_gateway.views.model import SavedView
from tercet_gateway.webhooks.events import resource_schema

# What a tenant defines is known to the owning service only; its list refuses what does not fit when the view is used.
_TENANT_S_OWN = ("custom.", "external_ref.")


@cache
def collections() -> Mapping[str, Descriptor]:
    """The resource of each list `/v1/<collection>`."""
    pool = descriptor_pool.Default()
    found: dict[str, Descriptor] = {}
    for file_name in import_all():
        for service in pool.FindFileByName(file_name).services_by_name.values():
            for method in service.methods:
                path: str = method.GetOptions().Extensions[annotations_pb2.http].get
                if method.name.startswith("List") and path.count("/") == 2 and ":" not in path:
                    items = [f for f in method.output_type.fields if repeated(f) and f.message_type is not None]
                    if items and items[0].message_type is not None:
                        found[path.removeprefix("/v1/")] = items[0].message_type
    return found


def check_view(view: SavedView) -> None:
    """Refuses a collection that does not exist, and columns, filter and order that do not fit it."""
    resource = collections().get(view.collection)
    if resource is None:
        raise CollectionUnknown(collection=view.collection)
    fields: Any = resource.fields_by_name
    for column in view.columns:
        if column.split(".")[0] not in fields:
            raise ColumnUnknown(collection=view.collection, column=column)
    schema = resource_schema(resource, frozenset())
    if view.filter and not any(prefix in view.filter for prefix in _TENANT_S_OWN):
        try:
            parse_text(view.filter, schema)
        except ConditionError as wrong:
            raise ViewFilterInvalid(collection=view.collection, detail=str(wrong)) from wrong
    if view.order_by and not any(prefix in view.order_by for prefix in _TENANT_S_OWN):
        try:
            parse_order_by(view.order_by, schema)
        except ConditionError as wrong:
            raise ViewOrderInvalid(collection=view.collection, detail=str(wrong)) from wrong
