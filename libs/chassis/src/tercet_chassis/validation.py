"""The rules on the protos, checked in one place: every request before its handler, every resource after a patch."""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf.message import Message
from protovalidate import Validator

from tercet_chassis.errors import RequestInvalid, Violation


@cache
def _validator() -> Validator:
    return Validator()


def _path(violation: Any) -> str:
    parts: list[str] = []
    for element in violation.proto.field.elements if violation.proto.field else ():
        name = element.field_name
        subscript = getattr(element, "subscript", None)
        if subscript is not None and getattr(subscript, "field", "") == "index":
            name = f"{name}[{subscript.value}]"
        parts.append(name)
    return ".".join(parts)


def check(message: Message, prefix: str = "") -> None:
    """Refuses a message that breaks its rules, with every violation: path, rule and what to do."""
    found = _validator().collect_violations(message)
    if found:
        raise RequestInvalid(
            violations=[
                Violation(
                    prefix + _path(item),
                    (item.proto.rule_id or "invalid").upper().replace(".", "_"),
                    item.proto.message or "This value is not valid.",
                )
                for item in found
            ]
        )
