"""Routing rules, and where each ticket stands on its way to an agent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, Owned, column, index, unique
from tercet_service_desk.agents.rules import levels
from tercet_service_desk.routing.rules import NEXT_RULE, Rule

_AFTER_ALL_PROMISED = timedelta(days=3650)
WAITING, ASSIGNED, ENDED = "WAITING", "ASSIGNED", "ENDED"


class RoutingRule(Entity):
    """Which tickets go to which agents."""

    __tablename__ = "routing_rules"
    __table_args__ = (unique("routing_rules_by_code", "code", field="routing_rule.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    priority: Mapped[int] = column(default=0)
    condition: Mapped[str] = column(default="")
    skills: Mapped[list[Any]] = column(default=list)
    language_code: Mapped[str] = column(default="")
    group_code: Mapped[str] = column(default="")
    unit_id: Mapped[UUID | None]
    same_unit: Mapped[bool] = column(default=False)
    strategy: Mapped[str]
    sticky: Mapped[bool] = column(default=False)
    exhausted: Mapped[str] = column(default="WAIT")
    active: Mapped[bool] = column(default=True)

    def facts(self) -> Rule:
        """The rule as it decides."""
        return Rule(
            code=self.code,
            strategy=self.strategy,
            skills=levels(self.skills),
            language=self.language_code,
            group=self.group_code,
            unit_id=self.unit_id,
            same_unit=self.same_unit,
            sticky=self.sticky,
            next_rule=self.exhausted == NEXT_RULE,
        )


class TicketRoute(Owned, Entity):
    """Where a ticket stands; its id is the ticket's. It belongs to whom the ticket belongs."""

    __tablename__ = "ticket_routes"
    __table_args__ = (
        index("ticket_routes_waiting", "rank", "turn_time", "id", where="state = 'WAITING'"),
        index("ticket_routes_by_state", "state", "wait_time"),
    )

    state: Mapped[str] = column(default=WAITING)
    rank: Mapped[int]
    wait_time: Mapped[datetime]
    due_time: Mapped[datetime | None]
    # Among tickets of one rank: what is due first, and after all that is promised what waits longest.
    turn_time: Mapped[datetime]
    assign_time: Mapped[datetime | None]
    by_hand: Mapped[bool] = column(default=False)
    decision: Mapped[dict[str, Any]] = column(default=dict)
    # Whom the ticket comes back to, and who must not get it again.
    home_user_id: Mapped[UUID | None]
    not_user_id: Mapped[UUID | None]

    def place(self, rank: int, due_time: datetime | None) -> None:
        """Its place in the queue, by priority and by what is promised."""
        self.rank, self.due_time = rank, due_time
        self.turn_time = due_time or self.wait_time + _AFTER_ALL_PROMISED

    def wait(self, now: datetime, *, home: UUID | None = None, relieved: UUID | None = None) -> None:
        """The ticket waits for somebody."""
        if self.state != WAITING:
            self.wait_time = now
        self.state, self.owner_id, self.by_hand = WAITING, None, False
        self.home_user_id, self.not_user_id = home, relieved

    def given(self, user_id: UUID, now: datetime, *, by_hand: bool) -> None:
        """Somebody has the ticket."""
        self.state, self.owner_id, self.by_hand, self.assign_time = ASSIGNED, user_id, by_hand, now
        self.home_user_id = self.not_user_id = None

    def end(self) -> None:
        """Nobody needs to take care of the ticket any more."""
        self.state = ENDED
        self.home_user_id = self.not_user_id = None
