"""What decisions, sends, grants and orders add up to, counted by PostgreSQL over what the caller reaches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Text, and_, bindparam, case, cast, func, or_, select
from sqlalchemy import Interval as Span

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.money import Money
from tercet_chassis.scopes import reach
from tercet_marketing.effect.rules import Group, Sample
from tercet_marketing.facts.model import Fact
from tercet_marketing.grants.model import Grant
from tercet_marketing.profiles.model import Profile
from tercet_marketing.segments.model import SegmentMember
from tercet_marketing.sends.model import Send
from tercet_marketing.sends.rules import DELIVERED, SENT
from tercet_marketing.strategies.carrying import BENEFIT, BUDGET_SPENT
from tercet_marketing.strategies.model import Strategy, StrategyDecision
from tercet_marketing.strategies.rules import CHOSEN, HELD_OUT, WITHHELD

# Thousands of customers meet their orders here. Where PostgreSQL has no statistics yet it takes them for one, and looks
# through all orders for each.
_WHOLE_SETS = "SELECT set_config('enable_nestloop', 'off', true)"
TREATED, LEFT, MIXED = "TREATED", "HELD_OUT", "MIXED"
ORDER = "order"
# From when to when.
Days = tuple[datetime, datetime]


@dataclass(slots=True)
class Arms:
    """Both groups of a strategy: customers, conversions, and amounts by currency."""

    groups: dict[str, Group] = field(default_factory=dict)
    mixed: int = 0
    reached: int = 0
    delivered: int = 0
    amounts: dict[tuple[str, str], Sample] = field(default_factory=dict)
    # What those who were reached ordered, by currency.
    of_reached: dict[str, Decimal] = field(default_factory=dict)

    @property
    def currencies(self) -> list[str]:
        """Those in which somebody ordered."""
        return sorted({currency for _, currency in self.amounts})


@dataclass(slots=True)
class Cost:
    """What was spent in one currency."""

    messages: Decimal = Decimal(0)
    granted: Decimal = Decimal(0)
    redeemed: Decimal = Decimal(0)


@dataclass(slots=True)
class Reach:
    """Whom a campaign reached and what they did."""

    sends: int = 0
    grants: int = 0
    reached: int = 0
    delivered: int = 0
    converted: int = 0
    revenue: list[Money] = field(default_factory=list)


# -- strategies -------------------------------------------------------------------------------------------------------
async def arms(tx: Tx, strategy: Strategy, since: datetime | None, until: datetime | None) -> Arms:
    """Whom a strategy wanted and whom it left alone, and what they did within its days. A customer is a party, and
    counts once, from the first decision on.
    """
    await tx.fetch(_WHOLE_SETS)
    customers = _customers(tx, strategy, since, until)
    found = Arms()
    query = select(
        customers.c.arm,
        func.count(),
        func.count().filter(customers.c.over > tx.now()),
        func.count().filter(customers.c.reached),
        func.count().filter(customers.c.delivered),
        func.min(customers.c.since),
        func.max(customers.c.over),
    ).group_by(customers.c.arm)
    counts = {row[0]: row[1:] for row in await tx.session.execute(query)}
    for arm in (TREATED, LEFT):
        count, still_open = counts[arm][:2] if arm in counts else (0, 0)
        found.groups[arm] = Group(count, still_open)
    found.mixed = counts[MIXED][0] if MIXED in counts else 0
    found.reached, found.delivered = counts[TREATED][2:4] if TREATED in counts else (0, 0)
    if counts:
        days = min(row[4] for row in counts.values()), max(row[5] for row in counts.values())
        converted = await _converted(tx, customers, strategy, days)
        found.groups = {arm: replace(group, converted=converted.get(arm, 0)) for arm, group in found.groups.items()}
        await _amounts(tx, customers, strategy, days, found)
    return found


def _customers(tx: Tx, strategy: Strategy, since: datetime | None, until: datetime | None) -> CTE:
    """A row for each party that was wanted and would have been reached: the arm it is in, and its days."""
    made, sent, given = view(StrategyDecision), view(Send), view(Grant)
    wanted = [*_of_strategies([strategy.code], since, until), reach(StrategyDecision, made.c, *_who(tx))]
    took_part = or_(
        made.c.outcome.in_((CHOSEN, HELD_OUT)),
        # Wanted like the others, but something had run out by then: leaving them out would favour the treated.
        and_(made.c.outcome == WITHHELD, made.c.reason.in_((BENEFIT, BUDGET_SPENT))),
    )
    held, treated = func.bool_or(made.c.outcome == HELD_OUT), func.bool_or(made.c.outcome != HELD_OUT)
    got_message = func.coalesce(func.bool_or(sent.c.state.in_((SENT, DELIVERED))), False)
    got_benefit = func.coalesce(func.bool_or(given.c.id.is_not(None)), False)
    first = func.min(made.c.decide_time)
    days = bindparam("conversion_days", timedelta(days=strategy.conversion_days), Span)
    return (
        select(
            made.c.party_id,
            case((held & treated, MIXED), (held, LEFT), else_=TREATED).label("arm"),
            first.label("since"),
            (first + days).label("over"),
            (got_message | got_benefit).label("reached"),
            func.coalesce(func.bool_or(sent.c.state == DELIVERED), False).label("delivered"),
        )
        .select_from(made.outerjoin(sent, sent.c.id == made.c.send_id).outerjoin(given, given.c.id == made.c.grant_id))
        .where(*wanted, took_part)
        .group_by(made.c.party_id)
        .cte("customers")
    )


def _of_strategies(codes: Sequence[str], since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    made = view(StrategyDecision)
    found: list[ColumnElement[bool]] = [made.c.strategy_code.in_(codes)]
    if since is not None:
        found.append(made.c.decide_time >= since)
    if until is not None:
        found.append(made.c.decide_time < until)
    return found


def _within(customers: CTE, kind: str, days: Days, products: Sequence[str] = ()) -> ColumnElement[bool]:
    """A fact of the party, after the decision and before its days are over; `days` are those of all together, by which
    the facts are found.
    """
    facts = view(Fact)
    fits = and_(
        facts.c.party_id == customers.c.party_id,
        facts.c.kind == kind,
        facts.c.fact_time > days[0],
        facts.c.fact_time < days[1],
        facts.c.fact_time > customers.c.since,
        facts.c.fact_time < customers.c.over,
        facts.c.voided.is_(False),
    )
    return fits if not products else fits & or_(*(facts.c.product_codes.contains([code]) for code in products))


async def _converted(tx: Tx, customers: CTE, strategy: Strategy, days: Days) -> dict[str, int]:
    facts = view(Fact)
    fits = _within(customers, strategy.conversion_kind, days, strategy.conversion_products)
    query = (
        select(customers.c.arm, func.count(customers.c.party_id.distinct()))
        .select_from(customers.join(facts, fits))
        .group_by(customers.c.arm)
    )
    return {row[0]: row[1] for row in await tx.session.execute(query)}


async def _amounts(tx: Tx, customers: CTE, strategy: Strategy, days: Days, found: Arms) -> None:
    """What each ordered, squared and summed: whoever ordered nothing adds nothing to the sums, but counts."""
    facts = view(Fact)
    fits = _within(customers, ORDER, days, strategy.conversion_products) & facts.c.amount_currency.is_not(None)
    each = (
        select(
            customers.c.arm,
            customers.c.reached,
            facts.c.amount_currency.label("currency"),
            func.sum(facts.c.amount_amount).label("amount"),
        )
        .select_from(customers.join(facts, fits))
        .group_by(customers.c.party_id, customers.c.arm, customers.c.reached, facts.c.amount_currency)
        .cte("each")
    )
    amount = each.c.amount
    query = select(
        each.c.arm,
        each.c.currency,
        func.sum(amount),
        func.sum(amount * amount),
        func.coalesce(func.sum(amount).filter(each.c.reached), 0),
    ).group_by(each.c.arm, each.c.currency)
    for arm, currency, total, squares, of_reached in await tx.session.execute(query):
        if arm in found.groups:
            found.amounts[arm, currency] = Sample(found.groups[arm].count, total, squares)
        if arm == TREATED:
            found.of_reached[currency] = of_reached


# -- campaigns --------------------------------------------------------------------------------------------------------
async def campaign_reach(tx: Tx, campaign_id: UUID, days: int) -> Reach:
    """Whom a campaign's messages and benefits reached, and what they ordered within so many days after the first."""
    await tx.fetch(_WHOLE_SETS)
    sent, given = view(Send), view(Grant)
    own_sends = [sent.c.campaign_id == campaign_id, reach(Send, sent.c, *_who(tx))]
    own_grants = [given.c.campaign_id == campaign_id, reach(Grant, given.c, *_who(tx))]
    went = sent.c.state.in_((SENT, DELIVERED))
    counts = (await tx.session.execute(select(func.count(), _delivered(sent)).where(*own_sends))).one()
    found = Reach(sends=counts[0], delivered=counts[1])
    found.grants = (await tx.session.execute(select(func.count()).where(*own_grants))).scalar_one()
    touched = (
        select(sent.c.party_id, sent.c.send_time.label("moment"))
        .where(*own_sends, went)
        .union_all(select(given.c.party_id, given.c.issue_time).where(*own_grants))
        .cte("touched")
    )
    first = func.min(touched.c.moment)
    span = bindparam("campaign_days", timedelta(days=days), Span)
    customers = (
        select(touched.c.party_id, first.label("since"), (first + span).label("over"))
        .group_by(touched.c.party_id)
        .cte("customers")
    )
    ends = select(func.count(), func.min(customers.c.since), func.max(customers.c.over)).select_from(customers)
    found.reached, begin, until = (await tx.session.execute(ends)).one()
    if not found.reached:
        return found
    facts = view(Fact)
    orders = customers.join(facts, _within(customers, ORDER, (begin, until)))
    found.converted = (
        await tx.session.execute(select(func.count(customers.c.party_id.distinct())).select_from(orders))
    ).scalar_one()
    query = (
        select(facts.c.amount_currency, func.sum(facts.c.amount_amount))
        .select_from(orders)
        .where(facts.c.amount_currency.is_not(None))
        .group_by(facts.c.amount_currency)
        .order_by(facts.c.amount_currency)
    )
    found.revenue = [Money(amount, currency) for currency, amount in await tx.session.execute(query)]
    return found


def _delivered(sent: Any) -> ColumnElement[int]:
    return func.count(sent.c.party_id.distinct()).filter(sent.c.state == DELIVERED)


# -- cost -------------------------------------------------------------------------------------------------------------
async def campaign_costs(tx: Tx, campaign_id: UUID) -> dict[str, Cost]:
    """What a campaign cost, by currency."""
    sent, given = view(Send), view(Grant)
    return await _costs(tx, [sent.c.campaign_id == campaign_id], [given.c.campaign_id == campaign_id])


async def strategy_costs(
    tx: Tx, strategies: Sequence[Strategy], since: datetime | None = None, until: datetime | None = None
) -> dict[str, Cost]:
    """What strategies cost, by currency."""
    await tx.fetch(_WHOLE_SETS)
    made, sent, given = view(StrategyDecision), view(Send), view(Grant)
    codes = [strategy.code for strategy in strategies]
    own = [*_of_strategies(codes, since, until), reach(StrategyDecision, made.c, *_who(tx))]
    sends = select(made.c.send_id).where(*own, made.c.send_id.is_not(None))
    grants = select(made.c.grant_id).where(*own, made.c.grant_id.is_not(None))
    return await _costs(
        tx,
        [sent.c.strategy_id.in_([strategy.id for strategy in strategies]), sent.c.id.in_(sends)],
        [given.c.strategy_code.in_(codes), given.c.id.in_(grants)],
    )


async def _costs(
    tx: Tx, own_sends: Sequence[ColumnElement[bool]], own_grants: Sequence[ColumnElement[bool]]
) -> dict[str, Cost]:
    sent, given = view(Send), view(Grant)
    found: dict[str, Cost] = defaultdict(Cost)
    messages = (
        select(sent.c.cost_currency, func.sum(sent.c.cost_amount))
        .where(*own_sends, sent.c.cost_currency.is_not(None), reach(Send, sent.c, *_who(tx)))
        .group_by(sent.c.cost_currency)
    )
    for currency, amount in await tx.session.execute(messages):
        found[currency].messages = amount
    seen = [*own_grants, reach(Grant, given.c, *_who(tx))]
    granted = (
        select(given.c.face_currency, func.sum(given.c.face_amount))
        .where(*seen, given.c.face_currency.is_not(None), given.c.state.not_in(("EXPIRED", "REVERSED")))
        .group_by(given.c.face_currency)
    )
    for currency, amount in await tx.session.execute(granted):
        found[currency].granted = amount
    redeemed = (
        select(given.c.amount_currency, func.sum(given.c.amount_amount))
        .where(*seen, given.c.amount_currency.is_not(None), given.c.state == "REDEEMED")
        .group_by(given.c.amount_currency)
    )
    for currency, amount in await tx.session.execute(redeemed):
        found[currency].redeemed = amount
    return found


# -- forecasts --------------------------------------------------------------------------------------------------------
async def sample(tx: Tx, segment_code: str, size: int) -> tuple[int, list[UUID]]:
    """How many parties there are in a segment, or in all without one, and the identities of some of them, one a party:
    always the same ones, and no more like each other than any.
    """
    rows, members = view(Profile), view(SegmentMember)
    seen = [reach(Profile, rows.c, *_who(tx))]
    if segment_code:
        inside = select(members.c.identity_id).where(members.c.segment_code == segment_code, members.c.state == "IN")
        seen.append(rows.c.identity_id.in_(inside))
    total = (await tx.session.execute(select(func.count(rows.c.party_id.distinct())).where(*seen))).scalar_one()
    chosen = (
        select(func.min(cast(rows.c.identity_id, Text)).label("identity"))
        .where(*seen)
        .group_by(rows.c.party_id)
        .order_by(func.md5(cast(rows.c.party_id, Text)))
        .limit(size)
    )
    return total, [UUID(row[0]) for row in await tx.session.execute(chosen)]


async def profiles(tx: Tx, identities: Sequence[UUID]) -> Sequence[Profile]:
    """The profiles of these identities."""
    return (await tx.session.scalars(select(Profile).where(Profile.identity_id.in_(identities)))).all()


async def converted_lately(tx: Tx, parties: Sequence[UUID], strategy: Strategy, since: datetime) -> int:
    """How many of these parties did since a moment what counts as the strategy's success."""
    facts = view(Fact)
    fits = [
        facts.c.party_id.in_(parties),
        facts.c.kind == strategy.conversion_kind,
        facts.c.fact_time > since,
        facts.c.fact_time <= tx.now(),
        facts.c.voided.is_(False),
    ]
    if strategy.conversion_products:
        fits.append(or_(*(facts.c.product_codes.contains([code]) for code in strategy.conversion_products)))
    return int((await tx.session.execute(select(func.count(facts.c.party_id.distinct())).where(*fits))).scalar_one())


def _who(tx: Tx) -> tuple[Any, str]:
    return tx.principal, tx.context.permission
