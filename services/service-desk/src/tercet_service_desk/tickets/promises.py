"""A ticket's promises while a unit changes it: clocks follow what happens, the level follows the ticket's fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from tercet.servicedesk.v1 import events_pb2 as events
from tercet.servicedesk.v1.service_level_service_pb2 import EscalationStep
from tercet.servicedesk.v1.ticket_service_pb2 import TicketClock
from tercet_chassis import Tx
from tercet_conditions import Facts
from tercet_service_desk.levels.facts import facts_of
from tercet_service_desk.levels.rules import Clocks, Happening, Level, Step
from tercet_service_desk.levels.store import Book, book
from tercet_service_desk.promised.errors import PromiseOpen
from tercet_service_desk.promised.store import count_carried
from tercet_service_desk.tickets.errors import TicketMoveNotAllowed
from tercet_service_desk.tickets.model import Ticket
from tercet_service_desk.types.errors import TicketTypeUnknown
from tercet_service_desk.types.rules import COMPLAINT, Machine
from tercet_service_desk.types.store import machines

DONE = ("SOLVED", "CLOSED")
_PRIORITIES = ("LOW", "NORMAL", "HIGH", "URGENT")


class Promises:
    """The clocks of one ticket, read at the beginning of a change and kept at its end."""

    def __init__(self, ticket: Ticket, book: Book, types: Mapping[str, Machine], now: datetime) -> None:
        self.ticket, self.book, self.types, self.now = ticket, book, types, now
        self.before: Facts = facts_of(ticket)
        self.clocks: Clocks = ticket.read_clocks(ticket.create_time or now)
        self._broken = {(clock.kind, clock.cycle) for clock in self.clocks.clocks.values() if clock.breach}
        self.fresh = not self.clocks.clocks and ticket.state not in DONE
        if self.fresh:
            self.clocks.open()
        self.level: Level | None = None
        if ticket.state not in DONE:
            stale = self.fresh or ticket.level_stamp != book.stamp
            self.level = book.choose(self.before) if stale else book.level(ticket.service_level_code)
            self.clocks.judge(self.level, ticket.priority)

    # -- what happens -------------------------------------------------------------------------------------------------
    def replied(self, written: datetime) -> None:
        """We answered."""
        self.clocks.reply(self._past(written), self.level, self._priority, waits=self.ticket.state == "PENDING")

    def heard(self, written: datetime) -> None:
        """The requester wrote."""
        self.clocks.hear(self._past(written))

    def solved(self) -> None:
        """The ticket was solved."""
        self.clocks.solve(self.now, self.level, self._priority)

    def reopened(self, at: datetime) -> None:
        """The ticket was opened again; it is judged by what is promised now."""
        self.level = self.book.choose(facts_of(self.ticket))
        self.clocks.reopen(self._past(at))

    def stood(self) -> None:
        """The ticket was put into another open state: clocks stand still while it is PENDING."""
        if self.ticket.state == "PENDING":
            self.clocks.hold(self.now)
        else:
            self.clocks.resume(self.now)

    def merged(self) -> None:
        """The ticket became part of another: its clocks stand still."""
        self.clocks.hold(self.now)
        self.clocks.judge(self.level, self._priority)

    def unmerged(self) -> None:
        """The ticket stands for itself again."""
        if self.ticket.state in DONE:
            return
        self.level = self.book.choose(facts_of(self.ticket))
        if self.ticket.state != "PENDING":
            self.clocks.resume(self.now)

    def take(self, tx: Tx, happening: Happening) -> None:
        """A due time passed, or a step before or after it is due."""
        assert self.level is not None
        level, ticket = self.level, self.ticket
        self.clocks.take(happening, level)
        if happening.step is not None:
            owner_id, unit_id = ticket.owner_id, ticket.unit_id
            self._act(tx, happening.step)
            ticket.escalation_count, ticket.escalate_time = (ticket.escalation_count or 0) + 1, self.now
            tx.emit(
                events.TicketEscalated,
                ticket,
                occur_time=happening.time,
                service_level_code=level.code,
                step=_step(happening.step),
                user_id=str(owner_id or ""),
                unit_id=str(unit_id or ""),
            )
        self._follow()

    # -- the end of a change ------------------------------------------------------------------------------------------
    def keep(self, tx: Tx) -> None:
        """Chooses the level anew where the ticket's fields ask for it, judges every clock and writes all down."""
        self._follow()
        # While it is part of another its stage stays, so that it stands there again when it is taken apart.
        if self.ticket.merged_into_id is None:
            machine = self.types.get(self.ticket.type_code or "")
            here, state = self.ticket.stage_code or "", self.ticket.state or "NEW"
            self.ticket.stage_code = machine.following(here, state) if machine else ""
        for clock in self.clocks.clocks.values():
            if clock.breach and (clock.kind, clock.cycle) not in self._broken:
                self._broken.add((clock.kind, clock.cycle))
                self.ticket.breach_count = (self.ticket.breach_count or 0) + 1
                due_time = Timestamp()
                due_time.FromDatetime(clock.breach)
                tx.emit(
                    events.ServiceLevelBreached,
                    self.ticket,
                    occur_time=clock.breach,
                    service_level_code=self.level.code if self.level else "",
                    clock=TicketClock.Kind.Value(clock.kind),
                    due_time=due_time,
                )
        if self.ticket.state in DONE:
            # What a solved ticket was promised stays as it was; only its clocks have ended.
            self.ticket.keep_clocks(self.clocks, self.ticket.service_level_code, None, self.ticket.level_stamp)
        else:
            code = self.level.code if self.level else ""
            self.ticket.keep_clocks(self.clocks, code, self.level, self.book.stamp)

    def _follow(self) -> None:
        if self.ticket.state in DONE:
            return
        after = facts_of(self.ticket)
        if self.book.touched(self.before, after):
            self.level = self.book.choose(after)
        self.before = after
        self.clocks.judge(self.level, self._priority)

    def _act(self, tx: Tx, step: Step) -> None:
        ticket = self.ticket
        if step.action == "RAISE_PRIORITY":
            at = _PRIORITIES.index(ticket.priority)
            ticket.priority = _PRIORITIES[min(at + 1, len(_PRIORITIES) - 1)]
            tx.emit(events.TicketUpdated, ticket)
        elif step.action == "HAND_OVER":
            unit_id = UUID(step.unit_id) if step.unit_id else None
            if step.user_id:
                ticket.assign(UUID(step.user_id), unit_id, self.now)
                tx.emit(events.TicketAssigned, ticket)
            else:
                # To a unit as a whole: whoever of it takes the ticket next becomes its owner.
                ticket.owner_id, ticket.unit_id = None, unit_id
                tx.emit(events.TicketUpdated, ticket)

    @property
    def _priority(self) -> str:
        return self.ticket.priority

    def _past(self, written: datetime) -> datetime:
        # A client's clock may run ahead; nothing happened later than now.
        return min(written, self.now)


def check_type(promises: Promises) -> None:
    """Refuses a type that is none of the tenant's, once it has any."""
    code, known = promises.ticket.type_code, promises.types
    if code and known and code not in known and code != COMPLAINT:
        raise TicketTypeUnknown(type_code=code, known=", ".join(sorted(known)))


def check_way(promises: Promises, state: str) -> None:
    """Refuses to bring a ticket into a state to which no stage leads from where it stands."""
    ticket = promises.ticket
    machine = promises.types.get(ticket.type_code)
    if machine is not None and machine.entered(ticket.stage_code, state) is None:
        raise TicketMoveNotAllowed(number=ticket.number, stage_code=ticket.stage_code, target=state)


async def check_kept(tx: Tx, ticket: Ticket) -> None:
    """Refuses to be done with a ticket that carries something that sales promised and nobody has done."""
    count = await count_carried(tx, ticket.id, ticket.party_id, ticket.order_id)
    if count:
        raise PromiseOpen(number=ticket.number, count=count)


async def promises_of(tx: Tx, ticket: Ticket) -> Promises:
    """The ticket's promises as they stand; called before the ticket is changed."""
    return Promises(ticket, await book(tx), await machines(tx), tx.now())


def _step(step: Step) -> EscalationStep:
    return EscalationStep(
        clock=step.clock,
        minutes=step.minutes,
        action=step.action,
        role_codes=step.role_codes,
        user_id=step.user_id,
        unit_id=step.unit_id,
    )
