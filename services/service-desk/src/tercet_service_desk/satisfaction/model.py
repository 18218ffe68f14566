"""Surveys."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tercet_chassis.entity import Entity, Linked, Mapped, Owned, column, index, unique
from tercet_service_desk.satisfaction.errors import SurveyOver
from tercet_service_desk.sending.model import Outgoing


class Survey(Outgoing, Linked, Owned, Entity):
    """How a requester was satisfied with a ticket; whose the ticket was when it was solved, so is the survey."""

    __tablename__ = "surveys"
    __table_args__ = (
        unique("surveys_by_ticket", "ticket_id"),
        index("surveys_by_time", "create_time"),
        index("surveys_by_party", "party_id", "create_time"),
        index("surveys_by_identity", "identity_id"),
    )

    ticket_id: Mapped[UUID]
    ticket_number: Mapped[str]
    state: Mapped[str] = column(default="OPEN")
    score: Mapped[int] = column(default=0)
    comment: Mapped[str] = column(default="")
    answer_time: Mapped[datetime | None]
    expire_time: Mapped[datetime]
    complaint_ticket_id: Mapped[UUID | None]

    def check_open(self, now: datetime) -> None:
        """Refuses once it was answered or its time has passed."""
        if self.state != "OPEN" or now >= self.expire_time:
            raise SurveyOver()

    def answer(self, score: int, comment: str, now: datetime) -> None:
        """Records the answer. Refused once it was answered or its time has passed."""
        self.check_open(now)
        self.state, self.score, self.comment, self.answer_time = "ANSWERED", score, comment, now
