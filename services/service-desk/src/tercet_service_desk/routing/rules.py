"""Who gets a ticket: rules in order, agents filtered by what each rule asks, one chosen among those who are free, every
step explained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from tercet_service_desk.agents.rules import AVAILABLE, AWAY, OFFLINE, AgentFacts

LEAST_LOADED, ROUND_ROBIN, MOST_SKILLED = "LEAST_LOADED", "ROUND_ROBIN", "MOST_SKILLED"
NEXT_RULE = "NEXT_RULE"
RANKS = {"URGENT": 0, "HIGH": 1, "NORMAL": 2, "LOW": 3}
SHOWN = 50


class _Explained(Protocol):
    @property
    def holds(self) -> bool: ...

    def told(self, hidden: frozenset[str] = ...) -> str: ...


@dataclass(frozen=True, slots=True)
class Rule:
    """Which tickets go to which agents. `skills` are codes with the lowest level that will do."""

    code: str
    strategy: str
    skills: Mapping[str, int] = field(default_factory=dict)
    language: str = ""
    group: str = ""
    unit_id: UUID | None = None
    same_unit: bool = False
    sticky: bool = False
    next_rule: bool = False


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """A ticket in the eyes of the rules. `last_user_id` served the party last; `home_user_id` had this very ticket;
    `not_user_id` must not get it again.
    """

    id: UUID
    weight: int = 1
    unit_id: UUID | None = None
    last_user_id: UUID | None = None
    home_user_id: UUID | None = None
    not_user_id: UUID | None = None


@dataclass(slots=True)
class Board:
    """What agents hold while tickets are given out, and whose turn it is."""

    loads: dict[UUID, int] = field(default_factory=dict)
    turns: dict[UUID, float] = field(default_factory=dict)
    turn: float = 0.0

    def give(self, agent: AgentFacts, weight: int, now: float) -> None:
        """Notes a ticket given. Turns within one moment keep their order."""
        self.loads[agent.user_id] = self.loads.get(agent.user_id, 0) + weight
        self.turn = max(now, self.turn + 1e-6)
        self.turns[agent.user_id] = self.turn

    def room(self, agent: AgentFacts) -> int:
        """What the agent can still take."""
        return agent.capacity - self.loads.get(agent.user_id, 0)

    def idle_since(self, agent: AgentFacts) -> float:
        """When the agent's last ticket was given."""
        return self.turns.get(agent.user_id, agent.idle_since)

    def any_room(self, agents: Sequence[AgentFacts]) -> bool:
        """Whether anybody who takes tickets has room for the smallest."""
        return any(agent.presence != OFFLINE and self.room(agent) > 0 for agent in agents)


@dataclass(frozen=True, slots=True)
class Decision:
    """Who gets a ticket, by which rule and why; nobody while it waits."""

    agent: AgentFacts | None = None
    rule_code: str = ""
    how: str = ""


def speaks(languages: frozenset[str], wanted: str) -> bool:
    """Whether somebody who writes these languages can write `wanted`: `zh-Hant` serves for `zh`, not the reverse."""
    return any(known == wanted or known.startswith(f"{wanted}-") for known in languages)


def against(rule: Rule, agent: AgentFacts, ticket: TicketFacts) -> list[str]:
    """Why the rule leaves this agent out, load aside; empty when it does not."""
    reasons = []
    if ticket.not_user_id == agent.user_id:
        reasons.append("had the ticket and is to be relieved of it")
    if rule.group and rule.group not in agent.groups:
        reasons.append(f"is not in the group {rule.group}")
    if rule.unit_id is not None and agent.unit_id != rule.unit_id:
        reasons.append("is not in the unit of the rule")
    if rule.same_unit and agent.unit_id != ticket.unit_id:
        reasons.append("is not in the unit of the ticket")
    for code, level in sorted(rule.skills.items()):
        known = agent.skills.get(code, 0)
        if not known:
            reasons.append(f"lacks the skill {code}")
        elif known < level:
            reasons.append(f"has the skill {code} at level {known}, {level} is needed")
    if rule.language and not speaks(agent.languages, rule.language):
        reasons.append(f"does not write {rule.language}")
    if agent.presence != AVAILABLE:
        reasons.append("is away" if agent.presence == AWAY else "is offline")
    return reasons


def full(agent: AgentFacts, ticket: TicketFacts, board: Board) -> str:
    """Why the agent has no room for the ticket; empty when there is."""
    if board.room(agent) >= ticket.weight:
        return ""
    load = board.loads.get(agent.user_id, 0)
    return f"has {load} of {agent.capacity} in use and the ticket weighs {ticket.weight}"


def _order(rule: Rule, agent: AgentFacts, board: Board) -> tuple[float, float, UUID]:
    if rule.strategy == LEAST_LOADED:
        return board.loads.get(agent.user_id, 0) / agent.capacity, board.idle_since(agent), agent.id
    if rule.strategy == MOST_SKILLED:
        return -sum(agent.skills.get(code, 0) for code in rule.skills), board.idle_since(agent), agent.id
    return board.idle_since(agent), 0.0, agent.id


_HOW = {
    LEAST_LOADED: "has the smallest part of the capacity in use",
    ROUND_ROBIN: "has gone longest without a new ticket",
    MOST_SKILLED: "masters what is needed best",
}


def _home(ticket: TicketFacts, agents: Sequence[AgentFacts], board: Board) -> AgentFacts | None:
    """The agent to whom a ticket that was opened again comes back, rules aside: away from the desk, but at work."""
    for agent in agents:
        if agent.user_id == ticket.home_user_id and agent.user_id != ticket.not_user_id:
            return agent if agent.presence != OFFLINE and not full(agent, ticket, board) else None
    return None


def choose(rule: Rule, ticket: TicketFacts, agents: Sequence[AgentFacts], board: Board) -> Decision:
    """One of those who fit and are free, by the rule; nobody when none is."""
    free = [agent for agent in agents if not against(rule, agent, ticket) and not full(agent, ticket, board)]
    if not free:
        return Decision(None, rule.code, "nobody who fits is free")
    if rule.sticky:
        for agent in free:
            if agent.user_id == ticket.last_user_id:
                return Decision(agent, rule.code, "served the party last")
    chosen = min(free, key=lambda agent: _order(rule, agent, board))
    return Decision(chosen, rule.code, f"{_HOW[rule.strategy]} among {len(free)}")


def decide(ticket: TicketFacts, matching: Sequence[Rule], agents: Sequence[AgentFacts], board: Board) -> Decision:
    """Who gets the ticket: the one who had it, if it was opened again; otherwise whom the first matching rule finds, or
    a later one where the rule says so. Changes nothing on the board.
    """
    home = _home(ticket, agents, board)
    if home is not None:
        return Decision(home, "", "had the ticket before it was opened again")
    waits = Decision(None, "", "no rule is for this ticket; give it to somebody by hand or add a rule")
    for rule in matching:
        found = choose(rule, ticket, agents, board)
        if found.agent is not None:
            return found
        waits = waits if waits.rule_code else found
        if not rule.next_rule:
            break
    return waits


@dataclass(frozen=True, slots=True)
class Verdict:
    """One agent in a rule's eyes."""

    agent: AgentFacts
    reasons: tuple[str, ...]
    eligible: bool
    load: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule said."""

    rule_code: str
    matched: bool
    explanation: str
    verdicts: tuple[Verdict, ...] = ()
    considered: int = 0


def explain(
    ticket: TicketFacts,
    judged: Sequence[tuple[Rule, _Explained]],
    agents: Sequence[AgentFacts],
    board: Board,
    hidden: frozenset[str] = frozenset(),
) -> tuple[Decision, list[Step]]:
    """What `decide` answers, with every rule asked on the way and everybody it considered, and why not; without the
    values of hidden paths.
    """
    decision = decide(ticket, [rule for rule, said in judged if said.holds], agents, board)
    steps: list[Step] = []
    if decision.agent is not None and not decision.rule_code:
        return decision, steps
    for rule, said in judged:
        if not said.holds:
            steps.append(Step(rule.code, False, said.told(hidden)))
            continue
        verdicts = sorted((_verdict(rule, agent, ticket, board) for agent in agents), key=_fitting_first)
        chosen = decision.agent is not None and decision.rule_code == rule.code
        after = "the next rule is asked" if rule.next_rule else "the ticket waits"
        told = f"one agent gets it: {decision.how}" if chosen else f"nobody who fits is free: {after}"
        steps.append(Step(rule.code, True, told, tuple(verdicts[:SHOWN]), len(verdicts)))
        if chosen or not rule.next_rule:
            break
    return decision, steps


def _verdict(rule: Rule, agent: AgentFacts, ticket: TicketFacts, board: Board) -> Verdict:
    reasons = against(rule, agent, ticket)
    no_room = full(agent, ticket, board)
    if no_room:
        reasons.append(no_room)
    load = board.loads.get(agent.user_id, 0)
    return Verdict(agent, tuple(reasons or [f"fits; has {load} of {agent.capacity} in use"]), not reasons, load)


def _fitting_first(verdict: Verdict) -> tuple[bool, int, int]:
    return (not verdict.eligible, 0 if verdict.eligible else len(verdict.reasons), verdict.load)
