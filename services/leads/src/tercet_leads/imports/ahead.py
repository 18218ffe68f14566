"""The chunks of an import, each prepared while the one before it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from tercet_leads.imports import reading, running, store
from tercet_leads.imports.model import Import
from tercet_leads.imports.reading import Unit
from tercet_leads.imports.tables import Row
from tercet_leads.imports.worker import Packed, Preparing

# A smaller file is through before a process of its own has started.
APART_FROM = 256 << 10
Chunk = tuple[list[Row], Packed | None]


async def chunks(unit: Unit, item_id: str, size: int) -> AsyncGenerator[Chunk, None]:
    """All rows, `size` at a time, with what they become, to be opened by whoever takes them in; never more than two
    chunks are held. What was taken in before the import was interrupted comes unprepared, since it is only counted.
    """
    async with unit() as tx:
        item = await tx.get(Import, item_id)
        plan, taken = running.plan_of(item, tx), item.row_count
        file, now = await store.file_of(tx, item.file_id), tx.now()
    preparing = Preparing(plan, apart=file.size >= APART_FROM)
    waiting: tuple[list[Row], asyncio.Task[Packed]] | None = None
    done = 0
    try:
        async for rows in reading.chunks(unit, item_id, size):
            done += len(rows)
            if done <= taken:
                yield rows, None
                continue
            task = asyncio.create_task(preparing.packed(rows, now))
            if waiting is not None:
                yield waiting[0], await waiting[1]
            waiting = (rows, task)
        if waiting is not None:
            yield waiting[0], await waiting[1]
    finally:
        # Ends the process first: then what still waits for its answer ends too.
        preparing.close()
        if waiting is not None:
            waiting[1].cancel()
            await asyncio.gather(waiting[1], return_exceptions=True)
