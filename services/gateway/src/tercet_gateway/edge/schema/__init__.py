"""The OpenAPI 3.1 document, derived from the descriptors and their comments. Same contract, same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tercet_gateway.edge.contract import Contract
from tercet_gateway.edge.schema import shared
from tercet_gateway.edge.schema.comments import Comments
from tercet_gateway.edge.schema.messages import Components, component_names
from tercet_gateway.edge.schema.operations import Operations, tag_of

VERSION = "1"
_FILE = "tercet.chassis.v1.File"


def document(contract: Contract) -> dict[str, Any]:
    """The whole document as JSON values, in a stable order."""
    files = contract.read_files()
    comments = Comments(files)
    components = Components(comments, component_names(list(_messages(files))))
    operations = Operations(comments, components)
    paths: dict[str, dict[str, Any]] = {}
    shapes: dict[str, str] = {}
    tags: dict[str, str] = {}
    for method in contract.methods:
        tags.setdefault(tag_of(method), comments.of(method.descriptor.containing_service.full_name))
        for number, binding in enumerate(method.bindings):
            shape = f"{'/'.join(segment or '*' for segment in binding.segments)}:{binding.action}"
            item = paths.setdefault(shapes.setdefault(shape, binding.path), {})
            item[binding.verb.lower()] = _renamed(
                operations.operation(method, binding, number), binding.path, shapes[shape]
            )
    if any(file.package == "tercet.chassis.v1" for file in files.file):
        stored = components.reference(descriptor_pool.Default().FindMessageTypeByName(_FILE))
        for path, item in shared.handwritten(stored).items():
            paths.setdefault(path, {}).update(item)
            for operation in item.values():
                tags.setdefault(operation["tags"][0], "")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": shared.TITLE,
            "version": VERSION,
            "description": shared.DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"apiKey": []}],
        "tags": [{"name": name, "description": text} for name, text in sorted(tags.items())],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted({**components.schemas, "Problem": shared.PROBLEM}.items())),
            "responses": shared.RESPONSES,
            "parameters": shared.PARAMETERS,
            "headers": shared.HEADERS,
            "securitySchemes": shared.SECURITY,
        },
    }


def _renamed(operation: dict[str, Any], own: str, shown: str) -> dict[str, Any]:
    """The operation with the path's variable names, when another method of the same path came first with other ones."""
    if own == shown:
        return operation
    names = dict(zip(_variables(own), _variables(shown), strict=True))
    for parameter in operation["parameters"]:
        if parameter.get("in") == "path":
            parameter["name"] = names[parameter["name"]]
    return operation


def _variables(path: str) -> list[str]:
    return [part.split("}", 1)[0] for part in path.split("{")[1:]]


def _messages(files: FileDescriptorSet) -> Iterator[Descriptor]:
    pool = descriptor_pool.Default()
    for file in files.file:
        waiting = list(pool.FindFileByName(file.name).message_types_by_name.values())
        while waiting:
            message = waiting.pop()
            waiting += message.nested_types
            yield message
