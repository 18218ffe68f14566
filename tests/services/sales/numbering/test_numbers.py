"""Numbers of documents: one after the other, never twice, nobody waits for somebody who has not finished."""

from __future__ import annotations

import asyncio

from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client
from tercet_sales.numbering.store import BLOCK, next_number


async def test_numbers_follow_one_another_over_the_end_of_a_block(sales: Client) -> None:
    unit = new_id()
    taken = []
    for _ in range(BLOCK + 5):
        async with sales.transaction() as tx:
            taken.append(await next_number(tx, "O", unit, 2026))
    assert taken == [f"O2026-{number:06d}" for number in range(1, BLOCK + 6)]


async def test_kinds_units_and_years_count_for_themselves(sales: Client) -> None:
    one, two = new_id(), new_id()
    async with sales.transaction() as tx:
        keys = [("O", one, 2026), ("Q", one, 2026), ("O", two, 2026), ("O", one, 2027)]
        assert {(await next_number(tx, *key))[-6:] for key in keys} == {"000001"}


async def test_nobody_waits_for_a_number_that_is_held(sales: Client) -> None:
    unit = new_id()
    async with sales.transaction() as tx:
        await next_number(tx, "O", unit, 2026)
    async with sales.transaction() as slow:
        held = await next_number(slow, "O", unit, 2026)

        async def quick() -> str:
            async with sales.transaction() as tx:
                return await next_number(tx, "O", unit, 2026)

        others = [await asyncio.wait_for(quick(), 5) for _ in range(3)]
    assert len({held, *others}) == 4


async def test_many_at_once_get_different_numbers(sales: Client) -> None:
    unit = new_id()

    async def one() -> str:
        async with sales.transaction() as tx:
            return await next_number(tx, "O", unit, 2026)

    assert len(set(await asyncio.gather(*(one() for _ in range(60))))) == 60
