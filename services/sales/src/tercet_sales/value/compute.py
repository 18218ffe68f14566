"""Computes values: one party's when a transaction comes, a whole period's in a rebuild.

Both go through the same steps, so they agree.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.value_service_pb2 import CustomerValue as CustomerValueMessage
from tercet_chassis import Tx
from tercet_sales.pricing.store import UnitFacts, unit_facts
from tercet_sales.transactions import store as transactions
from tercet_sales.value import rules, store
from tercet_sales.value.model import CustomerValue, ValuePolicy
from tercet_sales.value.rules import Fact, Figures, Thresholds

DEFAULT_PERIOD = "YEAR"
DEFAULT_SHARE = Decimal("0.8")


@dataclass(frozen=True, slots=True)
class Frame:
    """A unit's period with what is needed to judge in it."""

    unit_id: UUID
    facts: UnitFacts
    policy: ValuePolicy | None
    start: date
    end: date

    @property
    def instants(self) -> tuple[datetime, datetime]:
        """The period in UTC: from its first moment up to the moment it is over."""
        return rules.instants(self.start, self.end, self.facts.zone)


async def frame_of(tx: Tx, unit_id: UUID, moment: datetime | None = None, day: date | None = None) -> Frame:
    """The unit's period that holds an instant or a day; today's without either."""
    facts = await unit_facts(tx, unit_id)
    policy = await store.policy_of(tx, unit_id)
    start, end = rules.period_of(
        day or facts.day(moment or tx.now()), DEFAULT_PERIOD if policy is None else policy.period
    )
    return Frame(unit_id, facts, policy, start, end)


async def thresholds_of(tx: Tx, frame: Frame) -> Thresholds | None:
    """The thresholds that hold now: the policy's own, or those of the last rebuild."""
    policy = frame.policy
    if policy is not None and policy.method == "FIXED":
        if policy.average_threshold is None or policy.average_threshold.currency != frame.facts.currency:
            return None
        return Thresholds(policy.average_threshold.amount, Decimal(policy.count_threshold))
    return await store.thresholds_of(tx, frame.unit_id, frame.start, frame.facts.currency)


def _new_value(frame: Frame, identity_id: UUID, party_id: UUID) -> CustomerValue:
    return CustomerValue(
        identity_id=identity_id,
        party_id=party_id,
        unit_id=frame.unit_id,
        period_start_date=frame.start,
        period_end_date=frame.end,
        time_zone=frame.facts.zone,
        currency=frame.facts.currency,
        own_count=0,
        own_total=Decimal(0),
        order_count=0,
        leading=False,
    )


async def share(tx: Tx, unit_id: UUID) -> None:
    """Keeps a rebuild of the unit away until the end of the transaction."""
    await tx.hold("value", [unit_id], shared=True)


async def transaction_recorded(tx: Tx, identity_id: UUID, party_id: UUID, unit_id: UUID, sale_time: datetime) -> None:
    """Computes anew what one identity brought in the period of a sale, and judges its party."""
    await share(tx, unit_id)
    # Of one party one at a time: two transactions would both read before the other has written.
    await tx.hold("value", [f"{unit_id}:{party_id}"])
    frame = await frame_of(tx, unit_id, sale_time)
    begin, end = frame.instants
    rows = await transactions.facts(tx, unit_id, begin, end, frame.facts.currency, identity_id)
    value = await store.value_of(tx, identity_id, unit_id, frame.start)
    if value is None:
        value = tx.add(_new_value(frame, identity_id, party_id))
    _settle_currency(value, frame)
    value.take_own(rules.figures_of(Fact(sale, when, amount) for _, _, sale, when, amount in rows))
    await tx.flush()
    await judge_party(tx, frame, value.party_id, await thresholds_of(tx, frame))


async def judge_party(tx: Tx, frame: Frame, party_id: UUID, thresholds: Thresholds | None) -> bool:
    """Adds up a party's identities and places it in a quadrant; tells a change. True when there was one."""
    await tx.hold("value", [f"{frame.unit_id}:{party_id}"])
    return _judge(tx, await store.values_of_party(tx, party_id, frame.unit_id, frame.start), frame, thresholds)


def _judge(tx: Tx, rows: list[CustomerValue], frame: Frame, thresholds: Thresholds | None) -> bool:
    same = [row for row in rows if row.currency == frame.facts.currency]
    figures = sum((row.own for row in same), rules.NOTHING)
    told = False
    for index, row in enumerate(same):
        before = row.quadrant
        if row.take_party(figures, thresholds, tx.now(), leading=index == 0) and index == 0:
            tx.emit(events.CustomerValueChanged, row, from_quadrant=_number(before))
            told = True
    return told


def _number(quadrant: str | None) -> int:
    return int(CustomerValueMessage.Quadrant.Value(quadrant)) if quadrant else 0


def _settle_currency(value: CustomerValue, frame: Frame) -> None:
    value.currency, value.time_zone, value.period_end_date = frame.facts.currency, frame.facts.zone, frame.end


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild found."""

    parties: int
    changed: int
    thresholds: Thresholds | None


async def rebuild(tx: Tx, frame: Frame) -> Rebuilt:
    """Computes thresholds and all values of a unit's period anew from its transactions."""
    await tx.hold("value", [frame.unit_id])
    begin, end = frame.instants
    facts: dict[UUID, list[Fact]] = defaultdict(list)
    party_of: dict[UUID, UUID] = {}
    for identity, party, sale, when, amount in await transactions.facts(
        tx, frame.unit_id, begin, end, frame.facts.currency
    ):
        facts[identity].append(Fact(sale, when, amount))
        party_of[identity] = party
    by_identity = {row.identity_id: row for row in await store.values_of_period(tx, frame.unit_id, frame.start)}
    for identity, party in party_of.items():
        if identity not in by_identity:
            by_identity[identity] = tx.add(_new_value(frame, identity, party))
    parties: dict[UUID, list[CustomerValue]] = defaultdict(list)
    for identity, row in sorted(by_identity.items()):
        _settle_currency(row, frame)
        own = rules.figures_of(facts.get(identity, ()))
        if own != row.own:
            row.take_own(own)
        parties[row.party_id].append(row)
    sums = {party: sum((row.own for row in rows), rules.NOTHING) for party, rows in parties.items()}
    thresholds = await _fresh_thresholds(tx, frame, list(sums.values()))
    changed = sum(_judge(tx, rows, frame, thresholds) for rows in parties.values())
    changed += await _retire(tx, frame)
    return Rebuilt(sum(figures.count > 0 for figures in sums.values()), changed, thresholds)


async def _retire(tx: Tx, frame: Frame) -> int:
    """Empties rows of periods as long as an earlier policy had them: no sale counts twice."""
    told = 0
    for row in await store.values_of_other_periods(tx, frame.unit_id, frame.start, frame.end):
        before = row.quadrant
        row.take_own(rules.NOTHING)
        if row.take_party(rules.NOTHING, None, tx.now(), leading=row.leading) and row.leading:
            tx.emit(events.CustomerValueChanged, row, from_quadrant=_number(before))
            told += 1
    return told


async def _fresh_thresholds(tx: Tx, frame: Frame, parties: list[Figures]) -> Thresholds | None:
    policy = frame.policy
    if policy is not None and policy.method == "FIXED":
        return await thresholds_of(tx, frame)
    average = DEFAULT_SHARE if policy is None or policy.average_quantile is None else policy.average_quantile
    count = DEFAULT_SHARE if policy is None or policy.count_quantile is None else policy.count_quantile
    found = rules.quantile_thresholds(parties, frame.facts.currency, average, count)
    if found is not None:
        await store.keep_thresholds(tx, frame.unit_id, frame.start, frame.facts.currency, found)
    return found
