"""The public methods of the contract: every RPC with a `google.api.http` annotation, its bindings and its rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from google.api import annotations_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from tercet_protos import descriptor_set, import_all

from tercet.options.v1 import options_pb2
from tercet_chassis.contract import ContractBroken

Access = options_pb2.MethodRule.Access
CHASSIS_PACKAGE = "tercet.chassis.v1"
_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9._~-]+")
_VERBS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True, slots=True)
class Binding:
    """One HTTP form of an RPC. `segments` has None for a variable; `variables` are their field paths in order."""

    verb: str
    segments: tuple[str | None, ...]
    variables: tuple[str, ...]
    action: str
    body: str

    @property
    def path(self) -> str:
        """The path as it is documented: variables by the last part of their field path."""
        names = iter(self.variables)
        parts = [
            segment if segment is not None else "{" + next(names).rpartition(".")[2] + "}" for segment in self.segments
        ]
        return "/" + "/".join(parts) + (f":{self.action}" if self.action else "")


@dataclass(frozen=True, eq=False)
class PublicMethod:
    """An RPC that REST offers. What follows from it is worked out once: every request asks."""

    descriptor: MethodDescriptor
    package: str
    rule: options_pb2.MethodRule
    bindings: tuple[Binding, ...]
    request: type[Message]
    response: type[Message]

    @cached_property
    def name(self) -> str:
        """`CreateLead`."""
        return str(self.descriptor.name)

    @cached_property
    def full_name(self) -> str:
        """`tercet.leads.v1.LeadService.CreateLead`."""
        return str(self.descriptor.full_name)

    @cached_property
    def takes(self) -> Descriptor:
        """The request's type."""
        return self.descriptor.input_type

    @cached_property
    def gives(self) -> Descriptor:
        """The answer's type."""
        return self.descriptor.output_type

    @cached_property
    def wire_path(self) -> str:
        """`/tercet.leads.v1.LeadService/CreateLead`."""
        assert self.descriptor.containing_service is not None
        return f"/{self.descriptor.containing_service.full_name}/{self.name}"

    @cached_property
    def every_service(self) -> bool:
        """Whether every service serves it, so that the path names the service."""
        return self.package == CHASSIS_PACKAGE

    @cached_property
    def reads(self) -> bool:
        """Whether a call changes nothing."""
        return all(binding.verb == "GET" for binding in self.bindings)

    @cached_property
    def lists(self) -> bool:
        """Whether it is a List, which a service may answer as JSON."""
        return self.reads and self.name.startswith("List") and not self.streams

    @cached_property
    def creates(self) -> bool:
        """Whether a success is 201: a standard Create."""
        first = self.bindings[0]
        return self.name.startswith("Create") and first.verb == "POST" and not first.action

    @cached_property
    def rate_class(self) -> str:
        """Which limit counts a call."""
        given = options_pb2.RateClass.Name(self.rule.rate_class)
        return given if self.rule.rate_class else "READ" if self.reads else "WRITE"

    @cached_property
    def streams(self) -> bool:
        """Whether the answer is a stream of messages."""
        return bool(self.descriptor.server_streaming)


@dataclass(frozen=True, slots=True, eq=False)
class Contract:
    """All public methods, and how to read the files they are described in, comments included."""

    read_files: Callable[[], FileDescriptorSet]
    methods: tuple[PublicMethod, ...]

    @classmethod
    def of_tercet(cls) -> Contract:
        """The contract of this release."""
        import_all()
        return cls.of(descriptor_set)

    @classmethod
    def of(cls, read_files: Callable[[], FileDescriptorSet]) -> Contract:
        """The contract of files that the default pool knows; refuses annotations that cannot be served."""
        pool = descriptor_pool.Default()
        methods = [
            method
            for file in read_files().file
            if file.package.startswith("tercet.")
            for service in file.service
            for method in _public(pool.FindServiceByName(f"{file.package}.{service.name}").methods, file.package)
        ]
        return cls(read_files, tuple(methods))


def _public(methods: Any, package: str) -> Iterator[PublicMethod]:
    for method in methods:
        rule = method.GetOptions().Extensions[annotations_pb2.http]
        if not rule.WhichOneof("pattern") or method.client_streaming:
            continue  # what takes a stream of bytes has a hand-written route, see routes/uploads.py
        ours = method.GetOptions().Extensions[options_pb2.method]
        if ours.access == Access.SYSTEM:
            raise ContractBroken(f"{method.full_name} is for services only and must have no google.api.http annotation")
        bindings = tuple(_binding(method, form) for form in (rule, *rule.additional_bindings))
        yield PublicMethod(
            method, package, ours, bindings, GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        )


def _binding(method: MethodDescriptor, rule: Any) -> Binding:
    kind = rule.WhichOneof("pattern")
    if kind not in _VERBS:
        raise ContractBroken(f"{method.full_name}: {kind} patterns are not served; use get, post, put, patch or delete")
    template = getattr(rule, kind)
    path, action = template, ""
    if ":" in template.rpartition("/")[2]:
        path, _, action = template.rpartition(":")
    segments: list[str | None] = []
    variables: list[str] = []
    for part in path.removeprefix("/").split("/"):
        variable = _VARIABLE.fullmatch(part)
        if variable is not None:
            segments.append(None)
            variables.append(variable[1])
        elif _LITERAL.fullmatch(part):
            segments.append(part)
        else:
            raise ContractBroken(
                f"{method.full_name}: {template} has a segment that is neither a word nor a plain variable"
            )
    return Binding(kind.upper(), tuple(segments), tuple(variables), action, rule.body)
