"""Gives tickets to agents: routes follow their tickets, then who waits is served by priority, due time and age."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from tercet.servicedesk.v1 import events_pb2 as events
from tercet_chassis import Tx
from tercet_service_desk.agents import store as agent_store
from tercet_service_desk.agents.holding import hold
from tercet_service_desk.agents.model import Agent, HeldTicket
from tercet_service_desk.agents.rules import AgentFacts
from tercet_service_desk.routing import store
from tercet_service_desk.routing.book import Book, asked_of, read
from tercet_service_desk.routing.model import ENDED, WAITING, TicketRoute
from tercet_service_desk.routing.rules import RANKS, Decision, TicketFacts, decide, explain
from tercet_service_desk.routing.store import Place, place_of
from tercet_service_desk.routing.telling import kept
from tercet_service_desk.tickets.model import Ticket

_PAGE = 200
# Far down the queue stand those for whom nobody who is free fits; the next turn looks again.
_FURTHEST = 2_000


async def route(tx: Tx, ids: Collection[UUID], *, asked: bool = False, relieve: bool = False) -> None:
    """Brings the routes of tickets in line with what the tickets say now, in whatever order one heard of it, and serves
    those who wait. `relieve` takes the tickets from those who have them. Where nothing is routed by rules, tickets that
    nobody has are left alone unless `asked`.
    """
    await store.lock_routing(tx)
    standing = await store.standing(tx, ids)
    if not asked:
        ids = [id for id in (ids if standing.rules else standing.known) if id not in standing.true]
        if not ids and not standing.waits:
            return
    line = await _settle(tx, ids, relieve)
    # Where nobody waits nobody is served: so it is with what the rules have just given, which is heard as well.
    waits = standing.waits or any(found.state == WAITING for found in line.routes.values())
    given = await _serve(tx, line) if waits else set()
    # Not by tx.add: a route is whose the ticket is, not the caller's.
    tx.session.add_all(line.fresh)
    for ticket in line.released:
        if ticket.id not in given:
            tx.emit(events.TicketUpdated, ticket)


@dataclass(frozen=True, slots=True)
class _Line:
    """Tickets that this transaction holds, their routes, those routes of them that are written at the end, and the
    tickets that were taken from somebody.
    """

    tickets: dict[UUID, Ticket]
    routes: dict[UUID, TicketRoute]
    fresh: list[TicketRoute]
    released: list[Ticket]

    def joined(self, behind: Place | None, until: Place | None) -> list[tuple[Place, Any, Any]]:
        """Who has just come into the queue between two places."""
        places = (
            (place_of(route), self.tickets[route.id], route)
            for route in self.fresh
            if route.state == WAITING and self.tickets[route.id].assign_time is None
        )
        return [found for found in places if (not behind or found[0] > behind) and (not until or found[0] <= until)]


async def _settle(tx: Tx, ids: Collection[UUID], relieve: bool) -> _Line:
    """The routes say what the tickets say."""
    tickets = await store.lock_tickets(tx, ids)
    routes, held = await store.routes(tx, ids), await agent_store.held(tx, ids)
    fresh, released, over = [], [], []
    for ticket in tickets.values():
        found, holder = routes.get(ticket.id), held.get(ticket.id)
        if ticket.state in store.OVER:
            if found is not None:
                found.end()
            over.append(ticket.id)
            continue
        standing = found
        if standing is None:
            standing = routes[ticket.id] = TicketRoute(
                id=ticket.id, state=WAITING, wait_time=ticket.create_time, decision={}
            )
            fresh.append(standing)
        standing.unit_id, standing.partner_party_id = ticket.unit_id, ticket.partner_party_id
        if ticket.assign_time is None or ticket.owner_id is None:
            standing.wait(tx.now(), home=standing.home_user_id, relieved=standing.not_user_id)
            over.append(ticket.id)
        elif relieve:
            standing.wait(tx.now(), relieved=ticket.owner_id)
            released.append(_released(ticket))
            over.append(ticket.id)
        elif holder is None and standing.state == ENDED and await _is_agent(tx, ticket.owner_id):
            # Opened again: it comes back to its agent if there is room, and is nobody's until that is known.
            standing.wait(tx.now(), home=ticket.owner_id)
            released.append(_released(ticket))
        elif holder is None or holder.user_id != ticket.owner_id or standing.state != "ASSIGNED":
            await hold(tx, ticket.id, ticket.owner_id, (ticket.type_code, ticket.priority), past_capacity=True)
            standing.given(ticket.owner_id, tx.now(), by_hand=True)
        standing.place(RANKS.get(ticket.priority, RANKS["NORMAL"]), ticket.next_due_time)
    gone = [id for id in ids if id not in tickets]
    for id in gone:
        if id in routes:
            await tx.delete(routes.pop(id))
    await tx.flush()
    await agent_store.let_go(tx, [id for id in (*over, *gone) if id in held])
    return _Line(tickets, routes, fresh, released)


def _released(ticket: Ticket) -> Ticket:
    ticket.release()
    return ticket


async def _is_agent(tx: Tx, user_id: UUID) -> bool:
    return bool(await agent_store.lock_agents(tx, [user_id]))


async def _serve(tx: Tx, line: _Line) -> set[UUID]:
    """Gives waiting tickets to whom the rules choose, as long as anybody has room. Those of the line that wait on learn
    why. Gives the ids of those given.
    """
    book = await read(tx)
    given: set[UUID] = set()
    behind: Place | None = None
    seen = 0
    while seen < _FURTHEST and book.board.any_room(book.agents):
        rows = [(place_of(row), row, row) for row in await store.waiting(tx, behind, _PAGE)]
        until = rows[-1][0] if len(rows) == _PAGE else None
        queue = sorted([*rows, *line.joined(behind, until)], key=itemgetter(0))
        picks = await _plan(tx, book, queue)
        if picks and not await _give(tx, book, picks, line, given):
            # Somebody took capacity or a ticket by hand meanwhile: once more with what is left.
            book = await read(tx)
            continue
        if until is None:
            break
        behind, seen = until, seen + len(rows)
    _explain_waiting(tx, book, line)
    return given


async def _plan(
    tx: Tx, book: Book, queue: Sequence[tuple[Place, Any, Any]]
) -> list[tuple[TicketFacts, Decision, dict[str, Any]]]:
    last = await store.last_agents(tx, {row.party_id for _, row, _ in queue}) if book.sticky and queue else {}
    picks = []
    for _, row, route in queue:
        ticket, facts = book.ticket(row, route, last), asked_of(row)
        if decide(ticket, book.matching(facts), book.agents, book.board).agent is None:
            continue
        decision, steps = explain(ticket, book.judged(facts), book.agents, book.board)
        assert decision.agent is not None
        picks.append((ticket, decision, kept(decision, steps, ticket.weight, tx.now())))
        book.board.give(decision.agent, ticket.weight, tx.now().timestamp())
    return picks


async def _give(
    tx: Tx, book: Book, picks: Sequence[tuple[TicketFacts, Decision, dict[str, Any]]], line: _Line, given: set[UUID]
) -> bool:
    """Does what was planned, under the locks of tickets and agents; False when something had changed."""
    # What was settled is held since, and is as it was read.
    others = [ticket.id for ticket, _, _ in picks if ticket.id not in line.tickets]
    tickets = line.tickets | await store.lock_tickets(tx, others)
    routes = line.routes | await store.routes(tx, others)
    agents = {agent.user_id: agent for agent in await agent_store.lock_agents(tx, _users(picks))}
    loads = await agent_store.loads(tx, agents)
    whole = True
    turns: dict[UUID, datetime] = {}
    for facts, decision, told in picks:
        chosen = decision.agent
        assert chosen is not None
        ticket, agent = tickets.get(facts.id), agents.get(chosen.user_id)
        if ticket is None or ticket.state in store.OVER or ticket.assign_time is not None:
            whole = False
            continue
        if agent is None or not _still(agent, chosen, loads.get(agent.user_id, 0) + facts.weight):
            whole = False
            continue
        loads[agent.user_id] = loads.get(agent.user_id, 0) + facts.weight
        turns[agent.id] = datetime.fromtimestamp(book.board.turns[agent.user_id], UTC)
        ticket.assign(agent.user_id, agent.unit_id, tx.now())
        tx.session.add(HeldTicket(id=ticket.id, user_id=agent.user_id, weight=facts.weight, hold_time=tx.now()))
        routes[ticket.id].given(agent.user_id, tx.now(), by_hand=False)
        routes[ticket.id].unit_id = ticket.unit_id
        routes[ticket.id].decision = told
        tx.emit(events.TicketAssigned, ticket)
        given.add(ticket.id)
    await tx.flush()
    await agent_store.took(tx, turns)
    return whole


def _still(agent: Agent, planned: AgentFacts, load: int) -> bool:
    return agent.presence == planned.presence and load <= agent.capacity


def _users(picks: Sequence[tuple[TicketFacts, Decision, dict[str, Any]]]) -> set[UUID]:
    return {decision.agent.user_id for _, decision, _ in picks if decision.agent is not None}


def _explain_waiting(tx: Tx, book: Book, line: _Line) -> None:
    for standing in line.routes.values():
        if standing.state != WAITING:
            continue
        ticket = line.tickets[standing.id]
        facts = book.ticket(ticket, standing, {})
        decision, steps = explain(facts, book.judged(asked_of(ticket)), book.agents, book.board)
        standing.decision = kept(decision, steps, facts.weight, tx.now())
