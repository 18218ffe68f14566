"""Contracts: drafted, signed, in force, ended; amended in versions whose old terms are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index

from tercet_chassis.entity import (
    Custom,
    Entity,
    External,
    Linked,
    Mapped,
    Owned,
    Searchable,
    column,
    index,
    money,
    unique,
)
from tercet_chassis.money import Money
from tercet_sales.contracts import rules
from tercet_sales.contracts.errors import (
    ContractEndsBeforeStart,
    ContractNotDraft,
    ContractNotInForce,
    ContractNotSigned,
    ContractNotStarted,
)


@dataclass(frozen=True, slots=True)
class Amendment:
    """What an amendment changes; None keeps the old term."""

    reason: str
    effective_date: date
    title: str | None = None
    value: Money | None = None
    end_date: date | None = None
    terms: str | None = None


class Contract(Linked, Owned, Custom, External, Searchable, Entity):
    """An agreement with a customer."""

    __tablename__ = "contracts"
    __table_args__ = (
        unique("contracts_by_number", "seller_unit_id", "number", field="number"),
        unique("contracts_by_external", "external_system", "external_id", field="contract.external_ref"),
        index("contracts_by_customer", "customer_id", "create_time"),
        index("contracts_by_party", "party_id"),
        Index("contracts_by_parties", "tenant_id", "parties", postgresql_using="gin"),
        index("contracts_by_state", "state", "end_date"),
    )

    number: Mapped[str]
    version: Mapped[int] = column(default=1)
    state: Mapped[str] = column(default="DRAFT")
    title: Mapped[str]
    customer_id: Mapped[UUID | None]
    parties: Mapped[list[Any]] = column(default=list)
    seller_unit_id: Mapped[UUID]
    opportunity_id: Mapped[UUID | None]
    quote_id: Mapped[UUID | None]
    value: Mapped[Money | None] = money("value")
    start_date: Mapped[date]
    end_date: Mapped[date | None]
    time_zone: Mapped[str]
    terms: Mapped[str | None]
    renewal_notice_days: Mapped[int | None]
    renewal_opportunity_id: Mapped[UUID | None]
    amendments: Mapped[list[Any]] = column(default=list)
    sign_time: Mapped[datetime | None]
    activate_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]
    terminate_reason: Mapped[str | None]

    def must_be_draft(self) -> None:
        """Refuses unless it is still being written."""
        if self.state != "DRAFT":
            raise ContractNotDraft(number=self.number, state=self.state)

    def check_term(self) -> None:
        """Refuses a last day before the first."""
        if self.end_date is not None and self.end_date < self.start_date:
            raise ContractEndsBeforeStart(start_date=self.start_date, end_date=self.end_date)

    def sign(self, sign_time: datetime) -> None:
        """Both sides have signed. Refuses unless it is a draft."""
        self.must_be_draft()
        self.state, self.sign_time = "SIGNED", sign_time

    def activate(self, now: datetime) -> None:
        """Comes into force. Refuses unless it is signed, and before its first day in its zone."""
        if self.state != "SIGNED":
            raise ContractNotSigned(number=self.number, state=self.state)
        if rules.today(self.time_zone, now) < self.start_date:
            raise ContractNotStarted(number=self.number, start_date=self.start_date, time_zone=self.time_zone)
        self.state, self.activate_time = "ACTIVE", now

    def amend(self, amendment: Amendment, now: datetime) -> None:
        """Makes the next version of the terms and keeps the old ones; a new last day asks for a new renewal."""
        self._must_be_in_force()
        old = {
            "version": self.version,
            "title": self.title,
            "start_date": self.start_date.isoformat(),
            "end_date": self.end_date.isoformat() if self.end_date else "",
            "terms": self.terms or "",
            "reason": amendment.reason,
            "effective_date": amendment.effective_date.isoformat(),
            "amend_time": now.isoformat().replace("+00:00", "Z"),
        }
        if self.value is not None:
            old["value"] = {"currency_code": self.value.currency, "amount": self.value.text()}
        if amendment.end_date is not None and amendment.end_date != self.end_date:
            self.end_date, self.renewal_opportunity_id = amendment.end_date, None
        self.title = amendment.title or self.title
        self.value = amendment.value or self.value
        self.terms = amendment.terms or self.terms
        self.check_term()
        self.amendments = [*self.amendments, old]
        self.version += 1

    def terminate(self, now: datetime, reason: str) -> None:
        """Ends it early. Refuses unless it is signed or active."""
        self._must_be_in_force()
        self.state, self.end_time, self.terminate_reason = "TERMINATED", now, reason

    def expire(self, now: datetime) -> bool:
        """Ends an active contract whose last day has passed; tells whether it did."""
        if self.state != "ACTIVE" or self.end_date is None or rules.today(self.time_zone, now) <= self.end_date:
            return False
        self.state, self.end_time = "EXPIRED", now
        return True

    def renewal_is_due(self, now: datetime) -> bool:
        """True from so many days before the last day on, until a renewal opportunity is there."""
        due = rules.renewal_date(self.end_date, self.renewal_notice_days)
        return (
            self.state == "ACTIVE"
            and self.renewal_opportunity_id is None
            and due is not None
            and rules.today(self.time_zone, now) >= due
        )

    def _must_be_in_force(self) -> None:
        if self.state not in ("SIGNED", "ACTIVE"):
            raise ContractNotInForce(number=self.number, state=self.state)
