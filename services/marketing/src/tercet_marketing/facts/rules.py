"""Facts as they are told, and how several tellings of one fact make one row. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

# Every kind of fact that is recorded: what conditions may ask for.
KINDS = ("touch", "order", "return", "call", "meeting", "visit", "message", "ticket")


@dataclass(frozen=True, slots=True)
class Told:
    """What one event adds to a fact."""

    id: UUID
    identity_id: UUID
    party_id: UUID
    kind: str
    fact_time: datetime
    code: str = ""
    amount: Decimal | None = None
    currency: str | None = None
    product_codes: tuple[str, ...] = ()


def joined(told: Iterable[Told]) -> list[Told]:
    """One telling a fact: amounts added up, the earliest time, all products. Their order makes no difference."""
    facts: dict[UUID, Told] = {}
    for each in told:
        known = facts.get(each.id)
        if known is None:
            facts[each.id] = each
            continue
        amount = None if known.amount is None and each.amount is None else _zero(known.amount) + _zero(each.amount)
        facts[each.id] = replace(
            known,
            fact_time=min(known.fact_time, each.fact_time),
            amount=amount,
            product_codes=tuple(sorted({*known.product_codes, *each.product_codes})),
        )
    return [facts[id] for id in sorted(facts)]


def _zero(amount: Decimal | None) -> Decimal:
    return Decimal(0) if amount is None else amount
