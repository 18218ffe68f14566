"""What a quote or an order costs, line by line and exact to the currency's smallest unit.

Pure: facts in, amounts or faults out.

Lines and adjustments are plain JSON as they are stored and sent; nothing here touches a float.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from tercet_chassis.errors import Violation
from tercet_chassis.money import Money

Json = dict[str, Any]
HUNDRED = Decimal(100)
LARGEST = Decimal(10) ** 9
LARGEST_AMOUNT = Decimal(10) ** 12
_COMPUTED = ("gross", "reduction", "net", "tax", "total")


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What pricing needs to know of a product."""

    code: str
    name: str
    active: bool
    tax_percent: Decimal | None


@dataclass(frozen=True, slots=True)
class Terms:
    """How a document is priced. `open_lines` allows lines without a product, as in quotes."""

    currency: str
    prices_include_tax: bool
    open_lines: bool
    products: Mapping[str, ProductFacts]
    # Price of one without tax, by position of the line; only lines without a price of their own are looked up.
    prices: Mapping[int, Money]


@dataclass(slots=True)
class Priced:
    """The lines with their amounts, the sums, and everything that was wrong.

    Amounts are only meant when nothing was.
    """

    lines: list[Json]
    reduction: Money
    net: Money
    tax: Money
    total: Money
    faults: list[Violation] = field(default_factory=list)


@dataclass(slots=True)
class _Line:
    """A line while it is being priced; `left` is what remains to be paid for it before tax is looked at."""

    source: Json
    product: ProductFacts | None
    quantity: Decimal
    unit_price: Money
    discount: Decimal
    tax: Decimal
    gross: Money
    left: Money
    adjustments: list[Json]


def money_json(value: Money) -> Json:
    """An amount as it stands in stored lines."""
    return {"currency_code": value.currency, "amount": value.text()}


def money_of(value: Json | None) -> Money | None:
    """Reads an amount from a stored line; None when there is none."""
    if not value or "amount" not in value:
        return None
    return Money(Decimal(value["amount"]), value.get("currency_code", ""))


def decimal_of(text: str) -> Decimal | None:
    """Decimal text as a number; None when it is not one."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def decimal_text(value: Decimal) -> str:
    """A number as plain decimal text without trailing zeros: `2`, `0.75`."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def decimals(value: Decimal) -> int:
    """How many decimals are really used."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def parse_quantity(text: str, path: str, faults: list[Violation]) -> Decimal | None:
    """More than zero, at most four decimals; otherwise a fault and None."""
    value = decimal_of(text)
    if value is None or value <= 0 or value >= LARGEST or decimals(value) > 4:
        message = (
            f"The quantity {text!r} is not a number above zero with at most 4 decimals; give one such as 2 or 0.75."
        )
        faults.append(Violation(path, "QUANTITY_INVALID", message))
        return None
    return value


def _percent(text: str, path: str, what: str, faults: list[Violation]) -> Decimal | None:
    value = decimal_of(text)
    if value is None or not 0 <= value <= HUNDRED or decimals(value) > 4:
        faults.append(
            Violation(
                path,
                "PERCENT_INVALID",
                f"The {what} {text!r} is not a percentage from 0 to 100 with at most 4 decimals.",
            )
        )
        return None
    return value


def price(lines: Sequence[Json], adjustments: Sequence[Json], terms: Terms) -> Priced:
    """Prices a whole document; every fault of every line is told, none hides another."""
    faults: list[Violation] = []
    working = [_line(line, index, terms, faults) for index, line in enumerate(lines)]
    good = [line for line in working if line is not None]
    shares = [_amount(item, f"adjustments[{index}]", terms.currency, faults) for index, item in enumerate(adjustments)]
    if not faults:
        for index, (item, amount) in enumerate(zip(adjustments, shares, strict=True)):
            if amount is not None:
                _share(item, amount, index, good, faults)
    zero = Money.zero(terms.currency)
    if faults:
        # What the good lines come to: enough to judge credit in the same refusal.
        known = Money.sum((_known(_finished(line, 0, terms)["total"]) for line in good), terms.currency)
        known -= Money.sum((share for share in shares if share is not None), terms.currency)
        return Priced([dict(line) for line in lines], zero, zero, zero, max(known, zero), faults)
    done = [_finished(line, number, terms) for number, line in enumerate(good, start=1)]
    return sums_of(done, terms.currency)


def sums_of(lines: list[Json], currency: str) -> Priced:
    """Priced lines with their sums."""
    sums = {name: Money.sum((_known(line[name]) for line in lines), currency) for name in _COMPUTED}
    return Priced(lines, sums["reduction"], sums["net"], sums["tax"], sums["total"])


def taxed(left: Money, tax_percent: str, *, include_tax: bool) -> Json:
    """Net, tax and total of a line of which so much is left to pay."""
    rate = Decimal(tax_percent) / HUNDRED
    if include_tax:
        total = left
        net = Money(total.amount / (1 + rate), total.currency).rounded()
        tax = total - net
    else:
        net = left
        tax = (net * rate).rounded()
        total = net + tax
    return {"net": money_json(net), "tax": money_json(tax), "total": money_json(total)}


def unpriced(lines: Sequence[Json]) -> list[int]:
    """Positions of lines whose price has to be looked up."""
    return [
        index
        for index, line in enumerate(lines)
        if line.get("product_code") and money_of(line.get("unit_price")) is None
    ]


def _known(value: Json) -> Money:
    amount = money_of(value)
    if amount is None:
        raise ValueError("a priced line has all its amounts")
    return amount


def _line(line: Json, index: int, terms: Terms, faults: list[Violation]) -> _Line | None:
    path = f"lines[{index}]"
    before = len(faults)
    product = _product(line, path, terms, faults)
    quantity = parse_quantity(str(line.get("quantity", "")), f"{path}.quantity", faults)
    discount = _percent(line.get("discount_percent") or "0", f"{path}.discount_percent", "discount", faults)
    own_tax = line.get("tax_percent")
    given_tax = (
        own_tax if own_tax else None if product is None or product.tax_percent is None else str(product.tax_percent)
    )
    tax = _percent(given_tax or "0", f"{path}.tax_percent", "tax rate", faults)
    unit_price = _unit_price(line, index, tax, terms, faults)
    # Shares are reckoned anew, and benefits are given anew when an order is confirmed.
    own = [item for item in line.get("adjustments") or [] if not item.get("shared") and not item.get("benefit")]
    amounts = [
        _amount(item, f"{path}.adjustments[{number}]", terms.currency, faults) for number, item in enumerate(own)
    ]
    if len(faults) > before or quantity is None or discount is None or tax is None or unit_price is None:
        return None
    if unit_price.amount * quantity >= LARGEST_AMOUNT:
        faults.append(
            Violation(
                f"{path}.quantity",
                "AMOUNT_TOO_LARGE",
                f"Line {index + 1} comes to {LARGEST_AMOUNT:f} or more; split it up.",
            )
        )
        return None
    gross = (unit_price * quantity).rounded()
    left = gross - (gross * (discount / HUNDRED)).rounded()
    left -= Money.sum((amount for amount in amounts if amount is not None), terms.currency)
    if left.amount < 0:
        message = f"The discounts of line {index + 1} take off more than its {gross}; make them smaller."
        faults.append(Violation(f"{path}.adjustments", "ADJUSTMENT_EXCEEDS_LINE", message))
        return None
    return _Line(line, product, quantity, unit_price, discount, tax, gross, left, [dict(item) for item in own])


def _product(line: Json, path: str, terms: Terms, faults: list[Violation]) -> ProductFacts | None:
    code = line.get("product_code") or ""
    if not code:
        if not terms.open_lines:
            faults.append(
                Violation(f"{path}.product_code", "PRODUCT_MISSING", "Name the product that is ordered by its code.")
            )
        elif not line.get("description"):
            faults.append(
                Violation(
                    f"{path}.description",
                    "DESCRIPTION_MISSING",
                    "Describe what is offered, or name a product by its code.",
                )
            )
        return None
    product = terms.products.get(code)
    if product is None:
        faults.append(
            Violation(
                f"{path}.product_code",
                "PRODUCT_UNKNOWN",
                f"There is no product {code}; take a code from the catalogue.",
            )
        )
    elif not product.active:
        faults.append(
            Violation(
                f"{path}.product_code", "PRODUCT_NOT_SOLD", f"The product {code} is not sold any more; take another."
            )
        )
        return None
    return product


def _unit_price(line: Json, index: int, tax: Decimal | None, terms: Terms, faults: list[Violation]) -> Money | None:
    path = f"lines[{index}].unit_price"
    given = money_of(line.get("unit_price"))
    if given is None:
        listed = terms.prices.get(index)
        if listed is None:
            code = line.get("product_code") or ""
            if not code or code in terms.products:
                message = (
                    f"No price book has a price of {code or 'this line'} in "
                    f"{terms.currency} for this customer and day; give a price."
                )
                faults.append(Violation(path, "PRICE_MISSING", message))
            return None
        if not terms.prices_include_tax or tax is None:
            return listed
        # Price books hold prices without tax.
        return (listed * (1 + tax / HUNDRED)).rounded()
    if given.currency != terms.currency:
        message = f"The price is in {given.currency}, the document in {terms.currency}; currencies are never mixed."
        faults.append(Violation(path, "CURRENCY_MISMATCH", message))
        return None
    if given.amount < 0:
        faults.append(
            Violation(path, "PRICE_NEGATIVE", "A price is not below zero; use an adjustment to take something off.")
        )
        return None
    return given


def _amount(item: Json, path: str, currency: str, faults: list[Violation]) -> Money | None:
    amount = money_of(item.get("amount"))
    if amount is None or amount.amount <= 0:
        faults.append(Violation(f"{path}.amount", "ADJUSTMENT_NOT_POSITIVE", "An adjustment takes off more than zero."))
        return None
    if amount.currency != currency:
        message = f"The adjustment is in {amount.currency}, the document in {currency}; currencies are never mixed."
        faults.append(Violation(f"{path}.amount", "CURRENCY_MISMATCH", message))
        return None
    if amount.rounded() != amount:
        faults.append(
            Violation(
                f"{path}.amount", "AMOUNT_TOO_PRECISE", f"{amount} is finer than the smallest unit of {currency}."
            )
        )
        return None
    return amount


def _share(item: Json, amount: Money, index: int, lines: Sequence[_Line], faults: list[Violation]) -> None:
    """Splits an adjustment of the whole document over the lines in proportion to what is left of each."""
    left = Money.sum((line.left for line in lines), amount.currency)
    if left < amount:
        message = f"The adjustment takes off {amount}, but only {left} is left to pay; make it smaller."
        faults.append(Violation(f"adjustments[{index}].amount", "ADJUSTMENT_EXCEEDS_TOTAL", message))
        return
    for line, share in zip(lines, amount.split([line.left.amount for line in lines]), strict=True):
        if share.amount:
            line.left -= share
            line.adjustments.append({**item, "amount": money_json(share), "shared": True})


def _finished(line: _Line, number: int, terms: Terms) -> Json:
    done: Json = {
        "line_no": number,
        "description": line.source.get("description") or (line.product.name if line.product else ""),
        "quantity": decimal_text(line.quantity),
        "unit_price": money_json(line.unit_price),
        "discount_percent": decimal_text(line.discount),
        "tax_percent": decimal_text(line.tax),
        "adjustments": line.adjustments,
        "gross": money_json(line.gross),
        "reduction": money_json(line.gross - line.left),
        **taxed(line.left, decimal_text(line.tax), include_tax=terms.prices_include_tax),
    }
    for name in ("product_code", "asset_id"):
        if line.source.get(name):
            done[name] = line.source[name]
    return done
