"""From agreements to a decision: weights summed, thresholds, vetoes, and the explanation a user is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tercet_leads.identity.evidence import Evidence
from tercet_leads.identity.rules_agreement import compare
from tercet_leads.identity.rules_basics import Agreement
from tercet_leads.identity.rules_weights import COMPANY, INDIVIDUAL

UNRESOLVED, PROBABLE, CONFIRMED = "UNRESOLVED", "PROBABLE", "CONFIRMED"

# Certain identifiers that contradict each other outweigh everything that agrees.
VETOES = frozenset({("resident_id", "conflicts"), ("organisation_code", "conflicts")})


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature adds to the score: its weight is the logarithm of how many times more often it is seen within
    a party."""

    feature: str
    agreement: str
    weight: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores from which a link is probable or confirmed; both in log-odds, 0 is an even chance."""

    probable: float
    confirmed: float


@dataclass(frozen=True, slots=True)
class Model:
    """Weights of one kind of lead; agreements without a weight count nothing."""

    prior: float
    weights: Mapping[Agreement, float]
    thresholds: Thresholds


def _model(table: Mapping[str, Any]) -> Model:
    weights = {
        (feature, level): weight for feature, levels in table["weights"].items() for level, weight in levels.items()
    }
    return Model(table["prior"], weights, Thresholds(**table["thresholds"]))


MODELS: Mapping[str, Model] = {"individual": _model(INDIVIDUAL), "company": _model(COMPANY)}


@dataclass(frozen=True, slots=True)
class Judgement:
    """How likely a trace belongs to a party, and why."""

    score: float
    agreements: tuple[Agreement, ...]
    vetoed: bool = False


def judge(trace: Evidence, profile: Evidence, holders: Mapping[str, int], model: Model | None = None) -> Judgement:
    """The score of one candidate; vetoed where certain identifiers conflict or one side is a person and the other a
    company."""
    if trace.kind != profile.kind:
        return Judgement(-99.0, (("kind", "conflicts"),), True)
    model = model or MODELS[trace.kind]
    agreements = compare(trace, profile, holders)
    weights = model.weights
    score = model.prior
    vetoed = False
    for agreement in agreements:
        score += weights.get(agreement, 0.0)
        if agreement in VETOES:
            vetoed = True
    return Judgement(score, tuple(agreements), vetoed)


def best(judgements: Iterable[tuple[Any, Judgement]]) -> tuple[Any, Judgement] | None:
    """The candidate with the highest score that nothing forbids; the earlier one of equals; None where there is
    none."""
    found: tuple[Any, Judgement] | None = None
    for candidate, judgement in judgements:
        if not judgement.vetoed and (found is None or judgement.score > found[1].score):
            found = (candidate, judgement)
    return found


def link_state(kind: str, score: float, model: Model | None = None) -> str:
    """UNRESOLVED, PROBABLE or CONFIRMED for a score; do-not-disturb acts from probable, disclosure only on
    confirmed."""
    thresholds = (model or MODELS[kind]).thresholds
    return CONFIRMED if score >= thresholds.confirmed else PROBABLE if score >= thresholds.probable else UNRESOLVED


def explain(kind: str, agreements: Iterable[Agreement], model: Model | None = None) -> list[Contribution]:
    """Every agreement with its weight, the weightiest first; a veto stands on top."""
    weights = (model or MODELS[kind]).weights
    found = [
        Contribution(feature, level, round(weights.get((feature, level), 0.0), 2)) for feature, level in agreements
    ]
    return sorted(found, key=lambda part: ((part.feature, part.agreement) not in VETOES, -abs(part.weight)))
