"""Faults of a document as violations of the request that carried it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from tercet_chassis.errors import InvalidArgument, Violation


class DateInvalid(InvalidArgument):
    """A day that the calendar has not."""

    text = "{date} is not a day of the calendar; give one as YYYY-MM-DD."


def violations_of(faults: Iterable[Violation], prefix: str) -> list[Violation]:
    """Faults of a document under the path that it has in the request, such as `order.`."""
    return [Violation(f"{prefix}{fault.field}", fault.reason, fault.message) for fault in faults]


def day_of(text: str, field: str) -> date | None:
    """The day, None for an empty text; refuses what is not a day, naming the field."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as wrong:
        message = f"{text} is not a day of the calendar; give one as YYYY-MM-DD."
        raise DateInvalid(date=text, violations=[Violation(field, "DATE_INVALID", message)]) from wrong
