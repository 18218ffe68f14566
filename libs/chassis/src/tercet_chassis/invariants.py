"""Invariants: what must hold of a service's rows, written beside its handlers and looked at by `CheckInvariants`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse

Finding = CheckInvariantsResponse.Finding
Check = Callable[..., Any]
_EXAMPLES = 20


def finding(name: str, checked: int, broken: Sequence[str]) -> Finding:
    """What an invariant found: of so many that were looked at, those that break it, the first of them as examples."""
    return Finding(
        invariant=name,
        holds=not broken,
        checked_count=checked,
        broken_count=len(broken),
        examples=broken[:_EXAMPLES],
    )


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
