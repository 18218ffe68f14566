"""Comments of the protos by full name: they are the text of the API's documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

Path = tuple[int, ...]
_MESSAGES, _ENUMS, _SERVICES, _FIELDS, _NESTED, _NESTED_ENUMS, _VALUES, _METHODS = 4, 5, 6, 2, 3, 4, 2, 2


class Comments:
    """Looks up what stands before a message, field, enum, value, service or method."""

    def __init__(self, files: FileDescriptorSet) -> None:
        self._texts: dict[str, str] = {}
        for file in files.file:
            named = dict(_names(file))
            for location in file.source_code_info.location:
                name = named.get(tuple(location.path))
                if name is not None and location.leading_comments:
                    self._texts[name] = _clean(location.leading_comments)

    def of(self, full_name: str) -> str:
        """The whole comment, empty when there is none."""
        return self._texts.get(full_name, "")

    def summary(self, full_name: str) -> str:
        """Its first sentence, without the full stop."""
        first = re.split(r"(?<=[.!?])\s+(?=[A-Z])", self.of(full_name), maxsplit=1)[0]
        return first.removesuffix(".")


def _clean(text: str) -> str:
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(line.strip() for line in paragraph.splitlines()) for paragraph in paragraphs)


def _names(file: Any) -> Iterator[tuple[Path, str]]:
    for index, message in enumerate(file.message_type):
        yield from _message(message, file.package, (_MESSAGES, index))
    for index, enum in enumerate(file.enum_type):
        yield from _enum(enum, file.package, (_ENUMS, index))
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield (_SERVICES, index), name
        for number, method in enumerate(service.method):
            yield (_SERVICES, index, _METHODS, number), f"{name}.{method.name}"


def _message(message: Any, parent: str, path: Path) -> Iterator[tuple[Path, str]]:
    name = f"{parent}.{message.name}"
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, _FIELDS, index), f"{name}.{field.name}"
    for index, nested in enumerate(message.nested_type):
        yield from _message(nested, name, (*path, _NESTED, index))
    for index, enum in enumerate(message.enum_type):
        yield from _enum(enum, name, (*path, _NESTED_ENUMS, index))


def _enum(enum: Any, parent: str, path: Path) -> Iterator[tuple[Path, str]]:
    # Protobuf names a value beside its enum; here it stands under it, since two enums may share a word.
    name = f"{parent}.{enum.name}"
    yield path, name
    for index, value in enumerate(enum.value):
        yield (*path, _VALUES, index), f"{name}.{value.name}"
