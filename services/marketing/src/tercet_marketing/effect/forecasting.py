"""What a strategy would do today: a sample of those it is for is arbitrated as it is written, and nothing is kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from tercet_chassis import Tx, derived_id
from tercet_chassis.money import Money
from tercet_marketing.channels.accounts import carriers
from tercet_marketing.effect import rules, store
from tercet_marketing.effect.rules import Bounds
from tercet_marketing.grants import store as grants
from tercet_marketing.policies import store as policies
from tercet_marketing.strategies.checking import content
from tercet_marketing.strategies.deciding import standings
from tercet_marketing.strategies.model import Strategy
from tercet_marketing.strategies.rules import CHOSEN, Decision, decide
from tercet_marketing.strategies.wishes import wish_of
from tercet_marketing.tools import registry

_AT_ONCE = 200
OCCASION = "forecast"


@dataclass(slots=True)
class Forecast:
    """Outcomes are (outcome, reason, cause); costs are those of the sample, by currency."""

    population: int
    sample: int = 0
    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    messages: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    benefits: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    # Of those who would be chosen, how many did by themselves lately what the strategy is for.
    converted: int = 0

    @property
    def chosen(self) -> int:
        """How many of the sample."""
        return sum(count for (outcome, _, _), count in self.outcomes.items() if outcome == CHOSEN)

    @property
    def chosen_bounds(self) -> Bounds:
        """Between which shares of all they lie; a sample of all is no estimate."""
        share = self.chosen / self.sample
        return Bounds(share, share) if self.sample == self.population else rules.share(self.chosen, self.sample)

    def scaled(self, amounts: Mapping[str, Decimal]) -> list[Money]:
        """What the sample takes, for all."""
        factor = Decimal(self.population) / max(self.sample, 1)
        return [Money(amount * factor, currency).rounded() for currency, amount in sorted(amounts.items()) if amount]


async def forecast(tx: Tx, strategy: Strategy, size: int) -> Forecast:
    """Arbitrates a sample of the parties in the strategy's segment, or of all without one, within the caller's reach.
    Refuses what could not be approved.
    """
    said = await content(strategy, tx)
    wish = wish_of(strategy.code, OCCASION, said)
    population, identities = await store.sample(tx, strategy.segment_code, size)
    found = Forecast(population)
    chosen: dict[UUID, Decision] = {}
    for start in range(0, len(identities), _AT_ONCE):
        profiles = await store.profiles(tx, identities[start : start + _AT_ONCE])
        known = await standings(tx, profiles, [wish], tx.now())
        own = {profile.party_id: profile.identity_id for profile in profiles}
        for party_id, standing in known.items():
            (decision,) = decide(standing, [wish], tx.now())
            cause = decision.checks[-1].cause if decision.checks else ""
            found.outcomes[decision.outcome, decision.reason, "" if decision.outcome == CHOSEN else cause] += 1
            found.sample += 1
            if decision.outcome == CHOSEN:
                chosen[own[party_id]] = decision
    await _message_costs(tx, found, chosen.values())
    await _benefits(tx, found, said["action"], list(chosen))
    days = timedelta(days=strategy.conversion_days)
    parties = [one[0] for one in (await grants.standings_of(tx, list(chosen))).values()]
    found.converted = await store.converted_lately(tx, parties, strategy, tx.now() - days)
    return found


async def _message_costs(tx: Tx, found: Forecast, chosen: Any) -> None:
    carried = await carriers(tx)
    for decision in chosen:
        carrier = carried.carrier(decision.channel_code) if decision.channel_code else None
        cost = None if carrier is None else carrier.account.message_cost
        if cost is not None:
            found.messages[cost.currency] += cost.amount


async def _benefits(tx: Tx, found: Forecast, action: Any, chosen: Sequence[UUID]) -> None:
    """What would be given is worth at most, by the numbers that count for each."""
    if not action["tool_code"] or not action["policy_code"]:
        return
    version = await policies.in_force(tx, action["policy_code"])
    tool = registry.tool(action["tool_code"]).tool
    for identity_id, (_, standing) in (await grants.standings_of(tx, chosen)).items():
        numbers = version.numbers_for(standing)
        face = tool.draw(derived_id(OCCASION, identity_id), numbers, version.currency_code).face
        if face is not None:
            found.benefits[face.currency] += face.amount
