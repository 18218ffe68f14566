"""Data folders to start launchers on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.launchers import Launchers
from tercet_local.postgres import THROW_AWAY, Postgres


@pytest.fixture
def launchers() -> Iterator[Launchers]:
    started = Launchers()
    yield started
    started.end()


@pytest.fixture(scope="session")
def used_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a cluster in it, stopped: copying it is faster than creating one."""
    folder = tmp_path_factory.mktemp("used") / "data"
    postgres = Postgres(folder, settings=THROW_AWAY)
    postgres.start()
    postgres.stop()
    return folder


@pytest.fixture
def folder(used_folder: Path, tmp_path: Path) -> Iterator[Path]:
    copy = tmp_path / "data"
    # A thousand small files: the system's own command takes a fifth of what Python's takes.
    subprocess.run(["cp", "-R", "-L", "-p", used_folder, copy], check=True)
    yield copy
    shutil.rmtree(copy, ignore_errors=True)
