"""Forms, and submissions that wait for their confirmation."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Custom, Entity, Mapped, Owned, Searchable, column, index, unique
from tercet_chassis.errors import Violation
from tercet_leads.forms.errors import FormFieldsInvalid
from tercet_leads.forms.rules import fields_wrong


class Form(Owned, Custom, Searchable, Entity):
    """What may be asked of people who are not signed in."""

    __tablename__ = "forms"
    __table_args__ = (unique("forms_by_code", "code", field="form.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    fields: Mapped[list[Any]] = column(default=list)
    source_code: Mapped[str]
    campaign_id: Mapped[UUID | None]
    country_code: Mapped[str | None]
    double_opt_in: Mapped[bool] = column(default=False)
    active: Mapped[bool] = column(default=True)

    def check_fields(self) -> None:
        """Refuses fields that are asked twice or fill nothing that a lead has; double opt-in needs an e-mail
        address.
        """
        wrong = [Violation(item.field, item.reason, item.message) for item in fields_wrong(self.fields)]
        if self.double_opt_in and not any(
            field.get("lead_field") == "email" and field.get("required") for field in self.fields
        ):
            wrong.append(
                Violation(
                    "form.double_opt_in", "EMAIL_NEEDED", "Double opt-in needs a required field that fills email."
                )
            )
        if wrong:
            raise FormFieldsInvalid(detail=" ".join(item.message for item in wrong), violations=wrong)


class PendingSubmission(Entity):
    """A submission that counts only once its link was followed. The token itself is not kept."""

    __tablename__ = "pending_submissions"
    __table_args__ = (
        unique("pending_submissions_by_token", "token_digest"),
        index("pending_submissions_by_expiry", "expire_time"),
    )
    __message__ = None

    form_id: Mapped[UUID]
    token_digest: Mapped[str]
    values: Mapped[dict[str, Any]] = column(default=dict)
    placement_id: Mapped[UUID | None]
    submit_time: Mapped[datetime]
    expire_time: Mapped[datetime]
    confirm_time: Mapped[datetime | None]
