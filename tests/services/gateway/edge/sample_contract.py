"""The sample contract: compiled once by protoc, registered in the default pool like the contract's own files."""

from __future__ import annotations

import tempfile
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc
from tercet_protos import import_all

HERE = Path(__file__).resolve().parent
PROTO = HERE.parents[3] / "proto"
SAMPLE = "sample.proto"


@cache
def sample_set() -> FileDescriptorSet:
    """The sample's descriptor set with comments; its types are known to the default pool afterwards."""
    import_all()
    from google.api import annotations_pb2, field_behavior_pb2  # noqa: F401 - their extensions must be known first
    from google.protobuf import any_pb2, empty_pb2, wrappers_pb2  # noqa: F401

    well_known = resources.files("grpc_tools") / "_proto"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "sample.binpb"
        arguments = ["protoc", f"-I{HERE}", f"-I{PROTO}", f"-I{PROTO / 'include'}", f"-I{well_known}"]
        arguments += [f"--descriptor_set_out={out}", "--include_imports", "--include_source_info", SAMPLE]
        assert protoc.main(arguments) == 0
        parsed = FileDescriptorSet.FromString(out.read_bytes())
    pool = descriptor_pool.Default()
    own = [file for file in parsed.file if file.name == SAMPLE]
    for file in own:
        pool.AddSerializedFile(file.SerializeToString())
    return parsed


@cache
def sample(name: str) -> Any:
    """A message class of the sample, such as `Book`."""
    sample_set()
    return GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(f"tercet.sample.v1.{name}"))
