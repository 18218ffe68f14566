"""Receipts of other systems as transactions: a batch in a few queries, each row judged by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.transaction_service_pb2 import ImportReceiptsResponse, ReceiptResult
from tercet_chassis import Tx, new_id
from tercet_chassis.errors import Refusal
from tercet_chassis.money import Money
from tercet_sales.customers.model import Customer
from tercet_sales.customers.store import check_seller
from tercet_sales.pricing.store import UnitFacts, unit_facts
from tercet_sales.rates.rules import convert
from tercet_sales.rates.store import rate_on
from tercet_sales.transactions import store
from tercet_sales.transactions.errors import (
    AmountNotPositive,
    ReceiptBuyerMissing,
    ReceiptCustomerUnknown,
    ReceiptLinesMixed,
    ReceiptRateMissing,
    ReceiptReturnsTooMuch,
    ReceiptSaleUnknown,
    ReceiptUnitMissing,
)
from tercet_sales.transactions.model import Transaction, must_be_payable


@dataclass(slots=True)
class Intake:
    """What the rows of one batch share: what is known, who the customers are, what units and rates say."""

    tx: Tx
    # What their events are told as: live or import.
    origin: str
    known: dict[store.External, Transaction]
    customers: dict[str, Customer]
    left: dict[UUID, Decimal]
    units: dict[UUID, UnitFacts] = field(default_factory=dict)
    # Units that the caller may sell for.
    sellers: set[UUID] = field(default_factory=set)
    rates: dict[tuple[str, str, str], tuple[UUID | None, Decimal] | None] = field(default_factory=dict)


def _ref(message: Any) -> store.External:
    return message.system, message.id


async def take(tx: Tx, receipts: Any, *, origin: str, check_only: bool) -> ImportReceiptsResponse:
    """Takes every receipt that holds; tells of each what became of it."""
    # Two imports of one system would both find a receipt unknown.
    for system in sorted({receipt.external_ref.system for receipt in receipts}):
        await tx.hold("receipts", [system])
    named = [_ref(receipt.external_ref) for receipt in receipts] + [
        _ref(r.returns_ref) for r in receipts if r.HasField("returns_ref")
    ]
    known = await store.known_receipts(tx, named)
    intake = Intake(
        tx,
        origin,
        known,
        await store.customers_by_id(tx, (receipt.customer_id for receipt in receipts)),
        await store.left_of_sales(tx, (row.sale_id for row in known.values())),
    )
    response = ImportReceiptsResponse()
    for receipt in receipts:
        result = response.results.add()
        await _take_one(intake, receipt, result, check_only=check_only)
        response.known += result.known
        response.refused += bool(result.reason)
        response.imported += not result.known and not result.reason
    return response


async def _take_one(intake: Intake, receipt: Any, result: ReceiptResult, *, check_only: bool) -> None:
    ref = _ref(receipt.external_ref)
    before = intake.known.get(ref)
    if before is not None:
        result.known, result.transaction_id = True, str(before.id)
        return
    try:
        made = await _transaction(intake, receipt)
    except Refusal as refusal:
        result.reason, result.message = refusal.reason, refusal.message
        return
    intake.known[ref] = made
    if made.amount is not None:
        intake.left[made.sale_id] = intake.left.get(made.sale_id, Decimal(0)) + made.amount.amount
    if not check_only:
        intake.tx.add(made)
        intake.tx.emit(events.TransactionRecorded, made, occur_time=made.occur_time, origin=intake.origin)
        result.transaction_id = str(made.id)


async def _transaction(intake: Intake, receipt: Any) -> Transaction:
    amount = Money(Decimal(receipt.amount.amount), receipt.amount.currency_code)
    must_be_payable(amount)
    if any(line.amount.currency_code != amount.currency for line in receipt.lines):
        raise ReceiptLinesMixed(currency=amount.currency)
    if any(Decimal(line.amount.amount) < 0 or Decimal(line.quantity) <= 0 for line in receipt.lines):
        raise AmountNotPositive(amount="of a line")
    moment = receipt.occur_time.ToDatetime(tzinfo=intake.tx.now().tzinfo)
    id_ = new_id()
    sale: Transaction | None = None
    if receipt.HasField("returns_ref"):
        sale = intake.known.get(_ref(receipt.returns_ref))
        if sale is None or sale.kind != "SALE":
            raise ReceiptSaleUnknown(system=receipt.returns_ref.system, id=receipt.returns_ref.id)
        left = Money(intake.left.get(sale.id, Decimal(0)), sale.amount.currency if sale.amount else amount.currency)
        if left.currency != amount.currency or left < amount:
            raise ReceiptReturnsTooMuch(left=left, amount=amount)
    buyer = _buyer(intake, receipt, sale)
    if sale is None and receipt.seller_unit_id:
        await _check_seller(intake, buyer["unit_id"], intake.customers.get(receipt.customer_id))
    reporting, rate_id = await _reporting(intake, amount, buyer["unit_id"], moment)
    sign = 1 if sale is None else -1
    return Transaction(
        id=id_,
        kind="SALE" if sale is None else "RETURN",
        sale_id=id_ if sale is None else sale.id,
        sale_time=moment if sale is None else sale.sale_time,
        occur_time=moment,
        amount=amount * sign,
        reporting_amount=reporting * sign,
        rate_id=rate_id,
        lines=[_line(line, sign) for line in receipt.lines],
        external_system=receipt.external_ref.system,
        external_id=receipt.external_ref.id,
        **buyer,
    )


def _buyer(intake: Intake, receipt: Any, sale: Transaction | None) -> dict[str, Any]:
    names = ("identity_id", "party_id", "unit_id", "owner_id", "partner_party_id")
    if sale is not None:
        return {name: getattr(sale, name) for name in names}
    customer = intake.customers.get(receipt.customer_id) if receipt.customer_id else None
    if receipt.customer_id and customer is None:
        raise ReceiptCustomerUnknown(customer_id=receipt.customer_id)
    buyer: dict[str, Any] = {name: getattr(customer, name, None) for name in names}
    if customer is None:
        if not receipt.identity_id:
            raise ReceiptBuyerMissing
        buyer["identity_id"] = UUID(receipt.identity_id)
        buyer["party_id"] = UUID(receipt.party_id or receipt.identity_id)
    if receipt.seller_unit_id:
        buyer["unit_id"] = UUID(receipt.seller_unit_id)
    buyer["unit_id"] = buyer["unit_id"] or intake.tx.principal.unit_id
    if buyer["unit_id"] is None:
        raise ReceiptUnitMissing
    return buyer


async def _check_seller(intake: Intake, unit_id: UUID, customer: Customer | None) -> None:
    if unit_id not in intake.sellers:
        await check_seller(intake.tx, unit_id, customer)
        if customer is None or customer.unit_id != unit_id:
            intake.sellers.add(unit_id)


async def _reporting(intake: Intake, amount: Money, unit_id: UUID, moment: Any) -> tuple[Money, UUID | None]:
    facts = intake.units.get(unit_id)
    if facts is None:
        facts = intake.units[unit_id] = await unit_facts(intake.tx, unit_id)
    day = facts.day(moment)
    key = (amount.currency, facts.currency, day.isoformat())
    if key not in intake.rates:
        intake.rates[key] = await rate_on(intake.tx, amount.currency, facts.currency, day)
    found = intake.rates[key]
    if found is None:
        raise ReceiptRateMissing(currency=amount.currency, reporting_currency=facts.currency, date=day)
    return convert(amount, facts.currency, found[1]), found[0]


def _line(line: Any, sign: int) -> dict[str, Any]:
    quantity, amount = (
        Decimal(line.quantity) * sign,
        Money(Decimal(line.amount.amount) * sign, line.amount.currency_code),
    )
    return {
        "product_code": line.product_code,
        "quantity": f"{quantity:f}",
        "amount": {"currency_code": amount.currency, "amount": amount.text()},
    }
