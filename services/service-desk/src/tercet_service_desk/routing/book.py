"""What a tenant's routing goes by at one moment: rules ready to be asked, agents, weights, and what everybody holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from tercet_chassis import Tx
from tercet_chassis.conditions import own_fields
from tercet_conditions import Condition, Explanation, Facts, judging_at
from tercet_service_desk.agents import store as agent_store
from tercet_service_desk.agents.rules import AgentFacts, Weights
from tercet_service_desk.routing import store
from tercet_service_desk.routing.facts import TICKETS, facts_of
from tercet_service_desk.routing.rules import Board, Rule, TicketFacts

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Book:
    """Rules in order, everybody on the desk, weights and the board."""

    rules: Sequence[tuple[Rule, Condition]]
    agents: Sequence[AgentFacts]
    weights: Weights
    board: Board

    @property
    def sticky(self) -> bool:
        """Whether any rule asks who served a party last."""
        return any(rule.sticky for rule, _ in self.rules)

    def matching(self, facts: Facts) -> list[Rule]:
        """The rules that are for a ticket."""
        return [rule for rule, asked in self.rules if asked.holds(facts)]

    def judged(self, facts: Facts) -> list[tuple[Rule, Explanation]]:
        """What each rule says to a ticket."""
        return [(rule, asked.explain(facts)) for rule, asked in self.rules]

    def ticket(self, row: Any, route: Any, last_agents: Mapping[Any, Any]) -> TicketFacts:
        """A ticket and its route, or rows of their columns, in the eyes of the rules."""
        return TicketFacts(
            id=row.id,
            weight=self.weights.of(row.type_code or "", row.priority or "NORMAL"),
            unit_id=row.unit_id,
            last_user_id=last_agents.get(row.party_id),
            home_user_id=getattr(route, "home_user_id", None),
            not_user_id=getattr(route, "not_user_id", None),
        )


def asked_of(row: Any) -> Facts:
    """What conditions see of a ticket or a row of its columns."""
    return facts_of(row, row.custom or {})


async def read(tx: Tx) -> Book:
    """The tenant's rules, agents and loads as they are now. A rule whose condition no longer parses is left out."""
    judging_at(tx.now())
    custom = await own_fields(tx, "tickets")
    rules = []
    for row in await store.active_rules(tx):
        try:
            rules.append((row.facts(), TICKETS.condition(row.condition, custom)))
        except ValueError as broken:
            # A rule may name a custom field that was deleted since; the others still hold.
            log.warning("routing_rule.broken", code=row.code, cause=str(broken))
    agents = [agent.facts() for agent in await agent_store.all_agents(tx)]
    # Turns of one moment follow each other, also when the clock stands still.
    latest = max((agent.idle_since for agent in agents), default=0.0)
    return Book(rules, agents, await agent_store.weights(tx), Board(await agent_store.loads(tx), turn=latest))
