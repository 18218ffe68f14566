"""Invariants: what must hold of a service's rows, written beside its handlers and looked at by `CheckInvariants`."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType
from typing import Any
from uuid import UUID

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet_chassis.calls import Calls
from tercet_chassis.errors import Refusal
from tercet_chassis.transaction import Tx

Finding = CheckInvariantsResponse.Finding
Check = Callable[..., Any]
_EXAMPLES = 20
# The ids of so many fit one filter.
_PAGE = 40


def finding(name: str, checked: int, broken: Sequence[str]) -> Finding:
    """What an invariant found: of so many that were looked at, those that break it, the first of them as examples."""
    return Finding(
        invariant=name,
        holds=not broken,
        checked_count=checked,
        broken_count=len(broken),
        examples=broken[:_EXAMPLES],
    )


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


def invariant(function: Check) -> Check:
    """Marks `async def f(tx) -> Finding` in a slice's `service.py` as an invariant that `CheckInvariants` looks at.

    With `calls` in place of `tx` it may ask other services.
    """
    function.__tercet_check__ = True  # type: ignore[attr-defined]
    return function


def invariants_in(module: ModuleType) -> list[Check]:
    """The invariants of a module."""
    return [value for value in vars(module).values() if getattr(value, "__tercet_check__", False)]


def among_services(check: Check) -> bool:
    """Whether an invariant asks other services."""
    return "calls" in inspect.signature(check).parameters
