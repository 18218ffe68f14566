"""Invariants that hold a service's rows against what other services say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from tercet_chassis.calls import Calls
from tercet_chassis.errors import Refusal
from tercet_chassis.invariants import Finding, finding
from tercet_chassis.transaction import Tx

# The ids of so many fit one filter.
_PAGE = 40


async def agreed(
    name: str,
    calls: Calls,
    page: Callable[[Tx, UUID, int], Awaitable[Sequence[Any]]],
    wrong: Callable[[Sequence[Any]], Awaitable[Sequence[str]]],
) -> Finding:
    """Holds rows against what other services say: each `page` of so many after an id, in their order, and which
    of them are `wrong`. A service that does not answer breaks it as well, in its own words.
    """
    checked, broken, after = 0, list[str](), UUID(int=0)
    try:
        while True:
            async with calls.runtime.transaction(calls.context) as tx:
                rows = await page(tx, after, _PAGE)
            if not rows:
                break
            broken += await wrong(rows)
            checked, after = checked + len(rows), rows[-1].id
    except Refusal as silent:
        broken.append(silent.message)
    return finding(name, checked, broken)
