"""Rules of intake and forms, as rows."""

from __future__ import annotations

from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, column, unique
from tercet_service_desk.intake.rules import FORM_MOST_PER_HOUR, JOIN_DAYS, MOST_PER_HOUR, REOPEN_DAYS, Policy


class IntakeRule(Entity):
    """How messages through one account are taken."""

    __tablename__ = "intake_rules"
    __table_args__ = (unique("intake_rules_by_account", "account_code", field="intake_rule.account_code"),)

    account_code: Mapped[str] = column(default="")
    type_code: Mapped[str] = column(default="")
    priority: Mapped[str | None]
    unit_id: Mapped[UUID | None]
    answers_only: Mapped[bool] = column(default=False)
    join_days: Mapped[int] = column(default=JOIN_DAYS)
    reopen_days: Mapped[int] = column(default=REOPEN_DAYS)
    most_per_hour: Mapped[int] = column(default=MOST_PER_HOUR)

    def policy(self) -> Policy:
        """The rule in the eyes of the rules."""
        return Policy(
            type_code=self.type_code,
            priority=self.priority or "NORMAL",
            unit_id=str(self.unit_id or ""),
            answers_only=self.answers_only,
            join_days=self.join_days,
            reopen_days=self.reopen_days,
            most_per_hour=self.most_per_hour,
        )


class TicketForm(Entity):
    """A page on which anybody may ask for help."""

    __tablename__ = "ticket_forms"
    __table_args__ = (unique("ticket_forms_by_code", "code", field="ticket_form.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    type_code: Mapped[str] = column(default="")
    priority: Mapped[str | None]
    unit_id: Mapped[UUID | None]
    account_code: Mapped[str] = column(default="")
    closed: Mapped[bool] = column(default=False)
    most_per_hour: Mapped[int] = column(default=FORM_MOST_PER_HOUR)
