"""Orders, and what a buyer's orders from a unit amount to."""

from __future__ import annotations

from datetime import datetime
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
from tercet_sales.orders import rules
from tercet_sales.orders.errors import (
    OrderCannotBeCancelled,
    OrderHasPayments,
    OrderHasReturns,
    OrderNotConfirmed,
    OrderNotDraft,
    OrderNotPayable,
    OrderNotReturnable,
    PaymentCurrencyMismatch,
    PaymentExceedsOrder,
)
from tercet_sales.pricing.benefits import Given, Wishes, with_benefits
from tercet_sales.pricing.model import Deal


class Order(Deal, Linked, Owned, Custom, External, Searchable, Entity):
    """A customer's order in one currency."""

    __tablename__ = "orders"
    __table_args__ = (
        unique("orders_by_number", "seller_unit_id", "number", field="number"),
        unique("orders_by_external", "external_system", "external_id", field="order.external_ref"),
        index("orders_by_customer", "customer_id", "create_time"),
        index("orders_by_party", "party_id", "seller_unit_id", "confirm_time"),
        index("orders_by_quote", "quote_id", where="quote_id IS NOT NULL"),
        Index("orders_by_parties", "tenant_id", "parties", postgresql_using="gin"),
        index("orders_by_state", "state", "create_time"),
        index("orders_by_benefit_key", "benefit_key", where="benefit_key <> ''"),
    )

    number: Mapped[str]
    state: Mapped[str] = column(default="DRAFT")
    quote_id: Mapped[UUID | None]
    contract_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    ship_to_address: Mapped[dict[str, Any] | None]
    note: Mapped[str | None]
    reduction: Mapped[Money | None] = money("reduction")
    net: Mapped[Money | None] = money("net")
    tax: Mapped[Money | None] = money("tax")
    total: Mapped[Money | None] = money("total")
    returned_total: Mapped[Money | None] = money("returned_total")
    paid_total: Mapped[Money | None] = money("paid_total")
    reporting_total: Mapped[Money | None] = money("reporting_total")
    rate_id: Mapped[UUID | None]
    confirm_time: Mapped[datetime | None]
    fulfill_time: Mapped[datetime | None]
    cancel_time: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]
    benefit_codes: Mapped[list[str]] = column(default=list)
    grant_ids: Mapped[list[str]] = column(default=list)
    auto_benefits: Mapped[bool] = column(default=False)
    benefits: Mapped[list[Any]] = column(default=list)
    withheld_benefits: Mapped[list[Any]] = column(default=list)
    benefit_reduction: Mapped[Money | None] = money("benefit_reduction")
    benefit_key: Mapped[str] = column(default="")
    # Counts attempts to confirm it with benefits: a key that was released is never used again.
    benefit_turn: Mapped[int] = column(default=0)

    @property
    def wishes(self) -> Wishes:
        """The benefits that it asks for."""
        return Wishes(self.benefit_codes or (), self.grant_ids or (), bool(self.auto_benefits))

    @property
    def next_benefit_key(self) -> str:
        """The key under which benefits will be kept when it is confirmed next."""
        return f"order:{self.id}:{(self.benefit_turn or 0) + 1}"

    @property
    def paid(self) -> Money:
        """What was paid and not refunded."""
        return self.paid_total or Money.zero(self.currency_code)

    @property
    def returned(self) -> Money:
        """What came back."""
        return self.returned_total or Money.zero(self.currency_code)

    @property
    def counts(self) -> bool:
        """True while it is a sale."""
        return self.state in ("CONFIRMED", "FULFILLED")

    def must_be_draft(self) -> None:
        """Refuses unless it is still being written."""
        if self.state != "DRAFT":
            raise OrderNotDraft(number=self.number, state=self.state)

    def confirm(self, confirm_time: datetime, reporting: Money, rate_id: UUID | None) -> None:
        """Counts as a sale from here; the reporting amount is frozen. Refuses unless it is a draft, or
        one that is being confirmed.
        """
        if self.state != "CONFIRMING":
            self.must_be_draft()
        self.state, self.confirm_time = "CONFIRMED", confirm_time
        self.reporting_total, self.rate_id = reporting, rate_id
        self.returned_total, self.paid_total = Money.zero(self.currency_code), Money.zero(self.currency_code)

    def begin_confirmation(self) -> None:
        """Stays as it is while benefits are kept for it. Refuses unless it is a draft."""
        self.must_be_draft()
        self.state, self.benefit_key = "CONFIRMING", self.next_benefit_key
        self.benefit_turn = (self.benefit_turn or 0) + 1

    def take_confirmation_back(self) -> str:
        """A draft again; gives the key under which something may be kept."""
        key, self.state, self.benefit_key = self.benefit_key, "DRAFT", ""
        return key

    def take_benefits(self, given: Given) -> None:
        """Puts what the till gives on its lines."""
        lines = [dict(line) for line in self.lines]
        self.take_prices(with_benefits(lines, given, self.currency_code, include_tax=bool(self.prices_include_tax)))
        self.benefits, self.withheld_benefits = given.benefits, given.withheld
        self.benefit_reduction = given.reduction

    def fulfill(self, now: datetime) -> None:
        """Everything was delivered. Refuses unless it is confirmed."""
        if self.state != "CONFIRMED":
            raise OrderNotConfirmed(number=self.number, state=self.state)
        self.state, self.fulfill_time = "FULFILLED", now

    def cancel(self, now: datetime, reason: str) -> bool:
        """Takes it back; tells whether it had counted as a sale.

        Refuses once it is delivered, and with money or returns on it.
        """
        if self.state not in ("DRAFT", "CONFIRMED"):
            raise OrderCannotBeCancelled(number=self.number, state=self.state)
        if self.paid.amount > 0:
            raise OrderHasPayments(number=self.number, paid=self.paid)
        if self.returned.amount > 0:
            raise OrderHasReturns(number=self.number)
        counted = self.state == "CONFIRMED"
        self.state, self.cancel_time, self.cancel_reason = "CANCELLED", now, reason or None
        return counted

    def take_back(self, returned: rules.Returned) -> None:
        """Records what came back."""
        self.lines = returned.lines
        self.returned_total = self.returned + returned.amount

    def must_be_returnable(self) -> None:
        """Refuses unless something was bought."""
        if not self.counts:
            raise OrderNotReturnable(number=self.number, state=self.state)

    def reporting_of(self, part: Money) -> Money:
        """A part of `total` in the reporting currency, at the order's own frozen rate."""
        whole = self.reporting_total
        if whole is None:
            raise OrderNotReturnable(number=self.number, state=self.state)
        if not self.owed.amount:
            return Money.zero(whole.currency)
        return Money(whole.amount * part.amount / self.owed.amount, whole.currency).rounded()

    def receive(self, amount: Money) -> None:
        """Takes a payment. Refuses more than is left to pay, another currency, and an order that does not count."""
        if not self.counts:
            raise OrderNotPayable(number=self.number, state=self.state)
        if amount.currency != self.currency_code:
            raise PaymentCurrencyMismatch(
                number=self.number, order_currency=self.currency_code, currency=amount.currency
            )
        left = self.owed - self.returned - self.paid
        if left < amount:
            raise PaymentExceedsOrder(number=self.number, open=left, amount=amount)
        self.paid_total = self.paid + amount

    def give_back(self, amount: Money) -> None:
        """Takes a refund off what is paid."""
        self.paid_total = self.paid - amount


class OrderStanding(Linked, Owned, Entity):
    """What one identity has ordered from a unit.

    First order and stability are the party's, so the rows of its identities are judged together.
    """

    __tablename__ = "order_standings"
    __table_args__ = (
        unique("order_standings_once", "identity_id", "unit_id", field="identity_id"),
        index("order_standings_by_party", "party_id", "unit_id"),
    )

    order_count: Mapped[int] = column(default=0)
    first_order_id: Mapped[UUID | None]
    first_order_time: Mapped[datetime | None]
    stable: Mapped[bool] = column(default=False)
    stable_time: Mapped[datetime | None]


class OrderPolicy(Entity):
    """After how many orders a customer of a unit counts as stable.

    Without a unit it holds for all units that have none of their own.
    """

    __tablename__ = "order_policies"
    __table_args__ = (unique("order_policies_by_unit", "unit_key", field="order_policy.seller_unit_id"),)

    seller_unit_id: Mapped[UUID | None] = column()
    # A unique key takes no notice of NULL, so the policy for all units stands under an empty key.
    unit_key: Mapped[str] = column(
        default=lambda context: str(context.get_current_parameters()["seller_unit_id"] or "")
    )
    stable_after_orders: Mapped[int]
