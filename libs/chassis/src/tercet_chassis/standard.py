"""The free methods: Get, List, Create, Update and Delete of any resource that an entity is bound to."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from tercet_chassis.contract import ContractBroken, Method, message_class
from tercet_chassis.entity import Entity
from tercet_chassis.errors import ResourceNotFound
from tercet_chassis.reading import Look
from tercet_chassis.row_json import JsonReply
from tercet_chassis.transaction import Tx, check_etag

if TYPE_CHECKING:
    from tercet_chassis.binding import Bindings

Unit = Callable[[Any, Tx], Awaitable[Any]]
Read = Callable[[Any, Look], Awaitable[Message | JsonReply]]
_VERB = re.compile(r"^(Get|List|Create|Update|Delete)([A-Z]\w*)$")


def free_method(method: Method, package: str, bindings: Bindings) -> Unit | Read | None:
    """The handler of a standard method without code of its own; None when the name or the resource is not standard."""
    match = _VERB.match(method.name)
    if match is None:
        return None
    verb = match.group(1)
    if verb == "List":
        resource = next(
            (f.message_type for f in method.response.DESCRIPTOR.fields if f.message_type is not None and f.is_repeated),
            None,
        )
        full_name = resource.full_name if resource is not None else ""
    elif verb == "Delete":
        full_name = f"{package}.{match.group(2)}"
    else:
        full_name = method.response.DESCRIPTOR.full_name
    binding = bindings.for_message(full_name)
    if binding is None:
        return None
    event = _event(method, package)
    makers: dict[str, Callable[..., Unit | Read]] = {
        "Get": _get,
        "List": _list,
        "Create": _create,
        "Update": _update,
        "Delete": _delete,
    }
    return makers[verb](binding.entity, method, event)


def _event(method: Method, package: str) -> type[Message] | None:
    name = method.rule.event
    if not name:
        return None
    try:
        return message_class(f"{package}.{name}")
    except KeyError as unknown:
        raise ContractBroken(f"{method.full_name} names the event {name}, which {package} has not") from unknown


def _resource_name(method: Method, entity: type[Entity]) -> str:
    for field in method.request.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.full_name == method.response.DESCRIPTOR.full_name:
            return str(field.name)
    raise ContractBroken(f"{method.full_name}: its request has no field of type {entity.__name__}")


def _get(entity: type[Entity], method: Method, _: type[Message] | None) -> Read:
    async def get(request: Any, look: Look) -> Message:
        found = await look.find(entity, request.id)
        if found is None:
            raise ResourceNotFound(type=entity.__name__, id=request.id)
        return found

    return get


def _list(entity: type[Entity], method: Method, _: type[Message] | None) -> Read:
    async def list_(request: Any, look: Look) -> Message | JsonReply:
        return await look.page(entity, request, response=method.response)

    return list_


def _create(entity: type[Entity], method: Method, event: type[Message] | None) -> Unit:
    name = _resource_name(method, entity)

    async def create(request: Any, tx: Tx) -> Entity:
        made = await tx.create(entity, getattr(request, name))
        if event is not None:
            tx.emit(event, made)
        return made

    return create


def _update(entity: type[Entity], method: Method, event: type[Message] | None) -> Unit:
    name = _resource_name(method, entity)

    async def update(request: Any, tx: Tx) -> Entity:
        message = getattr(request, name)
        found = await tx.get(entity, message.id, etag=getattr(message, "etag", ""))
        mask = request.update_mask if request.HasField("update_mask") else None
        await tx.patch(found, message, mask)
        if event is not None and tx.session.is_modified(found):
            tx.emit(event, found)
        return found

    return update


def _delete(entity: type[Entity], method: Method, event: type[Message] | None) -> Unit:
    async def delete(request: Any, tx: Tx) -> Message:
        found = await tx.get(entity, request.id)
        check_etag(found, getattr(request, "etag", ""))
        if event is not None:
            tx.emit(event, found)
        await tx.delete(found)
        return Empty()

    return delete
