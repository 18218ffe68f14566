"""Loyalty without a database: when points are usable and fall away, what purchases earn and returns take back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet_marketing.loyalty import rules
from tercet_marketing.loyalty.earning import TRANSACTIONS, EarnRule, Line, contributions, earned

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


def local(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("kind", "count", "earned_at", "until"),
    [
        ("DAYS", 0, "2026-03-01T23:59", "2026-03-02"),
        ("DAYS", 30, "2026-01-31T08:00", "2026-03-03"),
        ("END_OF_MONTH", 0, "2026-01-31T23:59", "2026-02-01"),
        ("END_OF_MONTH", 12, "2026-12-05T08:00", "2028-01-01"),
        ("END_OF_YEAR", 1, "2026-01-01T00:00", "2028-01-01"),
    ],
)
def test_points_fall_away_when_the_members_day_ends(kind: str, count: int, earned_at: str, until: str) -> None:
    assert rules.expire_time(kind, count, local(earned_at), SHANGHAI) == local(until)
    assert rules.expire_time("NEVER", count, local(earned_at), SHANGHAI) is None


def test_the_same_instant_is_another_day_elsewhere() -> None:
    moment = datetime(2026, 6, 30, 20, tzinfo=UTC)
    assert rules.expire_time("END_OF_MONTH", 0, moment, SHANGHAI) == local("2026-08-01")
    assert rules.expire_time("END_OF_MONTH", 0, moment, BERLIN) == local("2026-07-01", BERLIN)


def test_a_day_is_a_day_when_the_clocks_change() -> None:
    before = local("2026-03-28T12:00", BERLIN)
    assert rules.expire_time("DAYS", 1, before, BERLIN) == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert rules.usable_time(before, 1, BERLIN) == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert rules.usable_time(before, 0, BERLIN) == before


@given(
    st.decimals(1, 5000, places=0),
    st.decimals("0.01", 5000, places=2),
    st.lists(st.decimals("0.01", 500, places=2), max_size=8),
)
def test_returns_take_back_their_share_and_in_the_end_exactly_all(
    earned_points: Decimal, sale: Decimal, returns: list[Decimal]
) -> None:
    total, before = Decimal(0), Decimal(0)
    for part in returns:
        total = min(sale, total + part)
        now = rules.taken_back(earned_points, sale, total, 0)
        assert before <= now <= earned_points
        assert now <= earned_points * total / sale or total == sale
        before = now
    assert rules.taken_back(earned_points, sale, sale, 0) == earned_points
    assert rules.taken_back(earned_points, sale, Decimal(0), 0) == 0


@dataclass
class Lot:
    left: Decimal
    usable_time: datetime
    expire_time: datetime | None
    id: UUID


def lot(left: int, expires: int | None = None, usable: int = 0) -> Lot:
    start = local("2026-01-01")
    until = None if expires is None else start + timedelta(days=expires)
    return Lot(Decimal(left), start + timedelta(days=usable), until, uuid4())


def test_what_falls_away_first_is_burned_first() -> None:
    now = local("2026-01-10")
    forever, late, soon, pending, over = lot(5), lot(5, 60), lot(5, 20), lot(5, 30, usable=15), lot(5, 9)
    ready = rules.usable([forever, late, soon, pending, over], now)
    assert ready == [soon, late, forever]
    taken, missing = rules.take(ready, Decimal(12))
    assert taken == [(soon, Decimal(5)), (late, Decimal(5)), (forever, Decimal(2))]
    assert missing == 0
    assert rules.take(ready, Decimal(20))[1] == 5
    has = rules.standing([forever, late, soon, pending, over], Decimal(-7), Decimal(2), now)
    assert [int(one) for one in (has.usable, has.pending, has.balance, has.available)] == [15, 5, 13, 6]


FACTS = {
    "amount": Decimal(500),
    "currency_code": "CNY",
    "occur_time": local("2026-11-11T10:00"),
    "unit_id": UUID(int=5),
    "campaign_id": None,
    "tier_code": "gold",
    "product_codes": ["milk", "tea"],
    "month": 11,
    "day": 11,
    "weekday": 3,
    "line_count": 2,
    "first_purchase": True,
    "from_order": True,
}
LINES = [Line("milk", Decimal("199.50")), Line("tea", Decimal("300.50"))]


def points_of(rule: EarnRule, digits: int = 0) -> Decimal:
    return earned(contributions([rule], FACTS, LINES, digits, local("2026-11-11T10:00")), Decimal(1), digits)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("amount >= 500", True),
        ("amount > 500", False),
        ('product_codes:"tea"', True),
        ('tier_code = "gold" AND month = 11 AND day = 11', True),
        ("first_purchase = true", True),
        (f'unit_id = "{UUID(int=5)}"', True),
        ("weekday = (6 OR 7)", False),
        ('{"path": "amount", "op": ">=", "value": "500"}', True),
    ],
)
def test_a_rule_gives_points_while_its_condition_holds(text: str, holds: bool) -> None:
    assert points_of(EarnRule("r", text, Decimal(7))) == (7 if holds else 0)


def test_each_full_amount_gives_points_and_a_cap_ends_them() -> None:
    assert points_of(EarnRule("r", "", Decimal(2), per_amount=Decimal(150))) == 6
    assert points_of(EarnRule("r", "", Decimal(1), per_amount=Decimal(10), product_codes=frozenset({"milk"}))) == 19
    assert points_of(EarnRule("r", "", Decimal(1), per_amount=Decimal(10), product_codes=frozenset({"beer"}))) == 0
    assert points_of(EarnRule("r", "", Decimal(1), per_amount=Decimal(1), max_points=Decimal(100))) == 100


def test_rules_add_up_and_the_tier_multiplies_rounded_down() -> None:
    rules_of = [
        EarnRule("a", "", Decimal(3)),
        EarnRule("b", "amount > 9999", Decimal(9)),
        EarnRule("c", "", Decimal(4)),
    ]
    given_points = contributions(rules_of, FACTS, LINES, 0, local("2026-11-11T10:00"))
    assert given_points == [("a", Decimal(3)), ("c", Decimal(4))]
    assert earned(given_points, Decimal("1.5"), 0) == 10
    assert earned(given_points, Decimal("1.5"), 1) == Decimal("10.5")


def test_a_condition_that_is_none_is_refused() -> None:
    for text in ("amount >", "colour = 3", "{"):
        with pytest.raises(ValueError):  # noqa: PT011
            TRANSACTIONS.condition(text)
