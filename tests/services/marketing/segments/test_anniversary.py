"""Days that come round every year: leap days, the turn of the year, and what cannot be asked."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from support.deals import new_customer
from support.sending import profile_id
from tercet.marketing.v1.profile_service_pb2 import GetProfileRequest
from tercet.marketing.v1.segment_service_pb2 import (
    ActivateSegmentRequest,
    CreateSegmentRequest,
    ExplainSegmentMemberRequest,
    PreviewSegmentRequest,
    Segment,
)
from tercet_chassis.testing import Client, refused
from tercet_marketing.segments.anniversary import comes_round, turns

LEAP = date(1992, 2, 29)


@pytest.mark.parametrize(
    ("day", "today", "days", "holds"),
    [
        (LEAP, date(2027, 2, 28), 0, True),
        (LEAP, date(2028, 2, 28), 0, False),
        (LEAP, date(2028, 2, 29), 0, True),
        (date(1990, 1, 2), date(2026, 12, 30), 3, True),
        (date(1990, 1, 2), date(2026, 12, 30), 2, False),
        (date(1990, 3, 1), date(2026, 3, 2), 0, False),
        (date(2030, 3, 1), date(2026, 3, 1), 0, False),
    ],
)
def test_a_day_comes_round_as_the_calendar_has_it(day: date, today: date, days: int, holds: bool) -> None:
    assert comes_round(day, today, days) is holds


def test_it_turns_at_midnight_of_the_zone() -> None:
    around = turns(date(1990, 3, 28), datetime(2026, 3, 1, tzinfo=UTC), 7, ZoneInfo("Asia/Shanghai"))
    assert {datetime(2026, 3, 20, 16, tzinfo=UTC), datetime(2026, 3, 28, 16, tzinfo=UTC)} <= set(around)


@pytest.mark.parametrize(
    "asked",
    [{"of": "display_name"}, {"of": "birth_date", "within": "400d"}, {"of": "birth_date", "within": "1mo"}, {}],
)
async def test_what_does_not_come_round_is_refused(marketing: Client, asked: dict[str, str]) -> None:
    preview = PreviewSegmentRequest()
    preview.condition.update({"anniversary": asked})
    with refused("SEGMENT_CONDITION_INVALID"):
        await marketing.PreviewSegment(preview)


async def test_a_birthday_is_told_by_sales_and_hidden_from_whom_it_is_masked(marketing: Client, sales: Client) -> None:
    today = datetime.now(ZoneInfo("UTC")).date()
    customer = await new_customer(sales, birth_date=today.replace(year=1980).isoformat())
    await marketing.settled()
    profile = await profile_id(marketing, UUID(customer.identity_id))
    assert (await marketing.GetProfile(GetProfileRequest(id=profile))).birth_date == customer.birth_date
    wanted = Segment(code="birthdays", display_name="Birthday", time_zone="UTC")
    wanted.condition.update({"anniversary": {"of": "birth_date"}})
    made = await marketing.CreateSegment(CreateSegmentRequest(segment=wanted))
    await marketing.ActivateSegment(ActivateSegmentRequest(id=made.id))
    await marketing.settled()
    told = await marketing.ExplainSegmentMember(ExplainSegmentMemberRequest(id=made.id, subject_id=profile))
    assert told.holds
    assert customer.birth_date in told.because
    preview = PreviewSegmentRequest(condition=made.condition, time_zone="UTC")
    assert (await marketing.PreviewSegment(preview)).count == 1
    masked = marketing.as_(permissions={"marketing.*": "all"}, masks=["BIRTH_DATE"])
    with refused("SEGMENT_CONDITION_INVALID"):
        await masked.PreviewSegment(preview)
