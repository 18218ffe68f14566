"""What tests of marketing share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tercet_chassis.testing import Client


@pytest.fixture
def noon(marketing: Client) -> Iterator[datetime]:
    """Has business time stand at the coming noon in the tenant's zone, so that no hour of the day changes a test."""
    clock = marketing.running.runtime.clock
    now = clock.now().astimezone(ZoneInfo("Asia/Shanghai"))
    today = now.replace(hour=12, minute=0, second=0, microsecond=0)
    coming = today if now <= today else today + timedelta(days=1)
    clock.advance(coming.astimezone(UTC))
    try:
        yield clock.now()
    finally:
        clock.release()
