"""The rules on the protos, checked in one place: every request before its handler, every resource after a patch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.message import Message
from protovalidate import Validator

from tercet_chassis.errors import RequestInvalid, Violation


@cache
def _validator() -> Validator:
    return Validator()


def _path(message: Message, violation: Any) -> str:
    if violation.proto.field is None:
        # Of a rule over the whole message; one of several fields is named by the first of them.
        extensions: Any = message.DESCRIPTOR.GetOptions().Extensions
        return next((choice.fields[0] for choice in extensions[validate_pb2.message].oneof), "")
    parts: list[str] = []
    for element in violation.proto.field.elements:
        name = element.field_name
        if element.subscript is not None:
            name = f"{name}[{element.subscript.value}]"
        parts.append(name)
    return ".".join(parts)


def check(message: Message, *, prefix: str = "", skipped: Sequence[str] = ()) -> None:
    """Refuses a message that breaks its rules, with every violation: path, rule and what to do.

    `prefix` goes before each path; what lies under the `skipped` fields is not looked at.
    """
    found = [(_path(message, item), item.proto) for item in _validator().collect_violations(message)]
    wrong = [(path, rule) for path, rule in found if path.split(".")[0] not in skipped]
    if wrong:
        raise RequestInvalid(
            violations=[
                Violation(
                    prefix + path,
                    (rule.rule_id or "invalid").upper().replace(".", "_"),
                    rule.message or "This value is not valid.",
                )
                for path, rule in wrong
            ]
        )
