"""What comes back of an order, who orders for the first time, and who is stable. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tercet_chassis.errors import Violation
from tercet_chassis.money import Money
from tercet_sales.pricing.rules import Json, decimal_text, money_json, money_of, parse_quantity


@dataclass(frozen=True, slots=True)
class Returned:
    """Lines after a return, what came back of each, and its worth."""

    lines: list[Json]
    pieces: list[Json]
    amount: Money


@dataclass(frozen=True, slots=True)
class ReturnPlan:
    """A return that holds, or its faults."""

    returned: Returned | None
    faults: list[Violation] = field(default_factory=list)


def _total(line: Json, currency: str) -> Money:
    return money_of(line.get("total")) or Money.zero(currency)


def plan_return(lines: Sequence[Json], asked: Sequence[tuple[int, str]], currency: str) -> ReturnPlan:
    """Takes back `(line_no, quantity)`; all faults come together.

    What is given back for a line is the difference of rounded running sums, so pieces returned one by one add up to
    the line's total exactly.
    """
    faults: list[Violation] = []
    by_number = {int(line["line_no"]): dict(line) for line in lines}
    pieces: list[Json] = []
    amount = Money.zero(currency)
    for index, (number, text) in enumerate(asked):
        path = f"returns[{index}]"
        line = by_number.get(number)
        quantity = parse_quantity(text, f"{path}.quantity", faults)
        if line is None:
            faults.append(Violation(f"{path}.line_no", "LINE_UNKNOWN", f"The order has no line {number}."))
            continue
        if quantity is None:
            continue
        bought, before = Decimal(line["quantity"]), Decimal(line.get("returned_quantity") or "0")
        after = before + quantity
        if after > bought:
            message = (
                f"Of line {number}, {decimal_text(bought - before)} can still come "
                f"back; {decimal_text(quantity)} is too many."
            )
            faults.append(Violation(f"{path}.quantity", "RETURN_EXCEEDS_LINE", message))
            continue
        total = _total(line, currency)
        given_before = money_of(line.get("returned_total")) or Money.zero(currency)
        given_after = Money(total.amount * after / bought, currency).rounded()
        line["returned_quantity"], line["returned_total"] = decimal_text(after), money_json(given_after)
        piece = given_after - given_before
        pieces.append(
            {
                "product_code": line.get("product_code", ""),
                "quantity": decimal_text(quantity),
                "amount": money_json(piece),
            }
        )
        amount += piece
    if faults:
        return ReturnPlan(None, faults)
    return ReturnPlan(Returned([by_number[number] for number in sorted(by_number)], pieces, amount))


def credit_faults(limit: Money, owed: Money, wanted: Money) -> list[Violation]:
    """A fault when what the customer owes, with this order, is over the limit; all in the limit's currency."""
    if owed + wanted <= limit:
        return []
    message = (
        f"The customer owes {owed} and may owe {limit}; this order of {wanted} "
        "is too much. Collect payments or raise the limit."
    )
    return [Violation("customer_id", "CREDIT_EXCEEDED", message)]
