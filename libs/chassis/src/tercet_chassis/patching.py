"""PATCH: a mask of paths, a message with the new values, and an entity that must be valid as a whole afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from tercet_chassis import custom_fields, validation
from tercet_chassis.entity import Custom, Entity
from tercet_chassis.errors import InvalidArgument, Violation

if TYPE_CHECKING:
    from tercet_chassis.transaction import Tx

_NEVER = frozenset({"id", "etag", "create_time", "update_time"})


class FieldNotWritable(InvalidArgument):
    """The mask names fields that clients may not set, or that there are not."""

    text = "The update names fields that cannot be set: {fields}. Leave them out."


async def patch(tx: Tx, entity: Any, message: Message, mask: FieldMask | None) -> Any:
    """Sets the masked fields (without a mask: those the message has), checks the whole, and gives the entity back."""
    binding = tx.runtime.bindings.of(type(entity))
    paths = list(mask.paths) if mask is not None and mask.paths else [field.name for field, _ in message.ListFields()]
    names = list(dict.fromkeys(path.split(".")[0] for path in paths))
    if "*" in names:
        names = [bound.name for bound in binding.fields.values() if not bound.output_only and not bound.immutable]
    allowed = [name for name in names if name not in _NEVER]
    wrong = [
        name
        for name in allowed
        if name not in binding.fields
        or binding.fields[name].output_only
        or binding.fields[name].immutable
        or not binding.fields[name].read
    ]
    if mask is not None and mask.paths and wrong:
        raise FieldNotWritable(
            fields=", ".join(wrong),
            violations=[
                Violation(name, "FIELD_NOT_WRITABLE", f"{name} cannot be set; leave it out.") for name in wrong
            ],
        )
    values = binding.values(message, creating=False, only=[name for name in allowed if name not in wrong])
    if "custom" in values and isinstance(entity, Custom):
        values["custom"] = await _custom(tx, entity, values["custom"], paths)
    for name in ("external_system", "external_id"):
        if name in values:
            setattr(entity, name, values.pop(name))
    for name, value in values.items():
        if getattr(entity, name) != value:
            setattr(entity, name, value)
    validation.check(binding.render(entity))
    return entity


async def _custom(tx: Tx, entity: Entity, given: dict[str, Any], paths: list[str]) -> dict[str, Any]:
    keys = [path.split(".", 1)[1] for path in paths if path.startswith("custom.")]
    current = dict(getattr(entity, "custom", None) or {})
    if keys:
        merged = {**current, **{key: given.get(key) for key in keys}}
    else:
        merged = {**current, **given}
    kept = {key: value for key, value in merged.items() if value is not None}
    return await custom_fields.checked(tx, type(entity), kept)
