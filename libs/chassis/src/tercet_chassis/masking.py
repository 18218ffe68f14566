"""Field masks: what a caller's roles hide is shortened in every response, wherever in it the value stands."""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tercet.options.v1 import options_pb2
from tercet_chassis.binding import holds_personal
from tercet_chassis.contract import repeated, rule_of


def shortened(text: str) -> str:
    """Enough to recognise a value that one knows, not enough to use it: `13812345678` -> `138****5678`."""
    if "@" in text:
        name, _, host = text.partition("@")
        return f"{name[:1]}***@{host}"
    if len(text) >= 8:
        return f"{text[:3]}****{text[-4:]}"
    return f"{text[:1]}**" if text else text


@cache
def _class_of(field: Any) -> str:
    return str(options_pb2.PersonalData.Name(rule_of(field).personal_data))


def mask(message: Message, masks: frozenset[str]) -> None:
    """Shortens in place every value whose class of personal data is in `masks`; other kinds of value are cleared."""
    if not masks or not holds_personal(message.DESCRIPTOR.full_name):
        return
    for field, value in message.ListFields():
        if _class_of(field) in masks:
            _hide(message, field, value)
        elif field.message_type is not None:
            _descend(field, value, masks)


def _descend(field: Any, value: Any, masks: frozenset[str]) -> None:
    if field.message_type.GetOptions().map_entry:
        if field.message_type.fields_by_name["value"].message_type is not None:
            for inner in value.values():
                mask(inner, masks)
    elif repeated(field):
        for inner in value:
            mask(inner, masks)
    else:
        mask(value, masks)


def _hide(message: Message, field: Any, value: Any) -> None:
    if field.type != FieldDescriptor.TYPE_STRING:
        message.ClearField(field.name)
    elif repeated(field):
        value[:] = [shortened(text) for text in value]
    else:
        setattr(message, field.name, shortened(value))
