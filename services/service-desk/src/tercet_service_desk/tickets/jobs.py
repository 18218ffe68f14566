"""What happens to tickets by the clock: due times pass, escalation steps are taken, changed rules are applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from tercet.servicedesk.v1 import events_pb2 as events
from tercet_chassis import Refusal, Tx, every, job
from tercet_service_desk.levels.store import book
from tercet_service_desk.sending.handing import LEASE, Outcome, hand_over, later
from tercet_service_desk.tickets import store
from tercet_service_desk.tickets.model import Ticket, TicketEntry
from tercet_service_desk.tickets.promises import DONE, Promises, promises_of
from tercet_service_desk.tickets.telling import request_of

_BATCH = 200
# One job takes so many steps; a level with more goes on in the next.
_MOST_STEPS = 200


@dataclass(frozen=True, slots=True)
class Batch:
    """What was recalculated; `after` is where to go on, empty at the end."""

    tickets: int
    changed: int
    after: str


def watch(tx: Tx, promises: Promises) -> None:
    """Keeps a ticket's promises as they are after a change, and has a job wait for what comes next."""
    before = promises.ticket.step_time
    promises.keep(tx)
    ticket = promises.ticket
    # A job that waits too early finds nothing to do and waits anew; one that waits too late would be a broken promise.
    if ticket.step_time is not None and ticket.step_time != before:
        _schedule(tx, ticket)


def _schedule(tx: Tx, ticket: Ticket) -> None:
    assert ticket.step_time is not None
    tx.schedule(run_clocks, due=ticket.step_time, key=str(ticket.id), ticket_id=str(ticket.id))


@job
async def run_clocks(tx: Tx, ticket_id: str) -> None:
    """Takes every step of a ticket that is due, in order and each once, and notes broken promises."""
    ticket = await tx.find(Ticket, ticket_id, lock=True)
    if ticket is None or ticket.state in DONE:
        return
    promises = await promises_of(tx, ticket)
    for _ in range(_MOST_STEPS):
        coming = promises.clocks.coming(promises.level)
        if not coming or coming[0].time > tx.now():
            break
        promises.take(tx, coming[0])
    promises.keep(tx)
    if ticket.step_time is not None:
        _schedule(tx, ticket)


def send_soon(tx: Tx, entry: TicketEntry) -> None:
    """Has an answer handed over to marketing once the transaction is committed."""
    tx.schedule(send_reply, due=tx.now(), key=str(entry.id), entry_id=str(entry.id))


@job
async def send_reply(tx: Tx, entry_id: str) -> None:
    """Hands an answer over, and puts a second look at it on the list in case nobody lives to record that."""
    entry = await tx.find(TicketEntry, entry_id, lock=True)
    ticket = None if entry is None else await tx.find(Ticket, entry.ticket_id)
    if entry is None or ticket is None or not entry.to_hand_over:
        return
    entry.send_attempts += 1
    tx.schedule(send_reply, due=tx.now() + LEASE, key=entry_id, entry_id=entry_id)

    async def record(after: Tx, outcome: Outcome) -> None:
        await _handed_over(after, entry_id, outcome)

    hand_over(tx, request_of(ticket, entry), record)


async def _handed_over(tx: Tx, entry_id: str, outcome: Outcome) -> None:
    entry = await tx.find(TicketEntry, entry_id, lock=True)
    if entry is None or not entry.to_hand_over:
        return
    if not isinstance(outcome, Refusal):
        entry.handed_over = True
    elif outcome.passing:
        tx.schedule(send_reply, due=tx.now() + later(entry.send_attempts), key=entry_id, entry_id=entry_id)
    else:
        entry.refused(outcome.reason, outcome.message)
        await tell_fate(tx, entry)


async def tell_fate(tx: Tx, entry: TicketEntry) -> None:
    """Announces what became of an answer."""
    ticket = await tx.find(Ticket, entry.ticket_id)
    if ticket is not None:
        await tx.flush()
        tx.emit(events.TicketReplySent, ticket, entry=tx.render(entry))


async def recalculate(tx: Tx, after: str, *, stale_only: bool = True) -> Batch:
    """Judges the next open tickets anew; only those that other rules were applied to, or all."""
    current = (await book(tx)).stamp
    tickets = await store.open_tickets(tx, after, _BATCH, current if stale_only else None)
    changed = 0
    for ticket in tickets:
        seen = (ticket.service_level_code, ticket.clocks, ticket.step_time)
        promises = await promises_of(tx, ticket)
        promises.level = promises.book.choose(promises.before)
        watch(tx, promises)
        if seen != (ticket.service_level_code, ticket.clocks, ticket.step_time):
            changed += 1
            tx.emit(events.TicketUpdated, ticket)
    return Batch(len(tickets), changed, str(tickets[-1].id) if len(tickets) == _BATCH else "")


@job
async def follow_rules(tx: Tx, after: str) -> None:
    """After a level or a calendar was changed: open tickets follow, some hundred a job."""
    batch = await recalculate(tx, after)
    if batch.after:
        tx.schedule(follow_rules, due=tx.now(), key="all", after=batch.after)


@every(minutes=10)
async def follow_rules_late(tx: Tx) -> None:
    """Finds tickets that were opened by old rules in the very moment in which the rules changed."""
    tx.schedule(follow_rules, due=tx.now(), key="all", after="")


async def clocks_astray(tx: Tx) -> tuple[int, list[str]]:
    """How many tickets have clocks, and what is wrong with some: time that ran backwards, a step without its job."""
    waiting = await tx.known.scheduled(run_clocks)
    broken, checked = [], 0
    async for ticket in store.tickets_with_clocks(tx):
        checked += 1
        broken += [f"{ticket.number}: {problem}" for problem in _backwards(ticket)]
        if ticket.state in DONE or ticket.step_time is None:
            continue
        due = waiting.get(str(ticket.id))
        if due is None or due > ticket.step_time:
            # It may have moved since the jobs were read: look again while the ticket is held still.
            held = await tx.find(Ticket, ticket.id, lock=True)
            due = (await tx.known.scheduled(run_clocks, str(ticket.id))).get(str(ticket.id))
            if held is None or held.step_time is None or held.state in DONE:
                continue
            if due is None or due > held.step_time:
                broken.append(f"{held.number}: no job waits for {held.step_time.isoformat()}")
    return checked, broken


def _backwards(ticket: Ticket) -> Iterator[str]:
    clocks = ticket.read_clocks(ticket.create_time)
    latest = None
    for pause in clocks.pauses:
        if pause.end < pause.begin or (latest is not None and pause.begin < latest):
            yield f"a pause that ends {pause.end.isoformat()} runs backwards"
        latest = pause.end
    for clock in clocks.clocks.values():
        if clock.end is not None and not clock.begin <= clock.end <= clocks.mark:
            yield f"{clock.kind} ends {clock.end.isoformat()}, before it began or after all that is known"
        if clock.breach is not None and clock.state != "BREACHED":
            yield f"{clock.kind} was broken and is {clock.state}"
        if clock.runs and ticket.state in DONE and ticket.merged_into_id is None:
            yield f"{clock.kind} runs though the ticket is {ticket.state}"
    if clocks.mark > ticket.update_time + timedelta(seconds=1):
        yield f"its clocks know {clocks.mark.isoformat()}, later than its last change"
