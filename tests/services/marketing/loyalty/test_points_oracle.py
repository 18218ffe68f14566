"""Points against an oracle that moves each single point by hand."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from support.loyalty import balance, member, programme
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.marketing.v1.loyalty_programme_service_pb2 import LoyaltyProgramme, PointsExpiry
from tercet_chassis.clock import Clock
from tercet_chassis.testing import Client
from tercet_marketing.loyalty import points, store
from tercet_marketing.loyalty.errors import PointsInsufficient, PointsReversedAlready
from tercet_marketing.loyalty.jobs import work_off
from tercet_marketing.loyalty.model import Membership

ZONE = ZoneInfo("Asia/Shanghai")
PENDING, LASTS = 2, 9


@pytest.fixture
def clock(marketing: Client) -> Iterator[Clock]:
    """Marketing's business time, put where a test wants it."""
    own = marketing.running.runtime.clock
    yield own
    own.release()


@dataclass
class Point:
    """One point: which earning it came from, from when on and until when it lasts, and what became of it."""

    earned_by: str
    usable: datetime
    expires: datetime
    state: str = "left"


class Clerk:
    """Keeps every point as a slip of paper."""

    def __init__(self, *, writes_off: bool) -> None:
        self.slips: list[Point] = []
        self.debt = 0
        self.earned: dict[str, int] = {}
        self.back: dict[str, int] = {}
        self.writes_off = writes_off

    def sweep(self, now: datetime) -> None:
        for slip in self.slips:
            if slip.state == "left" and slip.expires <= now:
                slip.state = "expired"

    def left(self) -> list[Point]:
        return sorted((slip for slip in self.slips if slip.state == "left"), key=lambda slip: slip.expires)

    def earn(self, key: str, count: int, now: datetime) -> None:
        day = now.astimezone(ZONE).replace(hour=0, minute=0)
        paid = min(self.debt, count)
        self.debt -= paid
        self.earned[key], self.back[key] = count, 0
        self.slips += [
            Point(key, day + timedelta(days=PENDING), day + timedelta(days=LASTS + 1)) for _ in range(count - paid)
        ]

    def burn(self, key: str, count: int, now: datetime) -> bool:
        ready = [slip for slip in self.left() if slip.usable <= now]
        if len(ready) - self.debt < count:
            return False
        for slip in ready[:count]:
            slip.state = key
        return True

    def unburn(self, key: str) -> None:
        back = sorted((slip for slip in self.slips if slip.state == key), key=lambda slip: slip.expires)
        paid = min(self.debt, len(back))
        self.debt -= paid
        for slip in back[: len(back) - paid]:
            slip.state = "left"
        for slip in back[len(back) - paid :]:
            slip.state = "paid a debt"

    def unearn(self, key: str, count: int) -> bool:
        lapsed = sum(1 for slip in self.slips if slip.earned_by == key and slip.state == "expired")
        if count > self.earned[key] - self.back[key] - lapsed:
            return False
        self.back[key] += count
        taken = sorted(self.left(), key=lambda slip: slip.earned_by != key)[:count]
        for slip in taken:
            slip.state = "taken back"
        if not self.writes_off:
            self.debt += count - len(taken)
        return True


@pytest.mark.parametrize("seed", range(4))
async def test_points_stand_where_a_clerk_puts_them(marketing: Client, clock: Clock, seed: int) -> None:
    dice, clerk = random.Random(seed), Clerk(writes_off=seed % 2 == 1)
    await programme(
        marketing,
        pending_days=PENDING,
        expiry=PointsExpiry(kind=PointsExpiry.DAYS, count=LASTS),
        debt_rule=LoyaltyProgramme.WRITE_OFF if clerk.writes_off else LoyaltyProgramme.OWE,
    )
    now = datetime(2030, 1, 1, 3, tzinfo=UTC)
    clock.advance(now)
    own = await member(marketing)
    burned: list[str] = []
    for number in range(60):
        # Each day one thing, so that no two earnings fall away together.
        now += timedelta(days=1)
        clock.advance(now)
        clerk.sweep(now)
        what, count, key = (
            dice.choice(["earn", "earn", "burn", "unburn", "unearn", "rest"]),
            dice.randint(1, 40),
            f"{number}",
        )
        async with marketing.transaction() as tx:
            club = await store.programme_of(tx, "club")
            mine = await tx.get(Membership, UUID(own.id))
            amount = Decimal(count)
            match what:
                case "earn":
                    await points.earn(tx, club, mine, amount, key=key, reason="TEST")
                    clerk.earn(key, count, now)
                case "burn" if clerk.burn(key, count, now):
                    await points.burn(tx, club, mine, amount, key=key, reason="TEST")
                    burned.append(key)
                case "burn":
                    with pytest.raises(PointsInsufficient):
                        await points.burn(tx, club, mine, amount, key=key, reason="TEST")
                case "unburn" if burned:
                    of = burned.pop(dice.randrange(len(burned)))
                    await points.reverse(tx, club, key, of, reason="TEST")
                    clerk.unburn(of)
                    clerk.sweep(now)
                case "unearn" if clerk.earned:
                    of = dice.choice(sorted(clerk.earned))
                    if clerk.unearn(of, count):
                        await points.reverse(tx, club, key, of, points=amount, reason="TEST")
                    else:
                        with pytest.raises(PointsReversedAlready):
                            await points.reverse(tx, club, key, of, points=amount, reason="TEST")
                case "rest":
                    await work_off(tx)
        has = await balance(marketing, own)
        left = clerk.left()
        pending = sum(1 for slip in left if slip.usable > now)
        assert (has.balance, has.pending, has.owed) == (str(len(left) - clerk.debt), str(pending), str(clerk.debt)), (
            seed,
            number,
            what,
        )
    answer = await marketing.CheckInvariants(CheckInvariantsRequest())
    assert all(finding.holds for finding in answer.findings if finding.invariant.startswith(("ledgers.", "loyalty.")))
