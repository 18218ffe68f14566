"""The chart as helm renders it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "tercet"
EXAMPLES = ("trial", "production", "airgapped")
Manifest = dict[str, Any]
Helm = Callable[..., subprocess.CompletedProcess[str]]


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What helm says; the one of the development environment, wherever PATH leads."""
    command = [str(Path(sys.executable).with_name("helm")), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def rendered(*arguments: str) -> str:
    """All manifests, as the text that would be applied."""
    done = helm("template", "tercet", str(CHART), "--namespace", "crm", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def manifests(*arguments: str) -> list[Manifest]:
    """All manifests."""
    return [found for found in yaml.safe_load_all(rendered(*arguments)) if found]


def example(name: str) -> list[str]:
    """The arguments that render one of the examples."""
    return ["--values", str(CHART / "ci" / f"{name}-values.yaml")]


@pytest.fixture(scope="session")
def examples() -> dict[str, list[Manifest]]:
    """The manifests of each example, and of the defaults under an empty name."""
    return {"": manifests(), **{name: manifests(*example(name)) for name in EXAMPLES}}
