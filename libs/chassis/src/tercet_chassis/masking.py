"""Field masks: what a caller's roles hide is shortened in every response, wherever in it the value stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct

from tercet.options.v1 import options_pb2
from tercet_chassis.contract import message_class, repeated, rule_of
from tercet_chassis.principal import hides

# Of a resource's full name: the tenant's own fields that are personal, key -> class; None where nobody can tell.
OwnFields = Callable[[str], Mapping[str, str] | None]

_CLASSES = frozenset(options_pb2.PersonalData.keys())
# A day is known from half of its digits, and of what came as a whole any part may be somebody's number.
_WHOLLY = frozenset({"BIRTH_DATE", "RAW"})
_MAILBOX = re.compile(r"[\w.+%-]{1,64}@[\w-]+(\.[\w-]+)+")
_ANY, _STRUCT = "google.protobuf.Any", "google.protobuf.Struct"


def shortened(text: str) -> str:
    """Enough to recognise a value that one knows, not enough to use it: `13812345678` -> `138****5678`."""
    if _MAILBOX.fullmatch(text):
        name, _, host = text.partition("@")
        return f"{name[:1]}***@{host}"
    if len(text) >= 11:
        return f"{text[:3]}****{text[-4:]}"
    if len(text) >= 8:
        return f"{text[:2]}****{text[-2:]}"
    return f"{text[:1]}**" if text else text


def unknown(_: str) -> None:
    """Which of the tenant's own fields are personal is not known here: none is shown."""


def mask(message: Message, masks: frozenset[str], around: Message | None = None, own: OwnFields = unknown) -> None:
    """Shortens in place every value whose class of personal data `masks` hide; other kinds of value are cleared.
    `around` is the message that holds this one.
    """
    if masks:
        _Masking(masks, own).apply(message, around)


@cache
def holds_personal(full_name: str) -> bool:
    """Whether a message or anything inside it may be personal: by its mark, as a tenant's own field, or packed in."""
    seen: set[str] = set()

    def look(name: str) -> bool:
        if name in seen:
            return False
        seen.add(name)
        return name == _ANY or any(
            rule_of(field).personal_data
            or _is_own(field)
            or (field.message_type is not None and look(field.message_type.full_name))
            for field in message_class(name).DESCRIPTOR.fields
        )

    return look(full_name)


def _is_own(field: Any) -> bool:
    return field.name == "custom" and field.message_type is not None and field.message_type.full_name == _STRUCT


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


@dataclass(frozen=True, slots=True)
class _Masking:
    """One caller's masks, going through one reply."""

    masks: frozenset[str]
    own: OwnFields

    def apply(self, message: Message, around: Message | None) -> None:
        if not holds_personal(message.DESCRIPTOR.full_name):
            return
        for field, value in message.ListFields():
            personal = _class_in(field, message, around)
            if hides(self.masks, personal):
                _hide(message, field, value, personal)
            elif _is_own(field):
                self._own_fields(message.DESCRIPTOR.full_name, value)
            elif field.message_type is not None:
                self._descend(message, field, value)

    def _own_fields(self, full_name: str, custom: Struct) -> None:
        known = self.own(full_name)
        if known is None:
            custom.Clear()
            return
        for key, personal in known.items():
            if key in custom.fields and hides(self.masks, personal):
                text = custom.fields[key].string_value
                if text and personal not in _WHOLLY:
                    custom.fields[key].string_value = shortened(text)
                else:
                    del custom.fields[key]

    def _descend(self, message: Message, field: Any, value: Any) -> None:
        if field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].message_type is not None:
                for inner in value.values():
                    self.apply(inner, message)
        elif repeated(field):
            for inner in value:
                self.apply(inner, message)
        elif field.message_type.full_name == _ANY:
            self._packed(value)
        else:
            self.apply(value, message)

    def _packed(self, value: Any) -> None:
        try:
            inner = message_class(value.TypeName()).FromString(value.value)
        except (KeyError, DecodeError):
            # What nobody can read, nobody can mask.
            value.Clear()
            return
        self.apply(inner, None)
        value.value = inner.SerializeToString()


def _hide(message: Message, field: Any, value: Any, personal: str) -> None:
    if field.type != FieldDescriptor.TYPE_STRING or personal in _WHOLLY:
        message.ClearField(field.name)
    elif repeated(field):
        value[:] = [shortened(text) for text in value]
    else:
        setattr(message, field.name, shortened(value))
