"""Compiles every proto into `gen/` and writes the descriptor set with its comments beside `tercet_protos`.

`buf/validate/validate.proto` is in no wheel as text; it is written anew from the descriptor that protovalidate carries.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
GEN = ROOT / "gen"
INCLUDE = ROOT / "include"
DESCRIPTORS = ROOT / "src" / "tercet_protos" / "descriptors.binpb"


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{name} is not installed; run `make setup`")
    return Path(next(iter(spec.submodule_search_locations)))


def write_includes() -> None:
    """Puts the third-party protos that ours import into `include/`, so that protoc and buf find them without a
    network.
    """
    import validate_source

    (INCLUDE / "buf" / "validate").mkdir(parents=True, exist_ok=True)
    (INCLUDE / "buf" / "validate" / "validate.proto").write_text(validate_source.text(), encoding="utf-8")
    (INCLUDE / "google" / "api").mkdir(parents=True, exist_ok=True)
    api = _package_folder("google.api")
    for name in ("annotations.proto", "http.proto", "field_behavior.proto"):
        shutil.copyfile(api / name, INCLUDE / "google" / "api" / name)


def main() -> None:
    """Compiles all files; refuses with protoc's own words when one does not parse."""
    from grpc_tools import protoc

    write_includes()
    ours = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tercet").rglob("*.proto"))
    well_known = _package_folder("grpc_tools") / "_proto"
    # A fresh folder swapped in at the end: whoever imports the protos meanwhile never sees half of them.
    with tempfile.TemporaryDirectory(dir=ROOT) as scratch:
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        options = [f"-I{ROOT}", f"-I{INCLUDE}", f"-I{well_known}"]
        out = [f"--python_out={scratch}", f"--pyi_out={scratch}"]
        descriptor_out = Path(scratch) / "descriptors.binpb"
        set_out = [f"--descriptor_set_out={descriptor_out}", "--include_imports", "--include_source_info"]
        if protoc.main(["protoc", *options, *out, *set_out, *ours, "buf/validate/validate.proto"]):
            raise SystemExit("the protos do not compile")
        descriptor_out.replace(DESCRIPTORS)
        _swap(Path(scratch))


def _swap(fresh: Path) -> None:
    """Writes only files whose text changed and removes the ones that are gone, so time stamps and caches stay."""
    GEN.mkdir(exist_ok=True)
    keep = set()
    for source in fresh.rglob("*.py*"):
        target = GEN / source.relative_to(fresh)
        keep.add(target)
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
    for stale in [path for path in GEN.rglob("*_pb2.py*") if path not in keep and "__pycache__" not in path.parts]:
        stale.unlink()


if __name__ == "__main__":
    main()
