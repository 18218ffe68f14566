"""Quotes in versions: each version is a row, the newest one lives, the others are history."""

from __future__ import annotations

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
from tercet_sales.pricing.model import Deal
from tercet_sales.quotes import rules
from tercet_sales.quotes.errors import QuoteCannotBeRevised, QuoteExpired, QuoteHasNoLines, QuoteNotDraft, QuoteNotSent


class Quote(Deal, Linked, Owned, Custom, External, Searchable, Entity):
    """One version of an offer to a customer."""

    __tablename__ = "quotes"
    __table_args__ = (
        unique("quotes_by_number", "seller_unit_id", "number", "version", field="number"),
        unique("quotes_by_external", "external_system", "external_id", field="quote.external_ref"),
        index("quotes_by_series", "series_id", "version"),
        index("quotes_by_customer", "customer_id", "create_time"),
        index("quotes_by_party", "party_id"),
        Index("quotes_by_parties", "tenant_id", "parties", postgresql_using="gin"),
        index("quotes_by_state", "state", "create_time"),
    )

    number: Mapped[str]
    version: Mapped[int] = column(default=1)
    series_id: Mapped[UUID]
    state: Mapped[str] = column(default="DRAFT")
    title: Mapped[str]
    valid_until_date: Mapped[date | None]
    time_zone: Mapped[str]
    terms: Mapped[str | None]
    send_time: Mapped[datetime | None]
    decide_time: Mapped[datetime | None]
    reject_reason: Mapped[str | None]
    reduction: Mapped[Money | None] = money("reduction")
    net: Mapped[Money | None] = money("net")
    tax: Mapped[Money | None] = money("tax")
    total: Mapped[Money | None] = money("total")

    def must_be_draft(self) -> None:
        """Refuses unless it is still being written."""
        if self.state != "DRAFT":
            raise QuoteNotDraft(number=self.number, version=self.version, state=self.state)

    def send(self, now: datetime) -> None:
        """Goes to the customer. Refuses without lines, after its last day, and unless it is a draft."""
        self.must_be_draft()
        if not self.lines:
            raise QuoteHasNoLines(number=self.number)
        self._must_be_valid(now)
        self.state, self.send_time = "SENT", now

    def accept(self, now: datetime) -> None:
        """The customer said yes.

        Refuses after its last day in the customer's zone, and unless it is with the customer.
        """
        if self.state == "EXPIRED":
            raise self._expired()
        self._must_be_sent()
        self._must_be_valid(now)
        self.state, self.decide_time = "ACCEPTED", now

    def reject(self, now: datetime, reason: str) -> None:
        """The customer said no. Refuses unless it is with the customer."""
        self._must_be_sent()
        self.state, self.decide_time, self.reject_reason = "REJECTED", now, reason or None

    def expire(self, now: datetime) -> bool:
        """Ends it when its last day has passed without an answer; tells whether it did."""
        if self.state != "SENT" or not rules.has_expired(self.valid_until_date, self.time_zone, now):
            return False
        self.state = "EXPIRED"
        return True

    def supersede(self) -> None:
        """A newer version takes its place. Refuses for an accepted quote and for one that has been superseded."""
        advice = {"ACCEPTED": "make a new quote or amend the contract", "SUPERSEDED": "revise its newest version"}.get(
            self.state
        )
        if advice is not None:
            raise QuoteCannotBeRevised(number=self.number, version=self.version, state=self.state, advice=advice)
        self.state = "SUPERSEDED"

    def next_version(self, valid_until: date | None) -> dict[str, Any]:
        """The values of a draft that follows this version."""
        same = (
            "series_id",
            "number",
            "title",
            "customer_id",
            "identity_id",
            "party_id",
            "seller_unit_id",
            "unit_id",
            "owner_id",
            "partner_party_id",
            "opportunity_id",
            "currency_code",
            "prices_include_tax",
            "time_zone",
            "terms",
            "reduction",
            "net",
            "tax",
            "total",
        )
        values = {name: getattr(self, name) for name in same}
        copied = {name: list(getattr(self, name)) for name in ("parties", "lines", "adjustments")}
        return {
            **values,
            **copied,
            "custom": dict(self.custom or {}),
            "version": self.version + 1,
            "state": "DRAFT",
            "valid_until_date": valid_until or self.valid_until_date,
        }

    def _must_be_sent(self) -> None:
        if self.state != "SENT":
            raise QuoteNotSent(number=self.number, version=self.version, state=self.state)

    def _must_be_valid(self, now: datetime) -> None:
        if rules.has_expired(self.valid_until_date, self.time_zone, now):
            raise self._expired()

    def _expired(self) -> QuoteExpired:
        return QuoteExpired(number=self.number, valid_until_date=self.valid_until_date, time_zone=self.time_zone)
