"""Decisions without a database, against an oracle that looks at every agent for itself."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tercet_service_desk.agents.rules import AgentFacts, Weights
from tercet_service_desk.routing.rules import Board, Rule, TicketFacts, decide, speaks

SKILLS, LANGUAGES, GROUPS = ("lens", "battery"), ("zh", "zh-Hant", "en"), ("hotline", "shop")


def _id(number: int) -> UUID:
    return UUID(int=number)


agents = st.lists(
    st.builds(
        AgentFacts,
        id=st.uuids(),
        user_id=st.uuids(),
        unit_id=st.sampled_from([None, _id(1), _id(2)]),
        skills=st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 5)),
        languages=st.frozensets(st.sampled_from(LANGUAGES)),
        groups=st.frozensets(st.sampled_from(GROUPS)),
        capacity=st.integers(1, 6),
        presence=st.sampled_from(["AVAILABLE", "AVAILABLE", "AWAY", "OFFLINE"]),
        idle_since=st.floats(0, 100),
    ),
    max_size=6,
    unique_by=lambda agent: agent.user_id,
)
rules = st.lists(
    st.builds(
        Rule,
        code=st.text("abc", min_size=1),
        strategy=st.sampled_from(["LEAST_LOADED", "ROUND_ROBIN", "MOST_SKILLED"]),
        skills=st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 5), max_size=1),
        language=st.sampled_from(["", "", "zh", "zh-Hant"]),
        group=st.sampled_from(["", "", "hotline"]),
        unit_id=st.sampled_from([None, None, _id(1)]),
        same_unit=st.booleans(),
        sticky=st.booleans(),
        next_rule=st.booleans(),
    ),
    max_size=3,
)
arrivals = st.lists(st.tuples(st.integers(1, 3), st.sampled_from([_id(1), _id(2)])), max_size=25)


def _fits(rule: Rule, agent: AgentFacts, ticket: TicketFacts, held: int) -> bool:
    return (
        agent.presence == "AVAILABLE"
        and held + ticket.weight <= agent.capacity
        and all(agent.skills.get(code, 0) >= level for code, level in rule.skills.items())
        and (not rule.language or any(f"{known}-".startswith(f"{rule.language}-") for known in agent.languages))
        and (not rule.group or rule.group in agent.groups)
        and (rule.unit_id is None or rule.unit_id == agent.unit_id)
        and (not rule.same_unit or ticket.unit_id == agent.unit_id)
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(agents, rules, arrivals)
def test_whoever_gets_a_ticket_fits_and_it_waits_only_when_nobody_does(
    team: list[AgentFacts], asked: list[Rule], coming: list[tuple[int, UUID]]
) -> None:
    board, held = Board(), {agent.user_id: 0 for agent in team}
    for number, (weight, unit) in enumerate(coming):
        ticket = TicketFacts(id=_id(number), weight=weight, unit_id=unit)
        decision = decide(ticket, asked, team, board)
        candidates: list[AgentFacts] = []
        code = ""
        for rule in asked:
            candidates, code = [agent for agent in team if _fits(rule, agent, ticket, held[agent.user_id])], rule.code
            if candidates or not rule.next_rule:
                break
        if not candidates:
            assert decision.agent is None
            continue
        assert decision.agent in candidates
        assert decision.rule_code == code
        held[decision.agent.user_id] += weight
        board.give(decision.agent, weight, float(number))
    assert all(held[agent.user_id] <= agent.capacity for agent in team)


def test_ticket_that_was_opened_again_comes_back_to_an_agent_who_is_away_but_not_offline() -> None:
    away = AgentFacts(_id(1), _id(11), presence="AWAY")
    ticket = TicketFacts(_id(5), home_user_id=_id(11))
    assert decide(ticket, [], [away], Board()).agent == away
    assert decide(ticket, [], [replace(away, presence="OFFLINE")], Board()).agent is None
    assert decide(ticket, [], [away], Board({_id(11): 1})).agent is None


def test_the_more_exact_weight_counts() -> None:
    weights = Weights({("repair", "URGENT"): 5, ("repair", ""): 3, ("", "URGENT"): 2})
    asked = [("repair", "URGENT"), ("repair", "LOW"), ("question", "URGENT"), ("question", "LOW")]
    assert [weights.of(*kind) for kind in asked] == [5, 3, 2, 1]


def test_a_script_serves_for_its_language_and_not_the_reverse() -> None:
    assert speaks(frozenset({"zh-Hant"}), "zh")
    assert not speaks(frozenset({"zh"}), "zh-Hant")
    assert not speaks(frozenset({"zhx"}), "zh")
