"""What the distributions declare and what is locked must agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECTS = sorted(
    file
    for pattern in (
        "proto/pyproject.toml",
        "libs/*/pyproject.toml",
        "services/*/pyproject.toml",
        "deploy/*/pyproject.toml",
    )
    for file in ROOT.glob(pattern)
)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return normal(found.group())


def locked() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {normal(name): version for name, version in pairs}


def load(project: Path) -> dict[str, Any]:
    return tomllib.loads(project.read_text(encoding="utf-8"))


def test_the_lock_names_versions_and_no_place() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line), line


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.parent.name)
def test_every_dependency_is_locked(project: Path) -> None:
    ours = {normal(load(other)["project"]["name"]) for other in PROJECTS}
    wanted = {requirement_name(requirement) for requirement in load(project)["project"].get("dependencies", [])}
    assert wanted - ours - set(locked()) == set()


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.parent.name)
def test_exact_build_requirements_are_the_locked_versions(project: Path) -> None:
    # pip does not apply constraints to isolated builds, so what is pinned there must be kept in step by hand.
    for requirement in load(project)["build-system"]["requires"]:
        name, _, version = requirement.partition("==")
        if version:
            assert version == locked()[requirement_name(name)], requirement


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.parent.name)
def test_every_distribution_says_what_it_is(project: Path) -> None:
    described = load(project)["project"]
    assert described["name"].startswith("tercet-")
    assert described["requires-python"] == ">=3.11"
    assert described["license"] == "Apache-2.0"
    assert (project.parent / described["readme"]).is_file()
