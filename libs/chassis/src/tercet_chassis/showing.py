"""What a caller sees of a reply, and of the reasons that rules give: nothing that the roles' masks hide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from tercet_chassis import custom_fields
from tercet_chassis.context import Context
from tercet_chassis.entity import Custom, Entity
from tercet_chassis.masking import holds_personal, mask
from tercet_chassis.principal import hides

if TYPE_CHECKING:
    from tercet_chassis.host import Host, Reading


async def shown(runtime: Host, reply: Message, context: Context) -> Message:
    """The reply as the caller may see it. What was replied stays as it is: a process goes on with it, and others may
    wait for it too.
    """
    masks = context.principal.masks
    if not masks or not holds_personal(reply.DESCRIPTOR.full_name):
        return reply
    own = await _own_fields(runtime, context)
    seen = type(reply)()
    seen.CopyFrom(reply)
    mask(seen, masks, own=lambda full_name: own.get(full_name, {}))
    return seen


async def hidden_paths(tx: Reading, entity: type[Entity]) -> frozenset[str]:
    """The paths of conditions on an entity whose values are masked for the caller: an explanation must not tell them
    either.
    """
    masks = tx.principal.masks
    if not masks:
        return frozenset()
    return frozenset(path for path, personal in (await _personal(tx, entity)).items() if hides(masks, personal))


async def personal_paths(tx: Reading, entity: type[Entity]) -> frozenset[str]:
    """The paths of conditions on an entity that hold personal data: an explanation that is kept tells none of them."""
    return frozenset(await _personal(tx, entity))


async def _personal(tx: Reading, entity: type[Entity]) -> dict[str, str]:
    # What has no message of its own is shown to nobody and holds nothing personal.
    binding = tx.runtime.bindings.find(entity)
    found = {} if binding is None else dict(binding.personal_fields())
    if issubclass(entity, Custom):
        own = custom_fields.personal(await custom_fields.definitions(tx, entity.__tablename__))
        found |= {f"custom.{key}": personal for key, personal in own.items()}
    return found


async def _own_fields(runtime: Host, context: Context) -> Mapping[str, Mapping[str, str]]:
    """The tenant's own personal fields by the full name of the resource."""
    if context.tenant_id is None:
        return {}
    by_table = await custom_fields.of_tenant(runtime, context.tenant_id)
    return {
        binding.type_name: custom_fields.personal(by_table[table])
        for binding in runtime.bindings.all()
        if (table := binding.entity.__tablename__) in by_table
    }
