"""A channel from outside the tree is one entry point; one that is broken stops the start and is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHANNEL = '''
from tercet_marketing.channels.contract import Ability, AddressKind, Channel, Receipt


class Pigeon(Channel):
    """Carrier pigeons."""

    code = "pigeon"
    display_name = "信鸽 Pigeon"
    address_kind = AddressKind.PHONE
    abilities = frozenset({Ability.ONCE})

    async def send(self, message, account, house):
        return Receipt(provider_id=f"pigeon-{message.id}")
'''
USE = """
import asyncio
from tercet_chassis.ids import new_id
from tercet_marketing.app import service
from tercet_marketing.channels.contract import Account, AddressKind, Message, Recipient
from tercet_marketing.channels.registry import installed

service.assemble()
pigeon = installed()["pigeon"]
message = Message(new_id(), Recipient(AddressKind.PHONE, "+8613800138000"), "SERVICE", text="您好")
print(asyncio.run(pigeon.send(message, Account("loft"), None)).provider_id.startswith("pigeon-"), sorted(installed()))
"""


def start(folder: Path, module: str, entry: str) -> subprocess.CompletedProcess[str]:
    """The service put together in a process of its own, with one distribution more than is installed."""
    (folder / "pigeons.py").write_text(module, "utf-8")
    described = folder / "pigeons-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeons\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(f"[tercet.marketing.channels]\n{entry}\n")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", USE], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_channel_from_outside_needs_no_edit_here(tmp_path: Path) -> None:
    done = start(tmp_path, CHANNEL, "pigeon = pigeons:Pigeon")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True ['email'")
    assert "'pigeon'" in done.stdout


@pytest.mark.parametrize(
    ("module", "entry", "said"),
    [
        ("import nothing_of_that_name", "pigeon = pigeons:Pigeon", "nothing_of_that_name"),
        (CHANNEL, "pigeon = pigeons:Dove", "Dove"),
        (CHANNEL, "email2 = pigeons:Pigeon", "calls itself pigeon"),
        ("class Pigeon: pass", "pigeon = pigeons:Pigeon", "is no"),
        (CHANNEL.replace('"pigeon"', '"email"'), "email = pigeons:Pigeon", "installed twice"),
        (CHANNEL.replace("async def send", "async def post"), "pigeon = pigeons:Pigeon", "abstract"),
    ],
)
def test_a_broken_channel_stops_the_start_and_is_named(tmp_path: Path, module: str, entry: str, said: str) -> None:
    done = start(tmp_path, module, entry)
    assert done.returncode == 1
    assert entry.partition(" ")[0] in done.stderr
    assert said in done.stderr
