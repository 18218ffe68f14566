"""Times as PostgreSQL keeps them, whole microseconds since 2000, on connections whose rows become messages.

A list shows hundreds of times; making a `datetime` of each, only to take it apart again, took a tenth of leads' share.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_SECONDS = int(_EPOCH.timestamp())
_MICROSECOND = timedelta(microseconds=1)


async def as_numbers(driver: Any) -> None:
    """Has a connection give times as numbers, and take them as they always were."""
    await driver.set_type_codec(
        "timestamptz", schema="pg_catalog", format="tuple", encoder=_encoded, decoder=itemgetter(0)
    )


def _encoded(moment: datetime) -> tuple[int]:
    return ((moment - _EPOCH) // _MICROSECOND,)


def moment_of(value: Any) -> Any:
    """The `datetime` of a number; what is none stays as it is."""
    return _EPOCH + timedelta(microseconds=value) if isinstance(value, int) else value


def seconds_and_nanos(number: int) -> dict[str, int]:
    """A protobuf Timestamp's fields."""
    return {"seconds": number // 1_000_000 + _EPOCH_SECONDS, "nanos": number % 1_000_000 * 1_000}
