"""What a transaction leaves to be done behind it: begun by its commit only, once a key, with time to end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.bench.contacts.jobs import note_later
from support.bench.servers import Happenings
from tercet_chassis import Outside
from tercet_chassis.outside import Background
from tercet_chassis.testing import Client, eventually


async def hand_over(outside: Outside, done: list[Any], word: str) -> None:
    """Writes in a transaction of its own, as whoever records an outcome does."""
    async with outside.transaction() as tx:
        done.append((word, tx.tenant_id, tx.context.method, tx.principal.is_system, tx.context.audited))
        tx.schedule(note_later, due=outside.now(), key=word, word=word)


async def test_work_begins_when_its_transaction_is_committed(sut: Client, happenings: Happenings) -> None:
    done: list[Any] = []

    async def fails() -> None:
        async with sut.transaction() as tx:
            tx.afterwards(hand_over, done, "never")
            raise ValueError("the unit fails")

    with pytest.raises(ValueError, match="the unit fails"):
        await fails()
    async with sut.transaction() as tx:
        tx.afterwards(hand_over, done, "once", audited=False)
        await asyncio.sleep(0)
        assert not done
    await eventually(lambda: happenings("job"))
    assert await happenings("job") == [("once", 0)]
    assert [(word, tenant, system, audited) for word, tenant, _, system, audited in done] == [
        ("once", sut.tenant_id, True, False)
    ]


async def test_of_one_key_one_runs_at_a_time_and_a_failure_harms_nobody() -> None:
    background, begun, may_end = Background(), [], asyncio.Event()

    async def work() -> None:
        begun.append(1)
        await may_end.wait()
        raise ConnectionError("away")

    for key in ("a", "a", "b", None, None):
        background.begin("contacts.work", work, key)
    await eventually(lambda: len(begun) == 4)
    may_end.set()
    await background.idle()
    background.begin("contacts.work", work, "a")
    await background.idle()
    assert len(begun) == 5


async def test_what_is_under_way_ends_before_the_service_does_or_is_given_up() -> None:
    background, ended = Background(), []

    async def short() -> None:
        await asyncio.sleep(0)
        ended.append("short")

    async def long() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("given up")

    background.begin("contacts.short", short)
    await background.stop(20)
    background.begin("contacts.long", long)
    await background.stop(0.01)
    assert ended == ["short", "given up"]
