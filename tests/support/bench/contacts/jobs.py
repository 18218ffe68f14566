"""A job by key and one by the clock."""

from __future__ import annotations

from support.bench.contacts.model import Happening
from support.bench.contacts.script import SCRIPT
from tercet_chassis import Tx, every, job


@job
async def note_later(tx: Tx, word: str) -> None:
    """Leaves a happening."""
    await SCRIPT.at(f"job {word}")
    tx.add(Happening(kind="job", note=word))


@every(hours=1)
async def tick(tx: Tx) -> None:
    """Leaves a happening each hour."""
    tx.add(Happening(kind="tick", note=tx.now().isoformat()))
