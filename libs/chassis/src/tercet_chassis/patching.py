"""PATCH: a mask of paths, a message with the new values, and an entity that must be valid as a whole afterwards."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from tercet_chassis import custom_fields, validation
from tercet_chassis.binding import Binding
from tercet_chassis.entity import Custom
from tercet_chassis.errors import InvalidArgument, Violation
from tercet_chassis.showing import shown

if TYPE_CHECKING:
    from tercet_chassis.host import Writing

_NEVER = frozenset({"id", "etag", "create_time", "update_time"})


class FieldNotWritable(InvalidArgument):
    """The mask names fields that clients may not set, or that there are not."""

    text = "The update names fields that cannot be set: {fields}. Leave them out."


async def patch(tx: Writing, entity: Any, message: Message, mask: FieldMask | None) -> Any:
    """Sets the masked fields (without a mask: those the message has) and checks the whole. A value that is sent back
    as the caller was shown it, shortened, stays what it is.

    Refuses fields that clients may not set, and a result that breaks a rule.
    """
    binding = tx.runtime.bindings.of(type(entity))
    current = binding.render(entity)
    paths = _paths(binding, message, mask)
    names = list(dict.fromkeys(path.partition(".")[0] for path in paths))
    seen = await shown(tx.runtime, current, tx.context)
    if seen is not current:
        message = _as_stored(message, names, seen, current)
    fixed = [name for name in names if not _writable(binding, name)]
    if mask is not None and mask.paths:
        _refuse(binding, fixed, current, message)
    open_ = [name for name in names if name not in fixed]
    values = binding.values(_merged(binding, current, message, paths), creating=False, only=open_)
    if "custom" in values and isinstance(entity, Custom):
        values["custom"] = await _custom(tx, entity, binding.values(message, creating=False, only=["custom"]), paths)
    for name, value in values.items():
        if getattr(entity, name) != value:
            setattr(entity, name, value)
    validation.check(binding.render(entity), prefix=f"{_field_name(message)}.")
    return entity


def _as_stored(message: Any, names: Sequence[str], seen: Any, current: Any) -> Any:
    """The message with what is stored wherever it says what the caller was shown."""
    told = type(message)()
    told.CopyFrom(message)
    for name in (name for name in names if name in message.DESCRIPTOR.fields_by_name):
        given, shown_value, stored = (getattr(one, name) for one in (message, seen, current))
        if name == "custom":
            for key, value in stored.fields.items():
                if given.fields.get(key) == shown_value.fields.get(key):
                    told.custom.fields[key].CopyFrom(value)
        elif given == shown_value != stored:
            told.ClearField(name)
            told.MergeFrom(type(message)(**{name: stored}))
    return told


def _paths(binding: Binding, message: Message, mask: FieldMask | None) -> list[str]:
    if mask is None or not mask.paths:
        return [field.name for field, _ in message.ListFields() if field.name not in _NEVER]
    if "*" in mask.paths:
        return [name for name in binding.fields if _writable(binding, name)]
    return [path for path in mask.paths if path not in _NEVER]


def _writable(binding: Binding, name: str) -> bool:
    bound = binding.fields.get(name)
    return bound is not None and bound.read is not None and not bound.output_only and not bound.immutable


def _refuse(binding: Binding, names: Sequence[str], current: Any, message: Any) -> None:
    # What was read may be sent back whole: an immutable field with its present value changes nothing.
    wrong = [name for name in names if not _unchanged(binding, name, current, message)]
    if wrong:
        raise FieldNotWritable(
            fields=", ".join(wrong),
            violations=[
                Violation(name, "FIELD_NOT_WRITABLE", f"{name} cannot be set; leave it out.") for name in wrong
            ],
        )


def _unchanged(binding: Binding, name: str, current: Any, message: Any) -> bool:
    bound = binding.fields.get(name)
    return bound is not None and bound.immutable and bool(getattr(current, name) == getattr(message, name))


def _merged(binding: Binding, current: Message, message: Message, paths: Sequence[str]) -> Message:
    """The message, its partly masked parts completed from what is there: `cost.amount` leaves the currency alone."""
    inner = [
        path for path in paths if "." in path and binding.fields[path.partition(".")[0]].kind in ("message", "money")
    ]
    if not inner:
        return message
    merged = type(message)()
    merged.CopyFrom(message)
    for name in {path.partition(".")[0] for path in inner} - set(paths):
        whole, given = getattr(merged, name), getattr(message, name)
        whole.CopyFrom(getattr(current, name))
        below = FieldMask(paths=[path.partition(".")[2] for path in inner if path.startswith(f"{name}.")])
        try:
            below.MergeMessage(given, whole, replace_message_field=True, replace_repeated_field=True)
        except ValueError as unknown:
            raise FieldNotWritable(fields=name) from unknown
    return merged


async def _custom(tx: Writing, entity: Any, given: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """The fields of the tenant's own after the patch: named ones set or cleared, all others as they are."""
    values = given["custom"]
    keys = [path.partition(".")[2] for path in paths if path.startswith("custom.")] or list(values)
    changed = {key: values.get(key) for key in keys}
    stored = await custom_fields.checked(tx, type(entity), changed, creating=False)
    kept = {key: value for key, value in (getattr(entity, "custom", None) or {}).items() if key not in changed}
    return {**kept, **stored}


def _field_name(message: Message) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", message.DESCRIPTOR.name).lower()
