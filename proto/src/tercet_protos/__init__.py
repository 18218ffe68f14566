"""The whole contract as data: `descriptor_set()` reads it with source comments, `import_all()` registers every
message.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib import resources

from google.protobuf.descriptor_pb2 import FileDescriptorSet


@cache
def descriptor_set() -> FileDescriptorSet:
    """Every file of the contract and what it imports, with source info. Read-only: callers share one object."""
    return FileDescriptorSet.FromString(resources.files(__package__).joinpath("descriptors.binpb").read_bytes())


@cache
def import_all() -> tuple[str, ...]:
    """Imports every generated module of the contract, so that the default pool knows it; gives the file names."""
    names = tuple(file.name for file in descriptor_set().file if file.name.startswith("tercet/"))
    for name in names:
        importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")
    return names
