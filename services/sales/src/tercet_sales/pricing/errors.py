"""Refusals of pricing, and faults of a document as violations of the request that carried it."""

from __future__ import annotations

from collections.abc import Iterable

from tercet_chassis.errors import FailedPrecondition, Violation


def violations_of(faults: Iterable[Violation], prefix: str) -> list[Violation]:
    """Faults of a document under the path that it has in the request, such as `order.`."""
    return [Violation(f"{prefix}{fault.field}", fault.reason, fault.message) for fault in faults]


class BenefitsUnreachable(FailedPrecondition):
    """Nobody can say now what benefits give. It is no passing refusal: an order must not stay half confirmed."""

    text = (
        "What benefits give cannot be asked just now ({cause}); repeat it in a moment, or take benefit_codes, "
        "grant_ids and auto_benefits off."
    )
    field = "benefit_codes"
