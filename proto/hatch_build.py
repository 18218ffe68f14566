"""Compiles the protos whenever the distribution is installed, editable or not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))


class CompileProtos(BuildHookInterface):  # type: ignore[type-arg]
    """Runs `compile_protos.main` before the files are collected."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        import compile_protos

        compile_protos.main()
