"""What came back of an order's benefits when lines of it came back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tercet_chassis.money import Money


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back by now of each benefit's shares, by grant, and whether the whole order did."""

    amounts: dict[str, Money]
    whole: bool


def returned(lines: Iterable[Any]) -> Returned:
    """Reads an order's lines. Of a share as much came back as of its line, rounded as one sum, so that returns one by
    one come to the share exactly.
    """
    amounts: dict[str, Money] = {}
    whole = True
    for line in lines:
        bought, back = Decimal(line.quantity), Decimal(line.returned_quantity or "0")
        whole = whole and back >= bought
        for item in line.adjustments:
            if item.benefit and item.grant_id:
                share = Money(Decimal(item.amount.amount), item.amount.currency_code)
                part = share if back >= bought else Money(share.amount * back / bought, share.currency).rounded()
                known = amounts.get(item.grant_id)
                amounts[item.grant_id] = part if known is None else known + part
    return Returned(amounts, whole)
