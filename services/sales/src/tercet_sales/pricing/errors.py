"""Faults of a document as violations of the request that carried it."""

from __future__ import annotations

from collections.abc import Iterable

from tercet_chassis.errors import Violation


def violations_of(faults: Iterable[Violation], prefix: str) -> list[Violation]:
    """Faults of a document under the path that it has in the request, such as `order.`."""
    return [Violation(f"{prefix}{fault.field}", fault.reason, fault.message) for fault in faults]
