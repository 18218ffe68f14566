"""What was planned against what came: by how much of a campaign's days is over, within a band. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tercet_chassis.money import Money
from tercet_marketing.campaigns.model import Campaign

COST, REVENUE, REACH, CONVERSIONS = "COST", "REVENUE", "REACH", "CONVERSIONS"
ON_PLAN, ABOVE, BELOW = "ON_PLAN", "ABOVE", "BELOW"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One planned figure, what of it could be expected by now, what came, and where that lies."""

    figure: str
    planned: Decimal
    expected: Decimal
    actual: Decimal
    verdict: str
    currency: str = ""

    @property
    def words(self) -> str:
        """For people."""
        unit = f" {self.currency}" if self.currency else ""
        place = {ON_PLAN: "on plan", ABOVE: "above plan", BELOW: "below plan"}[self.verdict]
        figures = f"{self.actual:f}{unit}, {self.expected:f}{unit} of {self.planned:f}{unit} expected by now"
        return f"{self.figure.lower()} is {place}: {figures}."


def elapsed(begin: date | None, end: date | None, today: date) -> Decimal:
    """Which share of the days is over at the end of today; all of them without both ends."""
    if begin is None or end is None:
        return Decimal(1)
    days = (end - begin).days + 1
    return Decimal(min(max((today - begin).days + 1, 0), days)) / days


def compared(campaign: Campaign, actual: Mapping[tuple[str, str], Decimal], today: date) -> list[Comparison]:
    """Every planned figure of a campaign against what came, by figure and currency; what is missing is nothing."""
    share, band = elapsed(campaign.begin_date, campaign.end_date, today), Decimal(campaign.tolerance) / 100
    amounts = ((COST, campaign.planned_cost), (REVENUE, campaign.planned_revenue))
    planned = [(figure, amount.currency, amount.amount) for figure, amount in amounts if amount is not None]
    counts = ((REACH, campaign.planned_reach), (CONVERSIONS, campaign.planned_conversions))
    planned += [(figure, "", Decimal(count)) for figure, count in counts if count is not None]
    found = []
    for figure, currency, whole in planned:
        came, expected = actual.get((figure, currency), Decimal(0)), whole * share
        room = whole * band
        verdict = ABOVE if came > expected + room else BELOW if came < expected - room else ON_PLAN
        due, had = _shown(expected, currency), _shown(came, currency)
        found.append(Comparison(figure, _shown(whole, currency), due, had, verdict, currency))
    return found


def _shown(value: Decimal, currency: str) -> Decimal:
    return Money(value, currency).rounded().amount if currency else value.quantize(Decimal("0.1")).normalize()
