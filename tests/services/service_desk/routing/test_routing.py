"""Routing on the real service: rules, capacity, presence, hands, and a hundred arrivals at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from tercet.chassis.v1 import maintenance_service_pb2 as checking
from tercet.gateway.v1 import employee_service_pb2 as employees
from tercet.gateway.v1.events_pb2 import EmployeeUpdated
from tercet.servicedesk.v1 import agent_service_pb2 as agents
from tercet.servicedesk.v1 import routing_rule_service_pb2 as rules
from tercet.servicedesk.v1 import service_level_service_pb2 as levels
from tercet.servicedesk.v1 import ticket_route_service_pb2 as pb
from tercet.servicedesk.v1 import ticket_service_pb2 as tickets
from tercet.servicedesk.v1 import work_weight_service_pb2 as weights
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_service_desk.agents.consumers import relieve
from tercet_service_desk.routing import giving

AVAILABLE, AWAY, OFFLINE = (agents.Agent.Presence.Value(name) for name in ("AVAILABLE", "AWAY", "OFFLINE"))
WAITING, ASSIGNED, ENDED = (pb.TicketRoute.State.Value(name) for name in ("WAITING", "ASSIGNED", "ENDED"))
URGENT, HIGH, NORMAL, LOW = (tickets.Ticket.Priority.Value(name) for name in ("URGENT", "HIGH", "NORMAL", "LOW"))


async def agent(desk: Client, name: str = "李娜", presence: int = AVAILABLE, **values: Any) -> agents.Agent:
    values = {"user_id": str(new_id()), "capacity": 3, **values}
    made = await desk.CreateAgent(agents.CreateAgentRequest(agent=agents.Agent(display_name=name, **values)))
    request = agents.SetAgentPresenceRequest(id=made.id, presence=presence)  # type: ignore[arg-type]
    answer: agents.Agent = await desk.SetAgentPresence(request)
    return answer


async def rule(desk: Client, code: str = "all", **values: Any) -> rules.RoutingRule:
    values = {"display_name": code, "strategy": "LEAST_LOADED", "active": True, **values}
    made: rules.RoutingRule = await desk.CreateRoutingRule(
        rules.CreateRoutingRuleRequest(routing_rule=rules.RoutingRule(code=code, **values))
    )
    return made


async def opened(desk: Client, **values: Any) -> tickets.Ticket:
    ticket = tickets.Ticket(**{"subject": "屏幕碎了 broken screen", **values})
    made: tickets.Ticket = await desk.CreateTicket(tickets.CreateTicketRequest(ticket=ticket))
    return made


async def standing(desk: Client, ticket: tickets.Ticket) -> pb.TicketRoute:
    found: pb.TicketRoute = await desk.GetTicketRoute(pb.GetTicketRouteRequest(id=ticket.id))
    return found


async def read(desk: Client, ticket: tickets.Ticket) -> tickets.Ticket:
    found: tickets.Ticket = await desk.GetTicket(tickets.GetTicketRequest(id=ticket.id))
    return found


async def load(desk: Client, who: agents.Agent) -> int:
    return int((await desk.GetAgent(agents.GetAgentRequest(id=who.id))).load)


async def solve(desk: Client, ticket_id: str) -> None:
    await desk.SolveTicket(tickets.SolveTicketRequest(id=ticket_id))


async def sound(desk: Client) -> None:
    answer = await desk.CheckInvariants(checking.CheckInvariantsRequest())
    ours = [finding for finding in answer.findings if finding.invariant.split(".")[0] in ("agents", "routing")]
    assert len(ours) == 2
    assert not [finding for finding in ours if not finding.holds]


async def test_ticket_is_given_on_opening_and_says_why(service_desk: Client) -> None:
    await rule(service_desk)
    who = await agent(service_desk)
    ticket = await opened(service_desk)
    await service_desk.settled()
    assigned = await read(service_desk, ticket)
    assert (assigned.owner_id, assigned.state) == (who.user_id, tickets.Ticket.State.OPEN)
    assert assigned.HasField("assign_time")
    route = await standing(service_desk, ticket)
    assert (route.state, route.owner_id, route.by_hand) == (ASSIGNED, who.user_id, False)
    assert (route.decision.rule_code, route.decision.agent_id) == ("all", who.id)
    assert await load(service_desk, who) == 1
    await sound(service_desk)


async def test_who_was_left_out_is_told_why(service_desk: Client) -> None:
    await rule(
        service_desk,
        skills=[agents.SkillLevel(code="ev_battery", level=3)],
        language_code="zh",
        group_code="hotline",
    )
    fit: dict[str, Any] = {
        "skills": [agents.SkillLevel(code="ev_battery", level=4)],
        "language_codes": ["zh-Hant"],
        "group_codes": ["hotline"],
    }
    low = await agent(service_desk, **{**fit, "skills": [agents.SkillLevel(code="ev_battery", level=2)]})
    none = await agent(service_desk, **{**fit, "skills": []})
    english = await agent(service_desk, **{**fit, "language_codes": ["en"]})
    elsewhere = await agent(service_desk, **{**fit, "group_codes": ["shop"]})
    away = await agent(service_desk, presence=AWAY, **fit)
    busy = await agent(service_desk, **{**fit, "capacity": 1})
    await opened(service_desk)
    await service_desk.settled()
    assert await load(service_desk, busy) == 1
    ticket = await opened(service_desk)
    await service_desk.settled()
    route = await standing(service_desk, ticket)
    assert (route.state, route.decision.user_id) == (WAITING, "")
    (step,) = route.decision.steps
    reasons = {candidate.agent_id: " ".join(candidate.reasons) for candidate in step.candidates}
    assert "level 2, 3 is needed" in reasons[low.id]
    assert "lacks the skill ev_battery" in reasons[none.id]
    assert "does not write zh" in reasons[english.id]
    assert "not in the group hotline" in reasons[elsewhere.id]
    assert reasons[away.id] == "is away"
    assert "has 1 of 1 in use" in reasons[busy.id]
    assert step.considered_count == 6


async def test_conditions_choose_the_rule_and_an_exhausted_one_may_ask_the_next(service_desk: Client) -> None:
    await rule(service_desk, "repairs", condition='type_code = "repair"', group_code="workshop", priority=1)
    await rule(service_desk, "urgent", condition="priority = URGENT", group_code="a", exhausted="NEXT_RULE", priority=2)
    await rule(service_desk, "rest", group_code="b", priority=3)
    workshop = await agent(service_desk, group_codes=["workshop"])
    rest = await agent(service_desk, group_codes=["b"])
    repair, urgent = await opened(service_desk, type_code="repair"), await opened(service_desk, priority=URGENT)
    await service_desk.settled()
    assert (await read(service_desk, repair)).owner_id == workshop.user_id
    assert (await read(service_desk, urgent)).owner_id == rest.user_id
    steps = (await standing(service_desk, urgent)).decision.steps
    assert [(step.rule_code, step.matched) for step in steps] == [("repairs", False), ("urgent", True), ("rest", True)]


async def test_a_condition_that_does_not_parse_is_refused_at_its_field(service_desk: Client) -> None:
    with refused("CONDITION_INVALID", "routing_rule.condition"):
        await rule(service_desk, condition="colour = red")


async def test_load_is_even_and_turns_go_round(service_desk: Client) -> None:
    await rule(service_desk, "even", condition='type_code = "even"')
    await rule(service_desk, "turns", strategy="ROUND_ROBIN")
    three = [await agent(service_desk, str(at), capacity=100) for at in range(3)]
    for kind in ("even", ""):
        made = [await opened(service_desk, type_code=kind) for _ in range(6)]
        await service_desk.settled()
        got = Counter([(await read(service_desk, ticket)).owner_id for ticket in made])
        assert got == {who.user_id: 2 for who in three}


async def test_best_master_and_last_agent_come_first(service_desk: Client) -> None:
    await rule(
        service_desk,
        "craft",
        condition='type_code = "craft"',
        strategy="MOST_SKILLED",
        skills=[agents.SkillLevel(code="lens", level=1)],
    )
    await rule(service_desk, "kept", sticky=True, strategy="ROUND_ROBIN")
    plain = await agent(service_desk, skills=[agents.SkillLevel(code="lens", level=2)])
    master = await agent(service_desk, skills=[agents.SkillLevel(code="lens", level=5)])
    party = str(new_id())
    first = await opened(service_desk, type_code="craft", identity_id=party, party_id=party)
    await service_desk.settled()
    assert (await read(service_desk, first)).owner_id == master.user_id
    again = await opened(service_desk, identity_id=party, party_id=party)
    other = await opened(service_desk)
    await service_desk.settled()
    assert (await read(service_desk, again)).owner_id == master.user_id
    assert "served the party last" in (await standing(service_desk, again)).decision.explanation
    assert (await read(service_desk, other)).owner_id == plain.user_id


async def test_waiting_tickets_are_served_by_priority_then_age(service_desk: Client) -> None:
    await rule(service_desk)
    who = await agent(service_desk, capacity=1)
    first = await opened(service_desk)
    await service_desk.settled()
    order = []
    for priority in (LOW, NORMAL, URGENT, NORMAL, HIGH):
        order.append(await opened(service_desk, priority=priority))
        await service_desk.settled()
    listed = await service_desk.ListTicketRoutes(
        pb.ListTicketRoutesRequest(filter="state = WAITING", order_by="rank,turn_time")
    )
    low, older, urgent, newer, high = (ticket.id for ticket in order)
    assert [route.id for route in listed.ticket_routes] == [urgent, high, older, newer, low]
    held = first.id
    for expected in (urgent, high, older, newer, low):
        await solve(service_desk, held)
        await service_desk.settled()
        assert (await standing(service_desk, tickets.Ticket(id=held))).state == ENDED
        assert (await read(service_desk, tickets.Ticket(id=expected))).owner_id == who.user_id
        assert await load(service_desk, who) == 1
        held = expected
    await sound(service_desk)


async def test_of_one_priority_what_is_promised_sooner_is_served_first(service_desk: Client) -> None:
    for code, minutes in (("slow", 4_000), ("fast", 30)):
        promised = levels.ServiceLevel(code=code, display_name=code, condition=f'type_code = "{code}"', active=True)
        promised.targets.add(clock="SOLVE", minutes=minutes)
        await service_desk.CreateServiceLevel(levels.CreateServiceLevelRequest(service_level=promised))
    await rule(service_desk)
    who = await agent(service_desk, capacity=1)
    first = await opened(service_desk)
    await service_desk.settled()
    unpromised, slow, fast = [await opened(service_desk, type_code=code) for code in ("", "slow", "fast")]
    await service_desk.settled()
    assert (await standing(service_desk, fast)).HasField("due_time")
    held = first
    for expected in (fast, slow, unpromised):
        await solve(service_desk, held.id)
        await service_desk.settled()
        assert (await read(service_desk, expected)).owner_id == who.user_id
        held = expected


async def test_whoever_comes_back_or_gets_room_is_served_what_waits(service_desk: Client) -> None:
    await rule(service_desk)
    who = await agent(service_desk, presence=AWAY, capacity=1)
    made = [await opened(service_desk) for _ in range(3)]
    await service_desk.settled()
    assert [(await standing(service_desk, ticket)).state for ticket in made] == [WAITING] * 3
    request = agents.SetAgentPresenceRequest(id=who.id, presence=AVAILABLE)  # type: ignore[arg-type]
    await service_desk.SetAgentPresence(request)
    await service_desk.settled()
    assert await load(service_desk, who) == 1
    change = agents.UpdateAgentRequest(agent=agents.Agent(id=who.id, capacity=3))
    change.update_mask.paths.append("capacity")
    await service_desk.UpdateAgent(change)
    await service_desk.settled()
    assert await load(service_desk, who) == 3
    change.agent.capacity = 1
    await service_desk.UpdateAgent(change)
    await service_desk.settled()
    # Lowered on purpose: nothing is taken away, and the check knows.
    assert await load(service_desk, who) == 3
    await sound(service_desk)


async def test_tickets_from_before_there_were_rules_are_taken_up(service_desk: Client) -> None:
    who = await agent(service_desk)
    ticket = await opened(service_desk)
    taken = await opened(service_desk)
    await service_desk.AssignTicket(tickets.AssignTicketRequest(id=taken.id, assignee_id=who.user_id))
    await service_desk.settled()
    with refused("RESOURCE_NOT_FOUND"):
        await standing(service_desk, ticket)
    await rule(service_desk)
    await service_desk.settled()
    assert (await read(service_desk, ticket)).owner_id == who.user_id
    assert await load(service_desk, who) == 2
    await solve(service_desk, taken.id)
    await service_desk.settled()
    assert await load(service_desk, who) == 1
    await sound(service_desk)


async def test_heavy_tickets_take_more_of_the_capacity(service_desk: Client) -> None:
    for weight in (
        weights.WorkWeight(type_code="repair", weight=2),
        weights.WorkWeight(priority=URGENT, weight=3),  # type: ignore[arg-type]
    ):
        await service_desk.CreateWorkWeight(weights.CreateWorkWeightRequest(work_weight=weight))
    await rule(service_desk)
    who = await agent(service_desk, capacity=5)
    await opened(service_desk, type_code="repair")
    await service_desk.settled()
    await opened(service_desk, priority=URGENT)
    await service_desk.settled()
    assert await load(service_desk, who) == 5
    ticket = await opened(service_desk)
    await service_desk.settled()
    assert (await standing(service_desk, ticket)).state == WAITING


async def test_by_hand_past_capacity_is_refused_and_says_what_to_do(service_desk: Client) -> None:
    who = await agent(service_desk, capacity=1)
    first, second = await opened(service_desk), await opened(service_desk)
    await service_desk.AssignTicket(tickets.AssignTicketRequest(id=first.id, assignee_id=who.user_id))
    with pytest.raises(Refusal) as wrong:
        await service_desk.AssignTicket(tickets.AssignTicketRequest(id=second.id, assignee_id=who.user_id))
    assert wrong.value.reason == "AGENT_AT_CAPACITY"
    assert ":assignPastCapacity" in wrong.value.message
    past = pb.AssignTicketPastCapacityRequest(id=second.id, assignee_id=who.user_id)
    plain = service_desk.as_(permissions={"service-desk.ticket.assign": "all", "service-desk.ticket.read": "all"})
    with refused("PERMISSION_MISSING"):
        await plain.AssignTicketPastCapacity(past)
    await service_desk.AssignTicketPastCapacity(past)
    await service_desk.settled()
    assert await load(service_desk, who) == 2
    assert (await standing(service_desk, second)).by_hand
    await sound(service_desk)


async def test_reopened_ticket_comes_back_if_there_is_room_and_is_routed_anew_if_not(service_desk: Client) -> None:
    await rule(service_desk)
    who = await agent(service_desk, capacity=1)
    first = await opened(service_desk)
    await service_desk.settled()
    await solve(service_desk, first.id)
    await service_desk.settled()
    await service_desk.ReopenTicket(tickets.ReopenTicketRequest(id=first.id))
    await service_desk.settled()
    assert (await read(service_desk, first)).owner_id == who.user_id
    await solve(service_desk, first.id)
    second = await opened(service_desk)
    await service_desk.settled()
    assert (await read(service_desk, second)).owner_id == who.user_id
    await service_desk.ReopenTicket(tickets.ReopenTicketRequest(id=first.id))
    await service_desk.settled()
    assert (await standing(service_desk, first)).state == WAITING
    assert (await read(service_desk, first)).owner_id == ""
    await solve(service_desk, second.id)
    await service_desk.settled()
    assert (await read(service_desk, first)).owner_id == who.user_id
    await sound(service_desk)


async def test_route_on_request_and_reassign(service_desk: Client) -> None:
    await rule(service_desk)
    one, two = await agent(service_desk, "一"), await agent(service_desk, "二")
    ticket = await opened(service_desk)
    await service_desk.settled()
    before = (await read(service_desk, ticket)).owner_id
    same = await service_desk.RouteTicket(pb.RouteTicketRequest(id=ticket.id))
    assert same.owner_id == before
    moved = await service_desk.RouteTicket(pb.RouteTicketRequest(id=ticket.id, reassign=True))
    assert {before, moved.owner_id} == {one.user_id, two.user_id}
    await service_desk.settled()
    assert (await load(service_desk, one)) + (await load(service_desk, two)) == 1
    await solve(service_desk, ticket.id)
    with refused("TICKET_NOT_ROUTABLE"):
        await service_desk.RouteTicket(pb.RouteTicketRequest(id=ticket.id))
    await sound(service_desk)


async def test_dry_run_changes_nothing_and_hides_what_is_masked(service_desk: Client) -> None:
    await rule(service_desk, condition='subject = "漏水"')
    who = await agent(service_desk)
    draft = tickets.Ticket(subject="漏水", priority=HIGH)  # type: ignore[arg-type]
    said = await service_desk.DryRunRouting(pb.DryRunRoutingRequest(ticket=draft))
    assert (said.user_id, said.weight) == (who.user_id, 1)
    assert await load(service_desk, who) == 0
    blind = service_desk.as_(masks=["FREE_TEXT"])
    said = await blind.DryRunRouting(pb.DryRunRoutingRequest(ticket=tickets.Ticket(subject="停电")))
    assert "漏水" not in said.steps[0].explanation
    assert not said.user_id
    with refused("TICKET_TO_JUDGE_MISSING"):
        await service_desk.DryRunRouting(pb.DryRunRoutingRequest())


async def test_agents_set_their_own_presence_and_supervisors_their_units(service_desk: Client) -> None:
    unit = new_id()
    who = await agent(service_desk, unit_id=str(unit))
    other = await agent(service_desk, unit_id=str(new_id()))
    permission = "service-desk.agent.set_presence"
    away = agents.SetAgentPresenceRequest(presence=AWAY, note="午休")  # type: ignore[arg-type]
    myself = service_desk.as_(permissions={permission: "own"}, user_id=UUID(who.user_id))
    away.id = who.id
    assert (await myself.SetAgentPresence(away)).presence_note == "午休"
    away.id = other.id
    with refused("RESOURCE_NOT_FOUND"):
        await myself.SetAgentPresence(away)
    supervisor = service_desk.as_(permissions={permission: "unit"}, unit_id=unit)
    with refused("RESOURCE_NOT_FOUND"):
        await supervisor.SetAgentPresence(away)
    away.id = who.id
    await supervisor.SetAgentPresence(away)


async def test_whoever_left_gets_no_tickets_any_more(service_desk: Client) -> None:
    unit = str(new_id())
    here, elsewhere = await agent(service_desk, unit_id=unit), await agent(service_desk, unit_id=str(new_id()))
    async with service_desk.transaction() as tx:
        for who in (here, elsewhere):
            left = employees.Employee(user_id=who.user_id, unit_id=unit, active=False)
            await relieve(EmployeeUpdated(employee=left), tx)
        await tx.finish()
    seen = [(await service_desk.GetAgent(agents.GetAgentRequest(id=who.id))).presence for who in (here, elsewhere)]
    assert seen == [OFFLINE, AVAILABLE]


async def test_who_arrives_is_served_wherever_in_a_long_queue_it_stands(
    service_desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving, "_PAGE", 2)
    await rule(service_desk, "rare", condition='subject = "rare"', skills=[agents.SkillLevel(code="none", level=1)])
    await rule(service_desk, "plain", condition='subject = "plain"')
    who = await agent(service_desk, capacity=10)
    stuck = [await opened(service_desk, subject="rare") for _ in range(5)]
    await service_desk.settled()
    arriving = [opened(service_desk, subject="plain", priority=each) for each in (LOW, URGENT, NORMAL)]
    made = await asyncio.gather(*arriving, opened(service_desk, subject="rare"))
    await service_desk.settled()
    assert {(await read(service_desk, each)).owner_id for each in made[:3]} == {who.user_id}
    for each in (*stuck, made[3]):
        assert (await standing(service_desk, each)).state == WAITING
    assert await load(service_desk, who) == 3
    await sound(service_desk)


async def test_a_hundred_arrivals_at_once_never_fill_anybody_past_capacity(service_desk: Client) -> None:
    await rule(service_desk)
    team = [await agent(service_desk, str(at), capacity=capacity) for at, capacity in enumerate((5, 10, 15))]
    made = await asyncio.gather(*(opened(service_desk) for _ in range(100)))
    # On request too, while their events are on the way: nobody may be given twice.
    await asyncio.gather(*(service_desk.RouteTicket(pb.RouteTicketRequest(id=ticket.id)) for ticket in made[::2]))
    await service_desk.settled(60)
    alive = {ticket.id for ticket in made}
    while alive:
        owners = {id: (await read(service_desk, tickets.Ticket(id=id))) for id in alive}
        held = {id: ticket.owner_id for id, ticket in owners.items() if ticket.HasField("assign_time")}
        got = Counter(held.values())
        # As much as there is room for is given, and the loads that agents see are the tickets they have.
        assert sum(got.values()) == min(30, len(alive))
        for who in team:
            assert got[who.user_id] <= who.capacity
            assert await load(service_desk, who) == got[who.user_id]
        await sound(service_desk)
        await asyncio.gather(*(solve(service_desk, id) for id in held))
        alive -= set(held)
        await service_desk.settled(60)


async def test_by_hand_and_by_rule_at_once_share_one_capacity(service_desk: Client) -> None:
    await rule(service_desk)
    who = await agent(service_desk, capacity=7, presence=OFFLINE)
    made = [await opened(service_desk) for _ in range(20)]
    await service_desk.settled()

    def by_hand(ticket: tickets.Ticket) -> Any:
        return service_desk.AssignTicket(tickets.AssignTicketRequest(id=ticket.id, assignee_id=who.user_id))

    present = agents.SetAgentPresenceRequest(id=who.id, presence=AVAILABLE)  # type: ignore[arg-type]
    told = await asyncio.gather(
        service_desk.SetAgentPresence(present), *(by_hand(ticket) for ticket in made), return_exceptions=True
    )
    # Too late for the place, or for the ticket: both are the right answer.
    assert {one.reason for one in told if isinstance(one, Refusal)} <= {"AGENT_AT_CAPACITY", "CHANGED_MEANWHILE"}
    await service_desk.settled()
    assert await load(service_desk, who) == 7
    await sound(service_desk)
