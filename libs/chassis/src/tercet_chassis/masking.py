"""Field masks: what a caller's roles hide is shortened in every response, wherever in it the value stands."""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tercet.options.v1 import options_pb2
from tercet_chassis.binding import holds_personal
from tercet_chassis.contract import repeated, rule_of

_CLASSES = frozenset(options_pb2.PersonalData.keys())


def shortened(text: str) -> str:
    """Enough to recognise a value that one knows, not enough to use it: `13812345678` -> `138****5678`."""
    if "@" in text:
        name, _, host = text.partition("@")
        return f"{name[:1]}***@{host}"
    if len(text) >= 8:
        return f"{text[:3]}****{text[-4:]}"
    return f"{text[:1]}**" if text else text


@cache
def _class_of(field: Any) -> tuple[str, str]:
    rule = rule_of(field)
    return options_pb2.PersonalData.Name(rule.personal_data) if rule.personal_data else "", rule.personal_data_by


def _class_in(field: Any, message: Message, around: Message | None) -> str:
    """The class of this very value: what the field beside it says, else what the field itself is marked with."""
    declared, by = _class_of(field)
    if not by:
        return declared
    beside, said = message.DESCRIPTOR.fields_by_name[by], getattr(message, by)
    if beside.enum_type is not None:
        value = beside.enum_type.values_by_number.get(said)
        return value.name if value is not None and value.name in _CLASSES else declared
    named = None if around is None else around.DESCRIPTOR.fields_by_name.get(said)
    return (named is not None and _class_of(named)[0]) or declared


def mask(message: Message, masks: frozenset[str], around: Message | None = None) -> None:
    """Shortens in place every value whose class of personal data is in `masks`; other kinds of value are cleared.
    `around` is the message that holds this one.
    """
    if not masks or not holds_personal(message.DESCRIPTOR.full_name):
        return
    for field, value in message.ListFields():
        if _class_in(field, message, around) in masks:
            _hide(message, field, value)
        elif field.message_type is not None:
            _descend(message, field, value, masks)


def _descend(message: Message, field: Any, value: Any, masks: frozenset[str]) -> None:
    if field.message_type.GetOptions().map_entry:
        if field.message_type.fields_by_name["value"].message_type is not None:
            for inner in value.values():
                mask(inner, masks, message)
    elif repeated(field):
        for inner in value:
            mask(inner, masks, message)
    else:
        mask(value, masks, message)


def _hide(message: Message, field: Any, value: Any) -> None:
    if field.type != FieldDescriptor.TYPE_STRING:
        message.ClearField(field.name)
    elif repeated(field):
        value[:] = [shortened(text) for text in value]
    else:
        setattr(message, field.name, shortened(value))
