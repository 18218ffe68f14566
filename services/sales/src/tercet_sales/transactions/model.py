"""Payments, and the transactions that value, points and tiers read."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Custom, Entity, External, Linked, Mapped, Owned, column, index, money, unique
from tercet_chassis.money import Money
from tercet_sales.transactions.errors import AmountNotPositive, RefundCurrencyMismatch, RefundExceedsPayment


class Payment(Linked, Owned, Custom, External, Entity):
    """Money that came in for an order."""

    __tablename__ = "payments"
    __table_args__ = (
        unique("payments_by_external", "external_system", "external_id", field="payment.external_ref"),
        index("payments_by_order", "order_id", "paid_time"),
        index("payments_by_party", "party_id"),
    )

    order_id: Mapped[UUID]
    state: Mapped[str] = column(default="RECEIVED")
    amount: Mapped[Money | None] = money("amount")
    refunded: Mapped[Money | None] = money("refunded")
    method_code: Mapped[str]
    paid_time: Mapped[datetime]
    refunds: Mapped[list[Any]] = column(default=list)
    note: Mapped[str | None]

    @property
    def left(self) -> Money:
        """What can still be refunded."""
        if self.amount is None:
            raise ValueError("a payment has an amount")
        return self.amount - (self.refunded or Money.zero(self.amount.currency))

    def has_refund(self, external_id: str) -> bool:
        """True when the provider's refund was recorded before."""
        return bool(external_id) and any(refund.get("external_id") == external_id for refund in self.refunds)

    def refund(self, amount: Money, refund_time: datetime, reason: str, external_id: str) -> dict[str, Any]:
        """Gives money back; gives the record of it. Refuses more than is left, another currency, and nothing."""
        left = self.left
        if amount.currency != left.currency:
            raise RefundCurrencyMismatch(payment_currency=left.currency, currency=amount.currency)
        must_be_payable(amount)
        if left < amount:
            raise RefundExceedsPayment(left=left, amount=amount)
        record = {
            "amount": {"currency_code": amount.currency, "amount": amount.text()},
            "refund_time": refund_time.isoformat().replace("+00:00", "Z"),
            "reason": reason,
            "external_id": external_id,
        }
        self.refunds = [*self.refunds, record]
        self.refunded = (self.refunded or Money.zero(amount.currency)) + amount
        self.state = "REFUNDED" if not self.left.amount else "PARTLY_REFUNDED"
        return record


class Transaction(Linked, Owned, External, Entity):
    """A sale, or a reversal that takes back a sale or a part of it. Written once, never changed."""

    __tablename__ = "transactions"
    __table_args__ = (
        unique("transactions_by_external", "external_system", "external_id", field="external_ref"),
        index("transactions_by_identity", "identity_id", "unit_id", "sale_time"),
        index("transactions_by_party", "party_id", "occur_time"),
        index("transactions_by_unit", "unit_id", "sale_time"),
        index("transactions_by_sale", "sale_id"),
    )

    kind: Mapped[str]
    sale_id: Mapped[UUID]
    # When the sale happened that this is or takes back: a return counts in the period of its sale.
    sale_time: Mapped[datetime]
    order_id: Mapped[UUID | None]
    occur_time: Mapped[datetime]
    amount: Mapped[Money | None] = money("amount")
    reporting_amount: Mapped[Money | None] = money("reporting_amount")
    rate_id: Mapped[UUID | None]
    lines: Mapped[list[Any]] = column(default=list)
    campaign_id: Mapped[UUID | None]


def must_be_payable(amount: Money) -> None:
    """Refuses zero, less than zero, and parts of the smallest unit."""
    if amount.amount <= 0 or amount.rounded() != amount:
        raise AmountNotPositive(amount=amount)
