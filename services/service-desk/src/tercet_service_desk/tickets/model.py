"""Tickets and their conversation."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Custom, Entity, External, Linked, Mapped, Owned, Searchable, column, index, unique
from tercet_service_desk.levels.model import Promised
from tercet_service_desk.sending.model import Outgoing
from tercet_service_desk.tickets.errors import (
    TicketAlreadySolved,
    TicketClosed,
    TicketIsMerged,
    TicketMergedIntoItself,
    TicketNotMerged,
    TicketNotSolved,
)


class Ticket(Promised, Linked, Owned, Custom, External, Searchable, Entity):
    """A request for help: NEW until somebody takes it, PENDING while we wait for the requester, at last CLOSED."""

    __tablename__ = "tickets"
    __table_args__ = (
        unique("tickets_by_number", "number", field="number"),
        unique("tickets_by_external_ref", "external_system", "external_id", field="external_ref"),
        index("tickets_by_state", "state", "create_time"),
        index("tickets_by_party", "party_id", "create_time"),
        index("tickets_by_owner", "owner_id", "state"),
        index("tickets_by_identity", "identity_id"),
        index("tickets_by_asset", "asset_id", "create_time", where="asset_id IS NOT NULL"),
        index("tickets_by_merge", "merged_into_id", where="merged_into_id IS NOT NULL"),
        index("tickets_by_due_time", "next_due_time", where="next_due_time IS NOT NULL"),
        index("tickets_by_sender", "sender_key", "create_time", where="sender_key <> ''"),
    )

    number: Mapped[str]
    subject: Mapped[str]
    description: Mapped[str] = column(default="")
    type_code: Mapped[str] = column(default="")
    priority: Mapped[str] = column(default="NORMAL")
    arrival: Mapped[str | None]
    state: Mapped[str] = column(default="NEW")
    requester_name: Mapped[str] = column(default="")
    contact_points: Mapped[list[Any]] = column(default=list)
    customer_id: Mapped[UUID | None]
    order_id: Mapped[UUID | None]
    asset_id: Mapped[UUID | None]
    assign_time: Mapped[datetime | None]
    first_reply_time: Mapped[datetime | None]
    solve_time: Mapped[datetime | None]
    close_time: Mapped[datetime | None]
    reopen_count: Mapped[int] = column(default=0)
    entry_count: Mapped[int] = column(default=0)
    resolution: Mapped[str] = column(default="")
    merged_into_id: Mapped[UUID | None]
    merged_state: Mapped[str | None]
    stage_code: Mapped[str] = column(default="")
    account_code: Mapped[str] = column(default="")
    reply_address: Mapped[dict[str, Any] | None]
    spent_minutes: Mapped[int] = column(default=0)
    # Who wrote through which account, as a digest.
    sender_key: Mapped[str] = column(default="")

    def changeable(self) -> None:
        """Refuses once the ticket is closed or part of another."""
        self._own()
        if self.state == "CLOSED":
            raise TicketClosed(number=self.number)

    def assign(self, user_id: UUID, unit_id: UUID | None, now: datetime) -> None:
        """Gives the ticket to a user; a new one becomes open. Refused once it is closed."""
        self.changeable()
        self.owner_id, self.unit_id, self.assign_time = user_id, unit_id or self.unit_id, now
        if self.state == "NEW":
            self.state = "OPEN"

    def release(self) -> None:
        """Takes the ticket from whoever has it; it waits for somebody else. Refused once it is closed."""
        self.changeable()
        self.owner_id, self.assign_time = None, None

    def reply(self, now: datetime, *, from_requester: bool, pending: bool) -> bool:
        """Counts an answer; True when it opened a solved ticket again. Refused once it is closed."""
        self.changeable()
        self.entry_count += 1
        if from_requester:
            reopened = self.state == "SOLVED"
            if reopened:
                self.reopen(now)
            elif self.state == "PENDING":
                self.state = "OPEN"
            return reopened
        self.first_reply_time = self.first_reply_time or now
        # To ask the requester something more is to hold the ticket no longer for solved.
        reopened = pending and self.state == "SOLVED"
        if reopened:
            self.reopen(now)
        if pending:
            self.state = "PENDING"
        elif self.state in ("NEW", "PENDING"):
            self.state = "OPEN"
        return reopened

    def note(self) -> None:
        """Counts a note. Refused once the ticket is closed."""
        self.changeable()
        self.entry_count += 1

    def solve(self, now: datetime, resolution: str) -> None:
        """Records how it was solved. Refused when it is solved or closed."""
        self.changeable()
        if self.state == "SOLVED":
            raise TicketAlreadySolved(number=self.number)
        self.state, self.solve_time, self.resolution = "SOLVED", now, resolution

    def reopen(self, now: datetime) -> None:
        """Opens a solved or closed ticket again. Refused otherwise."""
        self._own()
        if self.state not in ("SOLVED", "CLOSED"):
            raise TicketNotSolved(number=self.number, state=self.state)
        self.state, self.solve_time, self.close_time = "OPEN", None, None
        self.reopen_count += 1

    def close(self, now: datetime) -> None:
        """Closes a solved ticket for good. Refused otherwise."""
        if self.state != "SOLVED":
            raise TicketNotSolved(number=self.number, state=self.state)
        self.state, self.close_time = "CLOSED", now

    def stand(self, state: str) -> None:
        """Puts an open ticket into another open state. Refused once it is closed."""
        self.changeable()
        self.state = state

    def merge(self, into: Ticket, now: datetime) -> None:
        """Makes it part of another. Refused when it is the same, and when one is closed or part of another."""
        if into.id == self.id:
            raise TicketMergedIntoItself()
        self.changeable()
        into.changeable()
        self.merged_into_id, self.merged_state = into.id, self.state
        self.state, self.close_time = "CLOSED", now

    def unmerge(self) -> None:
        """Takes the merge back: it stands where it stood. Refused when it is not part of another."""
        if self.merged_into_id is None:
            raise TicketNotMerged(number=self.number)
        self.state, self.close_time = self.merged_state or "OPEN", None
        self.merged_into_id = self.merged_state = None

    def _own(self) -> None:
        if self.merged_into_id is not None:
            raise TicketIsMerged(number=self.number, into_id=self.merged_into_id)


class TicketLink(Entity):
    """What one ticket is to another."""

    __tablename__ = "ticket_links"
    __table_args__ = (
        unique("ticket_links_once", "ticket_id", "other_id", "kind", field="other_id"),
        index("ticket_links_by_other", "other_id"),
    )

    ticket_id: Mapped[UUID]
    other_id: Mapped[UUID]
    kind: Mapped[str]


class TicketEntry(Outgoing, Searchable, Entity):
    """One piece of a ticket's conversation; what was said is never changed. One that came as a message has its id."""

    __tablename__ = "ticket_entries"
    __table_args__ = (
        index("ticket_entries_by_ticket", "ticket_id", "id"),
        index("ticket_entries_by_sender", "sender_key", "create_time", where="sender_key <> ''"),
        index("ticket_entries_by_provider_id", "provider_id", where="provider_id <> ''"),
        index("ticket_entries_waiting", "send_state", "create_time", where="send_state = 'WAITING'"),
    )

    ticket_id: Mapped[UUID]
    kind: Mapped[str]
    from_requester: Mapped[bool] = column(default=False)
    author_id: Mapped[UUID | None]
    body: Mapped[str]
    entry_time: Mapped[datetime]
    subject: Mapped[str] = column(default="")
    html: Mapped[str] = column(default="")
    automatic: Mapped[bool] = column(default=False)
    files: Mapped[list[Any]] = column(default=list)
    # The provider's names of this message and of the one that it answers.
    provider_id: Mapped[str] = column(default="")
    in_reply_to: Mapped[str] = column(default="")
    sender_key: Mapped[str] = column(default="")
