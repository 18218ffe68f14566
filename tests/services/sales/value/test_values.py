"""Customer value on the real service: incremental equals rebuilt equals counted by hand; merges followed both ways."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

import pytest

from support.deals import catalogue, cny, confirmed, line, new_customer, stamp, told
from tercet.chassis.v1 import operation_service_pb2 as operations
from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet.leads.v1.identity_service_pb2 import PartyMove
from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.order_service_pb2 import CancelOrderRequest
from tercet.sales.v1.transaction_service_pb2 import ImportReceiptsRequest, Receipt
from tercet.sales.v1.value_service_pb2 import (
    CreateValuePolicyRequest,
    CustomerValue,
    GetValueTransitionsRequest,
    ListCustomerValuesRequest,
    LookUpCustomerValueRequest,
    RebuildValueRequest,
    UpdateValuePolicyRequest,
    ValuePolicy,
)
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_sales.value import compute

Shown = tuple[int, str, str, str, int]


def fixed(average: str, count: int, period: ValuePolicy.Period = ValuePolicy.YEAR) -> ValuePolicy:
    return ValuePolicy(period=period, method=ValuePolicy.FIXED, average_threshold=cny(average), count_threshold=count)


async def use(sales: Client, policy: ValuePolicy) -> ValuePolicy:
    answer: ValuePolicy = await sales.CreateValuePolicy(CreateValuePolicyRequest(value_policy=policy))
    return answer


async def values(sales: Client, filter: str = "") -> dict[tuple[str, str], Shown]:
    answer = await sales.ListCustomerValues(ListCustomerValuesRequest(filter=filter, page_size=500))
    return {
        (value.party_id, value.period_start_date): (
            value.order_count,
            value.total.amount,
            value.average.amount,
            value.interval_days,
            value.quadrant,
        )
        for value in answer.customer_values
    }


async def take(sales: Client, rows: list[Receipt]) -> None:
    answer = await sales.ImportReceipts(ImportReceiptsRequest(receipts=rows))
    assert not answer.refused, answer


def sale(id: str, party: Any, amount: str, when: datetime, **more: Any) -> Receipt:
    return Receipt(
        external_ref={"system": "pos", "id": id},
        identity_id=str(party),
        party_id=str(party),
        amount=cny(amount),
        occur_time=stamp(when),
        **more,
    )


def day(number: int, year: int = 2025) -> datetime:
    return datetime(year, 1, 1, 4, tzinfo=UTC) + timedelta(days=number)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_incremental_values_equal_counting_by_hand_and_a_rebuild(sales: Client, seed: int) -> None:
    chance = random.Random(seed)
    await use(sales, fixed("60.00", 3))
    people = [new_id() for _ in range(6)]
    left: dict[tuple[str, str], list[tuple[datetime, Decimal]]] = defaultdict(list)
    batches: list[list[Receipt]] = []
    for number in range(40):
        person, when = chance.choice(people), day(chance.randrange(0, 700))
        cents = chance.randrange(100, 20000)
        rows = [sale(f"s{number}", person, f"{Decimal(cents) / 100:f}", when)]
        back = chance.choice([0, 0, 0, cents, cents // 3])
        if back:
            ref = {"system": "pos", "id": f"s{number}"}
            rows.append(
                sale(f"r{number}", person, f"{Decimal(back) / 100:f}", when + timedelta(days=400), returns_ref=ref)
            )
        # The unit's zone is Shanghai: the year is the one it was there.
        year = f"{(when + timedelta(hours=8)).year}-01-01"
        if cents > back:
            left[str(person), year].append((when, Decimal(cents - back) / 100))
        batches.append(rows)
    chance.shuffle(batches)
    for start in range(0, 40, 8):
        await take(sales, [row for rows in batches[start : start + 8] for row in rows])
    await sales.settled()
    oracle: dict[tuple[str, str], Shown] = {}
    for key, kept in left.items():
        total, count = sum((amount for _, amount in kept), Decimal(0)), len(kept)
        average = (total / count).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        span = max(when for when, _ in kept) - min(when for when, _ in kept)
        gap = (Decimal(span.days) / (count - 1)).quantize(Decimal("0.01"), ROUND_HALF_EVEN) if count > 1 else None
        quadrant = {
            (True, True): CustomerValue.CORE,
            (True, False): CustomerValue.BIG_TICKET,
            (False, True): CustomerValue.FREQUENT,
            (False, False): CustomerValue.OCCASIONAL,
        }[average >= 60, count >= 3]
        interval = "" if gap is None else f"{gap.normalize():f}"
        oracle[key] = (count, f"{total:.2f}", f"{average:.2f}", interval, quadrant)
    assert await values(sales) == oracle
    for rebuilt in (2025, 2026):
        async with sales.transaction() as tx:
            frame = await compute.frame_of(tx, tx.principal.unit_id, day=day(100, rebuilt).date())  # type: ignore[arg-type]
            assert (await compute.rebuild(tx, frame)).changed == 0
    assert await values(sales) == oracle


async def test_quantile_rebuild_runs_as_an_operation_and_places_everybody(sales: Client) -> None:
    people = [new_id() for _ in range(10)]
    rows = [
        sale(f"{number}-{copy}", person, f"{(number + 1) * 10}.00", day(copy))
        for number, person in enumerate(people)
        for copy in range(number + 1)
    ]
    await take(sales, rows)
    await sales.settled()
    unit = str(sales.principal.unit_id)
    assert {shown[4] for shown in (await values(sales)).values()} == {CustomerValue.QUADRANT_UNSPECIFIED}
    running = await sales.RebuildValue(RebuildValueRequest(seller_unit_id=unit, date="2025-06-01"))
    assert running.DESCRIPTOR.full_name == operations.Operation.DESCRIPTOR.full_name
    await sales.settled()
    found = await values(sales)
    core = {party for (party, _), shown in found.items() if shown[4] == CustomerValue.CORE}
    assert core == {str(person) for person in people[8:]}
    assert sum(shown[4] == CustomerValue.OCCASIONAL for shown in found.values()) == 8
    # Placed by the same thresholds, one more sale moves only whom it concerns.
    await take(sales, [sale("more", people[0], "9000.00", day(50))])
    await sales.settled()
    assert (await values(sales))[str(people[0]), "2025-01-01"][4] == CustomerValue.BIG_TICKET
    moved = [
        event
        for event in await told(sales, events.CustomerValueChanged)
        if event.customer_value.party_id == str(people[0])
    ]
    assert (moved[-1].from_quadrant, moved[-1].customer_value.quadrant) == (
        CustomerValue.OCCASIONAL,
        CustomerValue.BIG_TICKET,
    )
    assert moved[-1].customer_value.previous_quadrant == CustomerValue.OCCASIONAL


async def test_cancelled_order_leaves_no_value(sales: Client) -> None:
    await use(sales, fixed("100", 2))
    await catalogue(sales, {"F1": "100"})
    customer = await new_customer(sales)
    orders = [await confirmed(sales, customer, line("F1")) for _ in range(2)]
    await sales.settled()
    (shown,) = (await values(sales)).values()
    assert (shown[0], shown[1], shown[4]) == (2, "226.00", CustomerValue.CORE)
    await sales.CancelOrder(CancelOrderRequest(id=orders[0].id))
    await sales.settled()
    (shown,) = (await values(sales)).values()
    assert (shown[0], shown[1], shown[4]) == (1, "113.00", CustomerValue.BIG_TICKET)
    await sales.CancelOrder(CancelOrderRequest(id=orders[1].id))
    await sales.settled()
    assert not await values(sales)
    with refused("CUSTOMER_VALUE_NOT_FOUND"):
        unit = str(sales.principal.unit_id)
        await sales.LookUpCustomerValue(LookUpCustomerValueRequest(party_id=customer.party_id, seller_unit_id=unit))


async def test_merged_identities_count_together_and_apart_again(leads: Client, sales: Client) -> None:
    await use(sales, fixed("50", 2))
    one, two = new_id(), new_id()
    await take(sales, [sale("1", one, "100.00", day(0)), sale("2", two, "50.00", day(10))])
    await sales.settled()
    before = await values(sales)
    assert {shown[4] for shown in before.values()} == {CustomerValue.BIG_TICKET}

    async def move(identity: UUID, source: UUID, target: UUID, version: int) -> None:
        made = PartyMove(identity_id=str(identity), from_party_id=str(source), to_party_id=str(target), version=version)
        async with leads.transaction() as tx:
            tx.emit(PartyMembersMoved, None, moves=[made])
        await sales.settled()

    await move(two, two, one, 1)
    assert await values(sales) == {(str(one), "2025-01-01"): (2, "150.00", "75.00", "10", CustomerValue.CORE)}
    await move(two, one, two, 2)
    assert await values(sales) == before


async def test_transitions_count_parties_between_periods(sales: Client) -> None:
    await use(sales, fixed("50", 2))
    stays, gone, fresh = new_id(), new_id(), new_id()
    await take(
        sales,
        [
            sale("1", stays, "60.00", day(0)),
            sale("2", stays, "60.00", day(0, 2026)),
            sale("3", stays, "60.00", day(9, 2026)),
            sale("4", gone, "10.00", day(0)),
            sale("5", fresh, "10.00", day(0, 2026)),
        ],
    )
    await sales.settled()
    request = GetValueTransitionsRequest(
        seller_unit_id=str(sales.principal.unit_id), from_date="2025-05-05", to_date="2026-05-05"
    )
    found = {
        (move.from_quadrant, move.to_quadrant): move.party_count
        for move in (await sales.GetValueTransitions(request)).transitions
    }
    assert found == {
        (CustomerValue.BIG_TICKET, CustomerValue.CORE): 1,
        (CustomerValue.OCCASIONAL, CustomerValue.QUADRANT_UNSPECIFIED): 1,
        (CustomerValue.QUADRANT_UNSPECIFIED, CustomerValue.OCCASIONAL): 1,
    }
    stranger = sales.as_(permissions={"sales.customer_value.read": "own"})
    assert not (await stranger.GetValueTransitions(request)).transitions


async def test_policies_are_complete_and_one_a_unit(sales: Client) -> None:
    with refused("VALUE_POLICY_INCOMPLETE", "method"):
        await use(sales, ValuePolicy(period=ValuePolicy.YEAR, method=ValuePolicy.FIXED))
    policy = await use(sales, fixed("50", 2))
    with refused("RESOURCE_ALREADY_EXISTS", "value_policy.seller_unit_id"):
        await use(sales, fixed("60", 2))
    change = ValuePolicy(id=policy.id, method=ValuePolicy.QUANTILE)
    with refused("VALUE_POLICY_INCOMPLETE"):
        await sales.UpdateValuePolicy(UpdateValuePolicyRequest(value_policy=change, update_mask={"paths": ["method"]}))
    change = ValuePolicy(id=policy.id, method=ValuePolicy.QUANTILE, average_quantile="0.8", count_quantile="0.75")
    paths = {"paths": ["method", "average_quantile", "count_quantile"]}
    changed = await sales.UpdateValuePolicy(UpdateValuePolicyRequest(value_policy=change, update_mask=paths))
    assert (changed.average_quantile, changed.count_quantile) == ("0.8", "0.75")


async def test_a_policy_with_another_period_counts_no_sale_twice(sales: Client) -> None:
    policy = await use(sales, fixed("50", 1))
    party = new_id()
    await take(sales, [sale("1", party, "60.00", day(40)), sale("2", party, "80.00", day(100))])
    await sales.settled()
    assert await values(sales) == {(str(party), "2025-01-01"): (2, "140.00", "70.00", "60", CustomerValue.CORE)}
    change = ValuePolicy(id=policy.id, period=ValuePolicy.MONTH)
    await sales.UpdateValuePolicy(UpdateValuePolicyRequest(value_policy=change, update_mask={"paths": ["period"]}))
    for on in ("2025-02-11", "2025-04-11"):
        await sales.RebuildValue(RebuildValueRequest(seller_unit_id=str(sales.principal.unit_id), date=on))
    await sales.settled()
    assert await values(sales) == {
        (str(party), "2025-02-01"): (1, "60.00", "60.00", "", CustomerValue.CORE),
        (str(party), "2025-04-01"): (1, "80.00", "80.00", "", CustomerValue.CORE),
    }


async def test_values_obey_permissions_and_reach(sales: Client) -> None:
    await use(sales, fixed("50", 2))
    party, unit = new_id(), sales.principal.unit_id
    await take(sales, [sale("1", party, "60.00", day(0))])
    await sales.settled()
    own = sales.as_(permissions={"sales.customer_value.read": "unit"}, unit_id=unit)
    request = LookUpCustomerValueRequest(party_id=str(party), seller_unit_id=str(unit), date="2025-03-03")
    assert (await own.LookUpCustomerValue(request)).total == cny("60.00")
    stranger = sales.as_(permissions={"sales.customer_value.read": "unit"}, unit_id=new_id())
    assert not await values(stranger)
    with refused("CUSTOMER_VALUE_NOT_FOUND"):
        await stranger.LookUpCustomerValue(request)
    with refused("PERMISSION_MISSING"):
        await own.RebuildValue(RebuildValueRequest(seller_unit_id=str(unit)))


async def test_a_period_may_end_with_the_calendar(sales: Client) -> None:
    unit = str(sales.principal.unit_id)
    request = GetValueTransitionsRequest(seller_unit_id=unit, from_date="2026-01-01", to_date="9999-12-31")
    assert not (await sales.GetValueTransitions(request)).transitions
