"""Points on the real service: earned by purchases, burned, taken back, fallen away, each exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from support.deals import catalogue, confirmed, line, new_customer, stamp, told
from support.loyalty import (
    ONE_PER_YUAN,
    balance,
    hear,
    member,
    member_of,
    move_party,
    programme,
    returned,
    sale,
    statement,
    tell,
    transaction,
)
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1.loyalty_programme_service_pb2 import EarnRule, LoyaltyProgramme, PointsExpiry
from tercet.marketing.v1.membership_service_pb2 import (
    AdjustPointsRequest,
    BurnPointsRequest,
    EarnPointsRequest,
    ListMembershipsRequest,
    Membership,
    PointsEntry,
    ReversePointsRequest,
    TransferPointsRequest,
    UpdateMembershipRequest,
)
from tercet.sales.v1.order_service_pb2 import CancelOrderRequest
from tercet.sales.v1.transaction_service_pb2 import Transaction
from tercet_chassis import NotYet
from tercet_chassis.clock import Clock
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_marketing.loyalty.jobs import work_off

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONTHLY = PointsExpiry(kind=PointsExpiry.END_OF_MONTH, count=0)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


@pytest.fixture
def clock(marketing: Client) -> Iterator[Clock]:
    """Marketing's business time, put where a test wants it."""
    own = marketing.running.runtime.clock
    yield own
    own.release()


async def due(marketing: Client) -> None:
    """What the calendar brings."""
    async with marketing.transaction() as tx:
        await work_off(tx)


async def must_hold(marketing: Client) -> None:
    """All that must always be so of points and their ledger."""
    answer = await marketing.CheckInvariants(CheckInvariantsRequest())
    own = [finding for finding in answer.findings if finding.invariant.startswith(("ledgers.", "loyalty."))]
    assert len(own) == 6
    assert all(finding.holds for finding in own), own


async def earn(marketing: Client, of: Membership, points: str, key: str = "") -> None:
    await marketing.EarnPoints(EarnPointsRequest(id=of.id, points=points, reason="WELCOME", key=key))


def told_of(entries: list[PointsEntry]) -> list[tuple[str, str]]:
    return [(PointsEntry.Kind.Name(entry.kind), str(int(float(entry.points)))) for entry in entries]


async def test_a_purchase_makes_a_member_and_earns(sales: Client, marketing: Client) -> None:
    double = EarnRule(code="tea", condition='product_codes:"tea"', points="5")
    await programme(marketing, earn_rules=[ONE_PER_YUAN, double])
    buyer = new_id()
    (bought,) = await tell(sales, sale(buyer, "99.90", datetime.now(UTC)))
    own = await member_of(marketing, buyer)
    has = await balance(marketing, own)
    assert (has.balance, has.available, has.pending, has.owed) == ("104", "104", "0", "0")
    (entry,) = await statement(marketing, own)
    assert (entry.sale_id, entry.reason, entry.reference) == (bought, "PURCHASE", f"sales/transaction/{bought}")
    assert [(one.rule_code, one.points) for one in entry.contributions] == [("base", "99"), ("tea", "5")]
    (earned,) = await told(marketing, events.PointsEarned)
    assert (earned.membership.id, earned.membership.points, earned.points_entry.id) == (own.id, "104.0000", entry.id)
    await must_hold(marketing)


async def test_nothing_before_the_programme_earns_and_purchases_come_in_any_order(marketing: Client) -> None:
    now, buyer = datetime.now(UTC), new_id()
    await programme(marketing, start_time=stamp(now - timedelta(days=5)))
    for days, amount in ((1, "10"), (3, "20"), (6, "40")):
        await hear(marketing, transaction(buyer, amount, now - timedelta(days=days)))
    assert (await balance(marketing, await member_of(marketing, buyer))).balance == "30"


async def test_a_purchase_told_twice_earns_once(marketing: Client) -> None:
    await programme(marketing)
    buyer = new_id()
    bought = transaction(buyer, "50", datetime.now(UTC))
    for _ in range(3):
        await hear(marketing, bought)
    assert (await balance(marketing, await member_of(marketing, buyer))).balance == "50"
    assert len(await told(marketing, events.PointsEarned)) == 1


async def test_a_purchase_earns_in_every_programme(sales: Client, marketing: Client) -> None:
    await programme(marketing)
    await programme(marketing, "miles", earn_rules=[EarnRule(code="m", points="1", per_amount="10")])
    buyer = new_id()
    bought = sale(buyer, "100", datetime.now(UTC))
    await tell(sales, bought)
    club, miles = await member_of(marketing, buyer), await member_of(marketing, buyer, "miles")
    assert [(await balance(marketing, own)).balance for own in (club, miles)] == ["100", "10"]
    await tell(sales, returned(bought, "50", datetime.now(UTC)))
    assert [(await balance(marketing, own)).balance for own in (club, miles)] == ["50", "5"]
    await must_hold(marketing)


async def test_an_order_earns_and_its_cancellation_takes_it_back(sales: Client, marketing: Client) -> None:
    await programme(marketing)
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales)
    order = await confirmed(sales, customer, line("F1", "2"))
    await sales.settled()
    own = await member_of(marketing, customer.identity_id)
    assert (await balance(marketing, own)).balance == "226"
    await sales.CancelOrder(CancelOrderRequest(id=order.id))
    await sales.settled()
    assert (await balance(marketing, own)).balance == "0"
    assert [entry.reason for entry in await statement(marketing, own)] == ["PURCHASE", "CANCELLATION"]


async def test_who_must_ask_to_join_earns_from_then_on(sales: Client, marketing: Client) -> None:
    await programme(marketing, enrolment=LoyaltyProgramme.BY_REQUEST)
    now, buyer = datetime.now(UTC), new_id()
    await tell(sales, sale(buyer, "50", now - timedelta(days=3)))
    assert not (await marketing.ListMemberships(ListMembershipsRequest())).memberships
    own = await member(marketing, identity_id=str(buyer))
    await tell(sales, sale(buyer, "20", now - timedelta(days=2)), sale(buyer, "7", datetime.now(UTC)))
    assert (await balance(marketing, own)).balance == "7"
    with refused("RESOURCE_ALREADY_EXISTS", "membership.identity_id"):
        await member(marketing, identity_id=str(buyer))


async def test_returns_take_back_exactly_what_was_earned(sales: Client, marketing: Client) -> None:
    await programme(marketing)
    buyer, now = new_id(), datetime.now(UTC)
    bought = sale(buyer, "99.99", now)
    await tell(sales, bought, sale(buyer, "10", now))
    own = await member_of(marketing, buyer)
    for number, left in (("33.33", "76"), ("33.33", "43"), ("33.33", "10")):
        await tell(sales, returned(bought, number, now))
        assert (await balance(marketing, own)).balance == left
    assert told_of(await statement(marketing, own, filter='kind = "REVERSAL"')) == [
        ("REVERSAL", "-33"),
        ("REVERSAL", "-33"),
        ("REVERSAL", "-33"),
    ]
    await must_hold(marketing)


async def test_a_return_that_comes_before_its_purchase_waits_for_it(marketing: Client) -> None:
    await programme(marketing)
    buyer, now = new_id(), datetime.now(UTC)
    bought = transaction(buyer, "30", now)
    back = transaction(buyer, "-30", now)
    back.sale_id, back.kind = bought.id, Transaction.CANCELLATION
    with pytest.raises(NotYet):
        await hear(marketing, back)
    await hear(marketing, bought)
    await hear(marketing, back)
    assert (await balance(marketing, await member_of(marketing, buyer))).balance == "0"


async def test_points_that_were_spent_are_owed_and_paid_by_the_next(sales: Client, marketing: Client) -> None:
    await programme(marketing)
    buyer, now = new_id(), datetime.now(UTC)
    bought = sale(buyer, "100", now)
    await tell(sales, bought)
    own = await member_of(marketing, buyer)
    await marketing.BurnPoints(BurnPointsRequest(id=own.id, points="70", reason="GIFT"))
    await tell(sales, returned(bought, "100", now))
    has = await balance(marketing, own)
    assert (has.balance, has.available, has.owed) == ("-70", "0", "70")
    with refused("POINTS_INSUFFICIENT", "points"):
        await marketing.BurnPoints(BurnPointsRequest(id=own.id, points="1", reason="GIFT"))
    await tell(sales, sale(buyer, "50", now))
    assert (await balance(marketing, own)).balance == "-20"
    await tell(sales, sale(buyer, "30", now))
    has = await balance(marketing, own)
    assert (has.balance, has.available, has.owed) == ("10", "10", "0")
    await must_hold(marketing)


async def test_a_house_that_writes_off_bears_what_was_spent(sales: Client, marketing: Client) -> None:
    await programme(marketing, debt_rule=LoyaltyProgramme.WRITE_OFF)
    buyer, now = new_id(), datetime.now(UTC)
    bought = sale(buyer, "100", now)
    await tell(sales, bought)
    own = await member_of(marketing, buyer)
    await marketing.BurnPoints(BurnPointsRequest(id=own.id, points="100", reason="GIFT"))
    await tell(sales, returned(bought, "60", datetime.now(UTC)))
    assert (await balance(marketing, own)).balance == "0"
    assert float((await statement(marketing, own))[-1].reversed_points) == 60
    await tell(sales, returned(bought, "40", now), sale(buyer, "30", now))
    assert (await balance(marketing, own)).balance == "30"
    await must_hold(marketing)


async def test_what_falls_away_first_is_burned_first(marketing: Client, clock: Clock) -> None:
    await programme(marketing, expiry=PointsExpiry(kind=PointsExpiry.DAYS, count=10))
    clock.advance(day("2030-01-01T09:00"))
    own = await member(marketing)
    await earn(marketing, own, "30")
    clock.advance(day("2030-01-05T09:00"))
    await earn(marketing, own, "50")
    await marketing.BurnPoints(BurnPointsRequest(id=own.id, points="20", reason="GIFT"))
    has = await balance(marketing, own)
    assert [(one.expire_time.ToDatetime(tzinfo=UTC), one.points) for one in has.expiring] == [
        (day("2030-01-12"), "10"),
        (day("2030-01-16"), "50"),
    ]
    clock.advance(day("2030-01-12T00:00"))
    assert (await balance(marketing, own)).balance == "50"
    with refused("POINTS_INSUFFICIENT"):
        await marketing.BurnPoints(BurnPointsRequest(id=own.id, points="51", reason="GIFT"))
    await due(marketing)
    assert told_of(await statement(marketing, own)) == [
        ("EARN", "30"),
        ("EARN", "50"),
        ("BURN", "-20"),
        ("EXPIRE", "-10"),
    ]
    (expired,) = await told(marketing, events.PointsExpired)
    assert expired.points_entry.occur_time.ToDatetime(tzinfo=UTC) == day("2030-01-12")
    await must_hold(marketing)


async def test_points_fall_away_in_the_members_zone_and_wait_in_it(marketing: Client, clock: Clock) -> None:
    await programme(marketing, expiry=MONTHLY, pending_days=2)
    clock.advance(datetime(2030, 1, 30, 17, tzinfo=UTC))
    here, there = await member(marketing), await member(marketing, time_zone="America/Los_Angeles")
    for own in (here, there):
        await earn(marketing, own, "10")
        has = await balance(marketing, own)
        assert (has.balance, has.available, has.pending) == ("10", "0", "10")
        with refused("POINTS_INSUFFICIENT"):
            await marketing.BurnPoints(BurnPointsRequest(id=own.id, points="1", reason="GIFT"))
    (mine,), (theirs,) = [await statement(marketing, own) for own in (here, there)]
    assert mine.expire_time.ToDatetime(tzinfo=UTC) == datetime(2030, 1, 31, 16, tzinfo=UTC)
    assert mine.usable_time.ToDatetime(tzinfo=UTC) == datetime(2030, 2, 1, 16, tzinfo=UTC)
    assert theirs.expire_time.ToDatetime(tzinfo=UTC) == datetime(2030, 2, 1, 8, tzinfo=UTC)
    with refused("TIME_ZONE_UNKNOWN"):
        await marketing.UpdateMembership(
            UpdateMembershipRequest(
                membership=Membership(id=here.id, time_zone="Mars/Base"), update_mask={"paths": ["time_zone"]}
            )
        )


async def test_a_return_does_not_take_what_fell_away(sales: Client, marketing: Client, clock: Clock) -> None:
    await programme(marketing, expiry=MONTHLY)
    clock.advance(day("2030-01-10"))
    buyer = new_id()
    bought = sale(buyer, "100", day("2030-01-10"))
    await tell(sales, bought)
    own = await member_of(marketing, buyer)
    await marketing.BurnPoints(BurnPointsRequest(id=own.id, points="60", reason="GIFT"))
    clock.advance(day("2030-02-02"))
    await earn(marketing, own, "100")
    await tell(sales, returned(bought, "100", day("2030-02-02")))
    assert (await balance(marketing, own)).balance == "40"
    assert told_of(await statement(marketing, own)) == [
        ("EARN", "100"),
        ("BURN", "-60"),
        ("EXPIRE", "-40"),
        ("EARN", "100"),
        ("REVERSAL", "-60"),
    ]
    await must_hold(marketing)


async def test_what_was_burned_goes_back_where_it_came_from(marketing: Client, clock: Clock) -> None:
    await programme(marketing, expiry=MONTHLY)
    clock.advance(day("2030-01-10"))
    own = await member(marketing)
    await earn(marketing, own, "30")
    burned = await marketing.BurnPoints(BurnPointsRequest(id=own.id, points="20", reason="GIFT", key="gift 1"))
    assert burned.balance.available == "10"
    with refused("POINTS_REVERSED_IN_PART"):
        await marketing.ReversePoints(
            ReversePointsRequest(id=own.id, entry_id=burned.points_entries[0].id, points="5", note="x")
        )
    request = ReversePointsRequest(id=own.id, entry_id=burned.points_entries[0].id, note="礼品缺货", key="gift 1 back")
    for _ in range(2):
        assert (await marketing.ReversePoints(request)).balance.available == "30"
    request.key = "gift 1 again"
    with refused("POINTS_REVERSED_ALREADY"):
        await marketing.ReversePoints(request)
    clock.advance(day("2030-02-01"))
    await due(marketing)
    assert (await balance(marketing, own)).balance == "0"
    await must_hold(marketing)


async def test_a_key_books_once_and_names_one_thing(marketing: Client) -> None:
    await programme(marketing)
    own = await member(marketing)
    for _ in range(2):
        await earn(marketing, own, "30", key="survey 7")
    with refused("POINTS_KEY_REUSED", "key"):
        await earn(marketing, own, "31", key="survey 7")
    with refused("POINTS_KEY_REUSED", "key"):
        await earn(marketing, await member(marketing), "30", key="survey 7")
    with refused("POINTS_KEY_REUSED", "key"):
        await marketing.AdjustPoints(AdjustPointsRequest(id=own.id, points="30", note="补", key="survey 7"))
    for _ in range(2):
        await marketing.BurnPoints(BurnPointsRequest(id=own.id, points="30", reason="GIFT", key="gift 7"))
    assert (await balance(marketing, own)).balance == "0"


async def test_what_was_earned_is_reversed_in_parts_but_not_twice(marketing: Client) -> None:
    await programme(marketing)
    own = await member(marketing)
    await earn(marketing, own, "30")
    (entry,) = await statement(marketing, own)
    request = ReversePointsRequest(id=own.id, entry_id=entry.id, points="20", note="误发")
    assert (await marketing.ReversePoints(request)).balance.balance == "10"
    with refused("POINTS_REVERSED_ALREADY", "points"):
        await marketing.ReversePoints(request)
    request.points = ""
    assert (await marketing.ReversePoints(request)).balance.balance == "0"
    with refused("POINTS_REVERSED_ALREADY"):
        await marketing.ReversePoints(request)
    last = (await statement(marketing, own))[-1]
    request.entry_id = last.id
    with refused("POINTS_ENTRY_NOT_REVERSIBLE"):
        await marketing.ReversePoints(request)
    request.entry_id = str(new_id())
    with refused("POINTS_ENTRY_UNKNOWN"):
        await marketing.ReversePoints(request)


async def test_points_given_to_somebody_else_last_as_long(marketing: Client, clock: Clock) -> None:
    await programme(marketing, expiry=MONTHLY)
    await programme(marketing, "other")
    clock.advance(day("2030-01-10"))
    one, two, other = await member(marketing), await member(marketing), await member(marketing, "other")
    await earn(marketing, one, "30")
    clock.advance(day("2030-01-20"))
    request = TransferPointsRequest(id=one.id, to_membership_id=two.id, points="20", note="家人", key="t1")
    for _ in range(2):
        given = await marketing.TransferPoints(request)
        assert (given.balance.balance, len(given.points_entries)) == ("10", 2)
    has = await balance(marketing, two)
    assert [(one_of.expire_time.ToDatetime(tzinfo=UTC), one_of.points) for one_of in has.expiring] == [
        (day("2030-02-01"), "20")
    ]
    with refused("POINTS_INSUFFICIENT"):
        await marketing.TransferPoints(TransferPointsRequest(id=one.id, to_membership_id=two.id, points="11"))
    with refused("POINTS_TRANSFER_TO_SELF"):
        await marketing.TransferPoints(TransferPointsRequest(id=one.id, to_membership_id=one.id, points="1"))
    with refused("POINTS_TRANSFER_BETWEEN_PROGRAMMES"):
        await marketing.TransferPoints(TransferPointsRequest(id=one.id, to_membership_id=other.id, points="1"))
    assert len(await told(marketing, events.PointsTransferred)) == 2
    await must_hold(marketing)


async def test_points_are_put_right_by_hand_with_a_reason_and_a_permission(marketing: Client) -> None:
    await programme(marketing, digits=1)
    own = await member(marketing)
    await marketing.AdjustPoints(AdjustPointsRequest(id=own.id, points="10.5", note="补登"))
    answer = await marketing.AdjustPoints(AdjustPointsRequest(id=own.id, points="-0.5", note="更正"))
    assert answer.balance.balance == "10.0"
    with refused("REQUEST_INVALID"):
        await marketing.AdjustPoints(AdjustPointsRequest(id=own.id, points="1"))
    with refused("POINTS_INSUFFICIENT"):
        await marketing.AdjustPoints(AdjustPointsRequest(id=own.id, points="-10.1", note="更正"))
    with refused("POINTS_TOO_FINE"):
        await marketing.AdjustPoints(AdjustPointsRequest(id=own.id, points="0.55", note="更正"))
    with refused("POINTS_NOT_POSITIVE"):
        await marketing.AdjustPoints(AdjustPointsRequest(id=own.id, points="0", note="更正"))
    clerk = marketing.as_(permissions={"marketing.membership.burn": "all"})
    with refused("PERMISSION_MISSING"):
        await clerk.AdjustPoints(AdjustPointsRequest(id=own.id, points="1", note="给自己"))


async def test_a_balance_is_asked_as_of_any_moment(sales: Client, marketing: Client, clock: Clock) -> None:
    await programme(marketing, expiry=MONTHLY, pending_days=5)
    clock.advance(day("2030-01-10T10:00"))
    buyer = new_id()
    bought = sale(buyer, "100", day("2030-01-10T10:00"))
    await tell(sales, bought)
    own = await member_of(marketing, buyer)
    clock.advance(day("2030-01-16T10:00"))
    await marketing.BurnPoints(BurnPointsRequest(id=own.id, points="90", reason="GIFT"))
    clock.advance(day("2030-01-20T10:00"))
    await tell(sales, returned(bought, "50", day("2030-01-20T10:00")))
    clock.advance(day("2030-02-03T10:00"))
    await due(marketing)
    expected = {
        "2030-01-09": ("0", "0", "0"),
        "2030-01-11": ("100", "0", "100"),
        "2030-01-15": ("100", "100", "0"),
        "2030-01-17": ("10", "10", "0"),
        "2030-01-21": ("-40", "0", "0"),
        "2030-02-02": ("-40", "0", "0"),
    }
    for text, figures in expected.items():
        has = await balance(marketing, own, day(text))
        assert (has.balance, has.available, has.pending) == figures, text


async def test_a_merge_sums_and_a_split_brings_back_without_touching_accounts(
    leads: Client, sales: Client, marketing: Client
) -> None:
    await programme(marketing)
    one, two = str(new_id()), str(new_id())
    now = datetime.now(UTC)
    await tell(sales, sale(one, "100", now), sale(two, "50", now))
    first, second = await member_of(marketing, one), await member_of(marketing, two)

    async def accounts() -> list[tuple[UUID, object, int]]:
        async with marketing.transaction() as tx:
            rows = await tx.fetch("SELECT id, balance, row_version FROM ledger_accounts ORDER BY id")
            return [tuple(row) for row in rows]

    before = await accounts()
    await move_party(leads, two, two, one, 1)
    assert await accounts() == before
    for own in (first, second):
        has = await balance(marketing, own)
        assert (has.balance, len(has.membership_ids), has.party_id) == ("150", 2, one)
    assert len(await statement(marketing, second)) == 2
    assert len(await statement(marketing, second, own_only=True)) == 1
    burned = await marketing.BurnPoints(BurnPointsRequest(id=second.id, points="120", reason="GIFT"))
    assert (len(burned.points_entries), burned.balance.balance) == (2, "30")
    await marketing.ReversePoints(
        ReversePointsRequest(id=second.id, entry_id=_own(list(burned.points_entries), second).id, note="退")
    )
    await must_hold(marketing)
    await move_party(leads, two, one, two, 2)
    assert [(await balance(marketing, own)).balance for own in (first, second)] == ["100", "50"]
    await must_hold(marketing)


def _own(entries: list[PointsEntry], of: Membership) -> PointsEntry:
    return next(entry for entry in entries if entry.membership_id == of.id)


async def test_parallel_burns_take_no_more_than_there_is(marketing: Client) -> None:
    await programme(marketing)
    own = await member(marketing)
    await earn(marketing, own, "100")

    async def burn() -> bool:
        try:
            await marketing.BurnPoints(BurnPointsRequest(id=own.id, points="7", reason="GIFT"))
        except Refusal as refusal:
            if refusal.reason != "POINTS_INSUFFICIENT":
                raise
            return False
        return True

    assert sum(await asyncio.gather(*(burn() for _ in range(40)))) == 14
    assert (await balance(marketing, own)).balance == "2"
    await must_hold(marketing)


async def test_a_seller_sees_the_members_of_own_customers_alone(sales: Client, marketing: Client) -> None:
    await programme(marketing)
    customer = await new_customer(sales)
    await sales.settled()
    own = await member(marketing, identity_id=customer.identity_id, party_id=customer.party_id)
    await member(marketing)
    seller = marketing.as_(permissions={"marketing.membership.*": "own"}, user_id=UUID(customer.owner_id))
    assert [one.id for one in (await seller.ListMemberships(ListMembershipsRequest())).memberships] == [own.id]
    assert (await balance(seller, own)).balance == "0"
    stranger = marketing.as_(permissions={"marketing.membership.*": "own"}, user_id=new_id())
    with refused("RESOURCE_NOT_FOUND"):
        await balance(stranger, own)
    with refused("RESOURCE_NOT_FOUND"):
        await member(stranger)


async def test_nothing_is_earned_in_a_programme_that_is_not_active(sales: Client, marketing: Client) -> None:
    await programme(marketing, active=False)
    await tell(sales, sale(new_id(), "50", datetime.now(UTC)))
    assert not (await marketing.ListMemberships(ListMembershipsRequest())).memberships
    with refused("LOYALTY_PROGRAMME_INACTIVE"):
        await member(marketing)
    with refused("LOYALTY_PROGRAMME_UNKNOWN", "programme_code"):
        await member(marketing, "none")


async def test_a_purchase_in_another_currency_counts_as_it_was_reported(marketing: Client) -> None:
    await programme(marketing)
    buyer, now = new_id(), datetime.now(UTC)
    bought, lost = transaction(buyer, "100", now), transaction(buyer, "100", now)
    bought.amount.currency_code, bought.reporting_amount.amount = "USD", "712.40"
    lost.amount.currency_code = lost.reporting_amount.currency_code = "JPY"
    await hear(marketing, bought)
    await hear(marketing, lost)
    assert (await balance(marketing, await member_of(marketing, buyer))).balance == "712"
