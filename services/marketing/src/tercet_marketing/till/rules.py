"""Which benefits an order gets: the best for the customer, the same for the same order, to the cent. Pure.

Of each exclusive group one benefit is used; one that stands alone is used alone or not at all. The rest apply one after
the other, each to what is left. Adding a benefit never leaves more to pay, so a choice is one benefit of each group;
all choices are tried while there are few, and of larger groups those that give most by themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import product

from tercet_marketing.tools.rules import Basket, Benefit, Withheld

# So many lines are looked at in all, whatever the order and the benefits are like.
MOST_LOOKS = 60_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A benefit that an order might get. `ref` names it; equal candidates are told apart by it."""

    ref: str
    evaluate: Callable[[Basket], Benefit | Withheld]
    group: str
    order: int = 0
    alone: bool = False
    currency: str = ""
    end_time: datetime | None = None

    @property
    def rank(self) -> tuple[int, bool, float, str]:
        """In which order candidates apply; what ends sooner goes before what ends later."""
        end = self.end_time
        return self.order, end is None, 0.0 if end is None else end.timestamp(), self.ref


@dataclass(frozen=True, slots=True)
class Applied:
    """A benefit that is given."""

    candidate: Candidate
    benefit: Benefit


@dataclass(slots=True)
class Plan:
    """What an order gets, in the order in which it is taken off, and why the rest is withheld, by ref."""

    applied: list[Applied] = field(default_factory=list)
    withheld: dict[str, Withheld] = field(default_factory=dict)

    @property
    def total(self) -> Decimal:
        """What is taken off in all."""
        return sum((one.benefit.amount.amount for one in self.applied), Decimal(0))

    @property
    def _merit(self) -> tuple[Decimal, Decimal, int]:
        gifts = sum((gift.quantity for one in self.applied for gift in one.benefit.gifts), Decimal(0))
        return self.total, gifts, -len(self.applied)

    @property
    def _names(self) -> list[tuple[int, bool, float, str]]:
        return sorted(one.candidate.rank for one in self.applied)

    def better_than(self, other: Plan) -> bool:
        """More off; else more gifts; else fewer benefits used up; else what ends sooner."""
        if self._merit != other._merit:
            return self._merit > other._merit
        return self._names < other._names


def best(basket: Basket, candidates: Sequence[Candidate]) -> Plan:
    """The best that these benefits can give on the order."""
    withheld: dict[str, Withheld] = {}
    worth: dict[str, tuple[Decimal, Decimal]] = {}
    usable: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda one: one.rank):
        alone = _evaluated(candidate, basket)
        if isinstance(alone, Withheld):
            withheld[candidate.ref] = alone
        else:
            worth[candidate.ref] = (alone.amount.amount, sum((gift.quantity for gift in alone.gifts), Decimal(0)))
            usable.append(candidate)
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in usable:
        if not candidate.alone:
            groups[candidate.group].append(candidate)
    ranked = [sorted(group, key=lambda one: (*(-x for x in worth[one.ref]), one.rank)) for group in groups.values()]
    choices = [tuple(choice) for choice in product(*_fewer(ranked, len(basket.lines)))] if ranked else []
    choices += [(candidate,) for candidate in usable if candidate.alone]
    chosen = Plan()
    for choice in choices:
        plan = in_turn(basket, choice)
        if plan.better_than(chosen):
            chosen = plan
    used = {one.candidate.ref for one in chosen.applied}
    for candidate in usable:
        if candidate.ref not in used:
            withheld[candidate.ref] = Withheld("OTHER_IS_BETTER", "Something better is used that it cannot go with.")
    chosen.withheld = withheld
    return chosen


def in_turn(basket: Basket, candidates: Sequence[Candidate]) -> Plan:
    """What the order gets when these apply one after the other; one that gives nothing then is left unused."""
    plan = Plan()
    for candidate in sorted(candidates, key=lambda one: one.rank):
        benefit = _evaluated(candidate, basket)
        if isinstance(benefit, Benefit):
            plan.applied.append(Applied(candidate, benefit))
            basket = basket.less(benefit.shares)
    return plan


def _evaluated(candidate: Candidate, basket: Basket) -> Benefit | Withheld:
    if candidate.currency and candidate.currency != basket.currency:
        return Withheld("CURRENCY_DIFFERS", f"It is in {candidate.currency}, the order in {basket.currency}.")
    benefit = candidate.evaluate(basket)
    if isinstance(benefit, Benefit) and not benefit.amount.amount and not benefit.gifts:
        return Withheld("NOTHING_LEFT", "It would take nothing off.")
    return benefit


def _fewer(groups: list[list[Candidate]], lines: int) -> list[list[Candidate]]:
    """The groups cut to those that give most, so that all choices together can be tried."""
    groups = [list(group) for group in groups]
    while True:
        count = 1
        for group in groups:
            count *= len(group)
        largest = max(groups, key=len)
        if count * len(groups) * lines <= MOST_LOOKS or len(largest) <= 1:
            return groups
        largest.pop()
