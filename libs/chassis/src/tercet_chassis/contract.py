"""What the protos say, read once: the methods of a service with their rules, the fields of a resource with theirs,
event subjects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from tercet_protos import import_package

from tercet.options.v1 import options_pb2

CHASSIS_PACKAGE = "tercet.chassis.v1"
Access = options_pb2.MethodRule.Access
_METHOD: Any = options_pb2.method
_PACKAGE = re.compile(r"tercet\.\w+\.v\d+(?=\.)")
_EVENT_NAME = re.compile(r"[A-Z][a-z0-9]*")


class ContractBroken(RuntimeError):
    """The protos and the code do not fit; the service does not start."""


def proto_package(service: str) -> str:
    """`service-desk` -> `tercet.servicedesk.v1`."""
    return f"tercet.{service.replace('-', '')}.v1"


def module_name(service: str) -> str:
    """`service-desk` -> `tercet_service_desk`."""
    return f"tercet_{service.replace('-', '_')}"


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC: its full name, who may call it, its classes."""

    full_name: str
    name: str
    service: str
    rule: options_pb2.MethodRule
    access: int
    permission: str
    request: type[Message]
    response: type[Message]
    reads: bool
    streams: bool
    takes_stream: bool

    @property
    def path(self) -> str:
        """The name on the wire, `/package.Service/Method`."""
        return f"/{self.service}/{self.name}"


@cache
def message_class(full_name: str) -> type[Message]:
    """The generated class of a message, by full name; raises KeyError when the contract has none."""
    # Only the packages that are asked for are ever imported: each is a megabyte or two in every process.
    if package := _PACKAGE.match(full_name):
        import_package(package[0])
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(full_name))


def has_message(full_name: str) -> bool:
    """Whether the contract has such a message."""
    try:
        message_class(full_name)
    except KeyError:
        return False
    return True


def events_of(package: str) -> Iterator[type[Message]]:
    """Every event that the service of a package announces."""
    name = f"{package.replace('.', '/')}/events.proto"
    if name in import_package(package):
        for descriptor in descriptor_pool.Default().FindFileByName(name).message_types_by_name.values():
            yield message_factory.GetMessageClass(descriptor)


def methods_of(package: str) -> Iterator[Method]:
    """Every RPC of the services in a package; refuses one that names neither permission nor access."""
    pool = descriptor_pool.Default()
    for file_name in import_package(package):
        for service in pool.FindFileByName(file_name).services_by_name.values():
            for method in service.methods:
                yield _method(method, service.full_name)


def _method(method: MethodDescriptor, service: str) -> Method:
    options = method.GetOptions()
    rule: options_pb2.MethodRule = options.Extensions[_METHOD]
    if rule.access == Access.PERMISSION and not rule.permission:
        raise ContractBroken(f"{method.full_name} names no permission; add option (tercet.options.v1.method)")
    http = options.Extensions[annotations_pb2.http]
    reads = bool(http.get) or method.name.startswith(
        ("Get", "List", "Check", "Preview", "Explain", "Resolve", "Stream")
    )
    return Method(
        full_name=method.full_name,
        name=method.name,
        service=service,
        rule=rule,
        access=rule.access,
        permission=rule.permission,
        request=message_factory.GetMessageClass(method.input_type),
        response=message_factory.GetMessageClass(method.output_type),
        reads=reads,
        streams=method.server_streaming,
        takes_stream=method.client_streaming,
    )


def rule_of(field: Any) -> options_pb2.FieldRule:
    """Our options on a field."""
    rule: options_pb2.FieldRule = field.GetOptions().Extensions[options_pb2.field]
    return rule


def behaviors(field: Any) -> frozenset[int]:
    """`google.api.field_behavior` values of a field."""
    return frozenset(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])


def output_only(field: Any) -> bool:
    """Whether clients may never write the field."""
    return field_behavior_pb2.OUTPUT_ONLY in behaviors(field)


def immutable(field: Any) -> bool:
    """Whether clients may write the field only when the resource is created."""
    return field_behavior_pb2.IMMUTABLE in behaviors(field)


def repeated(field: Any) -> bool:
    """Whether the field is a list or a map."""
    return bool(field.is_repeated)


def subject_of(event: type[Message]) -> str:
    """`tercet.leads.v1.LeadConverted` -> `tercet.leads.lead.converted.v1`; the noun may be several words."""
    return _subject_of(event.DESCRIPTOR.full_name)


@cache
def _subject_of(full_name: str) -> str:
    package, version, name = full_name.rsplit(".", 2)
    words = _EVENT_NAME.findall(name)
    if len(words) < 2:
        raise ContractBroken(f"{full_name}: an event is named noun + participle, such as LeadConverted")
    return f"{package}.{'_'.join(words[:-1]).lower()}.{words[-1].lower()}.{version}"


def resource_field(event: type[Message]) -> Any:
    """The field of an event that holds the resource: its first, when that is a single message; else None."""
    fields = event.DESCRIPTOR.fields
    first = fields[0] if fields else None
    return first if first is not None and first.message_type is not None and not repeated(first) else None
