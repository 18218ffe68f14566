"""The whole contract as data: `descriptor_set()` reads it with source comments; `import_package()` and `import_all()`
register its messages.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib import resources
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

import tercet


def descriptor_set() -> FileDescriptorSet:
    """Every file of the contract and what it imports, with source info. Read anew each time: only the description of
    the API needs its 7 MB, and not for long.
    """
    return FileDescriptorSet.FromString(resources.files(__package__).joinpath("descriptors.binpb").read_bytes())


@cache
def import_all() -> tuple[str, ...]:
    """Imports every generated module of the contract, so that the default pool knows it; gives the file names."""
    return _imported("*/*")


@cache
def import_package(package: str) -> tuple[str, ...]:
    """The same for one package, such as `tercet.leads.v1`; a package that is not there has no files."""
    return _imported(package.removeprefix("tercet.").replace(".", "/"))


def _imported(folders: str) -> tuple[str, ...]:
    names = set()
    for root in map(Path, tercet.__path__):
        names |= {path.relative_to(root.parent).as_posix() for path in root.glob(f"{folders}/*_pb2.py")}
    files = tuple(sorted(name.removesuffix("_pb2.py") for name in names))
    for name in files:
        importlib.import_module(name.replace("/", ".") + "_pb2")
    return tuple(f"{name}.proto" for name in files)
