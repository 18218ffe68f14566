"""Agents, what tickets weigh, and the tickets each agent holds."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, Owned, Searchable, column, index, unique
from tercet_service_desk.agents.errors import SkillTwice
from tercet_service_desk.agents.rules import OFFLINE, AgentFacts, levels, twice


class Agent(Owned, Searchable, Entity):
    """A user who serves tickets. `owner_id` is that user, so the scope `own` is the agent's own row."""

    __tablename__ = "agents"
    __table_args__ = (unique("agents_by_user", "user_id", field="agent.user_id"),)

    user_id: Mapped[UUID]
    display_name: Mapped[str]
    skills: Mapped[list[Any]] = column(default=list)
    language_codes: Mapped[list[Any]] = column(default=list)
    group_codes: Mapped[list[Any]] = column(default=list)
    capacity: Mapped[int]
    presence: Mapped[str] = column(default=OFFLINE)
    presence_time: Mapped[datetime | None]
    presence_note: Mapped[str] = column(default="")
    # When the last ticket was given: the turn of ROUND_ROBIN, kept where the lock is anyhow.
    last_assign_time: Mapped[datetime | None]
    # Until here a load above the capacity may come from a larger capacity.
    lowered_time: Mapped[datetime | None]

    def check_skills(self) -> None:
        """Refuses a skill that is named twice."""
        code = twice(self.skills)
        if code:
            raise SkillTwice(code=code)

    def set_presence(self, presence: str, note: str, now: datetime) -> bool:
        """Says whether new tickets are taken; False when nothing changed."""
        if (self.presence, self.presence_note) == (presence, note):
            return False
        if self.presence != presence:
            self.presence_time = now
        self.presence, self.presence_note = presence, note
        return True

    def facts(self) -> AgentFacts:
        """The agent in the eyes of the rules."""
        return AgentFacts(
            id=self.id,
            user_id=self.user_id,
            unit_id=self.unit_id,
            skills=levels(self.skills),
            languages=frozenset(self.language_codes),
            groups=frozenset(self.group_codes),
            capacity=self.capacity,
            presence=self.presence,
            idle_since=self.last_assign_time.timestamp() if self.last_assign_time else 0.0,
        )


class WorkWeight(Entity):
    """How much of an agent's capacity tickets of a type and priority take."""

    __tablename__ = "work_weights"
    __table_args__ = (unique("work_weights_by_kind", "type_code", "priority", field="work_weight.type_code"),)

    type_code: Mapped[str] = column(default="")
    priority: Mapped[str] = column(default="")
    weight: Mapped[int]


class HeldTicket(Entity):
    """An open ticket that a user has, with what it took of the capacity when it was given. Its id is the ticket's."""

    __tablename__ = "held_tickets"
    __message__ = None
    __table_args__ = (index("held_tickets_by_user", "user_id"),)

    user_id: Mapped[UUID]
    weight: Mapped[int]
    by_hand: Mapped[bool] = column(default=False)
    past_capacity: Mapped[bool] = column(default=False)
    hold_time: Mapped[datetime]
