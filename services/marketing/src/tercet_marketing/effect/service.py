"""Effect as the API tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from math import ceil, floor
from typing import Any

from tercet.marketing.v1 import effect_service_pb2 as pb
from tercet.marketing.v1.strategy_service_pb2 import StrategyDecision
from tercet.type.v1.money_pb2 import Money as MoneyMessage
from tercet_chassis import Handlers, Tx
from tercet_chassis.money import Money, minor_digits
from tercet_marketing.campaigns.model import Campaign
from tercet_marketing.effect import rules, store
from tercet_marketing.effect.actuals import compare
from tercet_marketing.effect.errors import EffectTimesCrossed
from tercet_marketing.effect.forecasting import Forecast, forecast
from tercet_marketing.effect.rules import ENOUGH, Group, Sample
from tercet_marketing.effect.store import LEFT, TREATED, Arms, Cost
from tercet_marketing.plans.model import Plan
from tercet_marketing.strategies import store as strategies
from tercet_marketing.strategies.model import Strategy

# So many customers tell enough when nobody says how many.
SAMPLE = 1_000


class EffectService(Handlers):
    """Serves tercet.marketing.v1.EffectService."""

    async def GetStrategyEffect(self, request: pb.GetStrategyEffectRequest, tx: Tx) -> pb.StrategyEffect:
        """Compares the treated with the held out. Refuses times that are crossed."""
        strategy = await tx.get(Strategy, request.id)
        since, until = _moment(request, "from_time"), _moment(request, "to_time")
        if since is not None and until is not None and until <= since:
            raise EffectTimesCrossed(from_time=since.isoformat(), to_time=until.isoformat())
        return await _strategy_effect(tx, strategy, since, until)

    async def ForecastStrategy(self, request: pb.ForecastStrategyRequest, tx: Tx) -> pb.StrategyForecast:
        """What a strategy would do today, for a sample. Refuses what could not be approved."""
        strategy = await tx.get(Strategy, request.id)
        return _forecast(strategy, await forecast(tx, strategy, request.sample_size or SAMPLE))

    async def GetPlanEffect(self, request: pb.GetPlanEffectRequest, tx: Tx) -> pb.PlanEffect:
        """The same for each strategy of a plan, and what all of them cost."""
        plan = await tx.get(Plan, request.id)
        found = {one.code: one for one in await strategies.by_codes(tx, plan.strategy_codes)}
        answer = pb.PlanEffect(plan_code=plan.code)
        for code in plan.strategy_codes:
            if code in found:
                answer.strategies.append(await _strategy_effect(tx, found[code], None, None))
        answer.costs.extend(_costs(await store.strategy_costs(tx, list(found.values()))))
        return answer

    async def GetCampaignEffect(self, request: pb.GetCampaignEffectRequest, tx: Tx) -> pb.CampaignEffect:
        """What a campaign cost, whom it reached, and what they ordered."""
        campaign = await tx.get(Campaign, request.id)
        found = await store.campaign_reach(tx, campaign.id, campaign.days)
        costs = await store.campaign_costs(tx, campaign.id)
        answer = pb.CampaignEffect(
            send_count=found.sends,
            grant_count=found.grants,
            reached_count=found.reached,
            delivered_count=found.delivered,
            converted_count=found.converted,
            revenue=[_money(amount) for amount in found.revenue],
            costs=_costs(costs),
        )
        for one in await compare(tx, campaign, found, costs):
            answer.comparisons.add(
                figure=pb.PlanComparison.Figure.Value(one.figure),
                verdict=pb.PlanComparison.Verdict.Value(one.verdict),
                planned=f"{one.planned:f}",
                expected=f"{one.expected:f}",
                actual=f"{one.actual:f}",
                currency_code=one.currency,
            )
            answer.explanations.append(one.words)
        answer.campaign.CopyFrom(tx.render(campaign))  # type: ignore[arg-type]
        return answer


async def _strategy_effect(
    tx: Tx, strategy: Strategy, since: datetime | None, until: datetime | None
) -> pb.StrategyEffect:
    arms = await store.arms(tx, strategy, since, until)
    treated, held_out = arms.groups[TREATED], arms.groups[LEFT]
    answer = pb.StrategyEffect(
        strategy_code=strategy.code,
        conversion_kind=strategy.conversion_kind,
        conversion_days=strategy.conversion_days,
        treated=_group(treated),
        held_out=_group(held_out),
        mixed_count=arms.mixed,
        reached_count=arms.reached,
        delivered_count=arms.delivered,
        conversion_lift=_lift(treated, held_out),
        revenue=[_revenue(currency, arms) for currency in arms.currencies],
        costs=_costs(await store.strategy_costs(tx, [strategy], since, until)),
        explanations=rules.told(treated, held_out),
    )
    answer.explanations.extend(_told_of_revenue(arms))
    if arms.mixed:
        answer.explanations.append(f"{arms.mixed} customers were in both groups and are left out.")
    return answer


def _forecast(strategy: Strategy, found: Forecast) -> pb.StrategyForecast:
    answer = pb.StrategyForecast(
        strategy_code=strategy.code,
        population_count=found.population,
        sample_count=found.sample,
        message_costs=[_money(amount) for amount in found.scaled(found.messages)],
        benefit_costs=[_money(amount) for amount in found.scaled(found.benefits)],
    )
    for (outcome, reason, cause), count in sorted(found.outcomes.items()):
        answer.outcomes.add(
            outcome=StrategyDecision.Outcome.Value(outcome), reason=reason, cause=cause, sample_count=count
        )
    if found.sample:
        bounds = found.chosen_bounds
        answer.chosen_count = round(found.population * found.chosen / found.sample)
        answer.chosen_low, answer.chosen_high = (
            floor(found.population * bounds.low),
            ceil(found.population * bounds.high),
        )
    if found.chosen:
        answer.baseline_rate = found.converted / found.chosen
        answer.baseline_interval.CopyFrom(_interval(rules.share(found.converted, found.chosen)))
    return answer


def _group(group: Group) -> pb.EffectGroup:
    answer = pb.EffectGroup(
        customer_count=group.count,
        open_count=group.open,
        converted_count=group.converted,
        conversion_rate=group.rate,
    )
    if group.count:
        answer.conversion_interval.CopyFrom(_interval(rules.share(group.converted, group.count)))
    return answer


def _lift(treated: Group, held_out: Group) -> pb.RateLift:
    if not treated.count or not held_out.count:
        return pb.RateLift()
    bounds = rules.share_difference(treated.converted, treated.count, held_out.converted, held_out.count)
    significant = rules.excludes_zero(*bounds) and min(treated.count, held_out.count) >= ENOUGH
    return pb.RateLift(difference=treated.rate - held_out.rate, interval=_interval(bounds), significant=significant)


def _samples(currency: str, arms: Arms) -> tuple[Sample, Sample]:
    treated = arms.amounts.get((TREATED, currency), Sample(arms.groups[TREATED].count))
    return treated, arms.amounts.get((LEFT, currency), Sample(arms.groups[LEFT].count))


def _told_of_revenue(arms: Arms) -> Iterator[str]:
    for currency in arms.currencies:
        treated, held_out = _samples(currency, arms)
        if min(treated.count, held_out.count) > 1:
            bounds = rules.mean_difference(treated, held_out)
            lift, digits = treated.mean - held_out.mean, minor_digits(currency)
            yield rules.told_of_revenue(currency, lift, bounds, treated.count, held_out.count, digits)


def _revenue(currency: str, arms: Arms) -> pb.RevenueEffect:
    treated, held_out = _samples(currency, arms)
    values: dict[str, Decimal] = {"treated_total": treated.total, "held_out_total": held_out.total}
    if arms.reached:
        values["per_reached"] = arms.of_reached.get(currency, Decimal(0)) / arms.reached
    if treated.count:
        values["per_treated"] = treated.mean
    if held_out.count:
        values["per_held_out"] = held_out.mean
    if treated.count and held_out.count:
        values["lift"] = treated.mean - held_out.mean
    significant = False
    if min(treated.count, held_out.count) > 1:
        values["lift_low"], values["lift_high"] = bounds = rules.mean_difference(treated, held_out)
        significant = rules.excludes_zero(*bounds) and min(treated.count, held_out.count) >= ENOUGH
    shown = {name: _money(Money(amount, currency)) for name, amount in values.items()}
    return pb.RevenueEffect(currency_code=currency, significant=significant, **shown)


def _costs(costs: Mapping[str, Cost]) -> list[pb.EffectCost]:
    return [
        pb.EffectCost(
            currency_code=currency,
            message_cost=_money(Money(cost.messages, currency), exact=True),
            benefit_granted=_money(Money(cost.granted, currency)),
            benefit_redeemed=_money(Money(cost.redeemed, currency)),
            total=_money(Money(cost.messages + cost.redeemed, currency), exact=True),
        )
        for currency, cost in sorted(costs.items())
    ]


def _money(amount: Money, *, exact: bool = False) -> MoneyMessage:
    shown = amount if exact else amount.rounded()
    return MoneyMessage(currency_code=shown.currency, amount=shown.text())


def _interval(bounds: rules.Bounds) -> pb.EffectInterval:
    return pb.EffectInterval(low=bounds.low, high=bounds.high)


def _moment(request: Any, name: str) -> datetime | None:
    return getattr(request, name).ToDatetime(tzinfo=UTC) if request.HasField(name) else None
