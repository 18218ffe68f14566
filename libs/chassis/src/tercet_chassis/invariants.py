"""Invariants: what must hold of a service's rows, written beside its handlers and looked at by `CheckInvariants`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

Check = Callable[..., Any]


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
