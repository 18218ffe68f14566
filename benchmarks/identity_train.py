"""Learns the weights of identity rules from a labelled set and measures them on entities they were not learned from.

    python benchmarks/identity_train.py FOLDER [--write PATH]

Each record is compared with the profiles its keys lead to, profiles made of the true entities so far; a logistic
regression over the agreements gives the weights. Cross-validation: entities are dealt into folds, and while the whole
file streams through one index, each record is decided by weights and thresholds learned without its entity's fold.
Needs numpy; nothing else here does.
"""

from __future__ import annotations

import argparse
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import count as numbers
from pathlib import Path
from typing import Any

import numpy

from benchmarks.dedup_measure import Measure, measure
from benchmarks.identity_data import Labelled, evidences, read_folder
from tercet_leads.identity.blocking import all_keys
from tercet_leads.identity.evidence import Evidence
from tercet_leads.identity.memory import PartyIndex, numbered
from tercet_leads.identity.rules import VETOES, Model, Thresholds
from tercet_leads.identity.rules_agreement import compare
from tercet_leads.identity.rules_basics import Agreement

FOLDS = 5
# Pulls weights of rare agreements towards 0, so that a handful of chance sightings cannot make a rule.
RIDGE = 0.5
# What identifiers are known to say, whatever the sample: the ridge pulls these weights there instead of to 0.
EXPECTED: dict[str, dict[Agreement, float]] = {
    "individual": {
        ("resident_id", "exact"): 10.0,
        ("resident_id", "fits"): 4.0,
        ("openids", "exact"): 9.0,
        ("wechats", "exact"): 6.0,
        ("email", "exact_1"): 6.0,
        ("email", "one_off"): 3.0,
        ("landline", "exact_1"): 3.0,
        ("landline", "one_off"): 1.5,
        ("employer", "exact"): 3.0,
    },
    "company": {
        ("organisation_code", "exact"): 10.0,
        ("organisation_code", "one_off"): 4.0,
        ("licence", "exact"): 7.0,
        ("licence", "one_off"): 3.0,
        ("openids", "exact"): 4.0,
        ("wechats", "exact"): 4.0,
        ("role_mailbox", "exact_1"): 3.0,
        ("domain", "exact_1"): 3.0,
        ("landline", "one_off"): 1.5,
        ("email", "exact_1"): 2.0,
    },
}
EXPECTED_RIDGE = 4.0
Pair = tuple[int, bool, tuple[Agreement, ...]]  # fold, same entity, agreements


def fold_of(entity: str) -> int:
    """The fold an entity is dealt into, the same in every run."""
    return zlib.crc32(entity.encode()) % FOLDS


def training_pairs(data: Labelled, traces: list[Evidence]) -> dict[str, list[Pair]]:
    """Each record against the true profiles its keys lead to, by kind of lead."""
    index = numbered()
    party_of: dict[str, int] = {}
    entity_of: dict[int, str] = {}
    pairs: dict[str, list[Pair]] = defaultdict(list)
    for lead, trace in zip(data.leads, traces, strict=True):
        entity = data.truth[lead["record_id"]]
        keys = all_keys(trace)
        parties, counts = index.candidates(keys)
        for party in parties:
            profile = index.profiles[party]
            pairs[trace.kind].append(
                (fold_of(entity), entity_of[party] == entity, tuple(compare(trace, profile, counts)))
            )
        if entity in party_of:
            index.attach(party_of[entity], trace, keys)
        else:
            party_of[entity] = index.open(trace, keys)
            entity_of[party_of[entity]] = entity
    return pairs


def fit(pairs: list[Pair], expected: Mapping[Agreement, float]) -> tuple[float, dict[Agreement, float]]:
    """Prior and weights by ridge logistic regression (Newton steps), the ridge centred on what is expected."""
    grouped: Counter[tuple[bool, tuple[Agreement, ...]]] = Counter(
        (same, agreements) for _, same, agreements in pairs if VETOES.isdisjoint(agreements)
    )
    names = sorted({agreement for _, agreements in grouped for agreement in agreements} | set(expected))
    column = {name: i + 1 for i, name in enumerate(names)}
    matrix = numpy.zeros((len(grouped), len(names) + 1))
    matrix[:, 0] = 1.0
    target, times = numpy.zeros(len(grouped)), numpy.zeros(len(grouped))
    for row, ((same, agreements), count) in enumerate(grouped.items()):
        target[row], times[row] = same, count
        for agreement in agreements:
            matrix[row, column[agreement]] = 1.0
    ridge = numpy.full(len(names) + 1, RIDGE)
    ridge[0] = 1e-6
    centre = numpy.zeros(len(names) + 1)
    for agreement, weight in expected.items():
        centre[column[agreement]], ridge[column[agreement]] = weight, EXPECTED_RIDGE
    weights = centre.copy()
    for _ in range(40):
        chance = 1.0 / (1.0 + numpy.exp(-numpy.clip(matrix @ weights, -30, 30)))
        gradient = matrix.T @ (times * (target - chance)) - ridge * (weights - centre)
        curvature = (matrix * (times * chance * (1 - chance))[:, None]).T @ matrix + numpy.diag(ridge)
        step = numpy.linalg.solve(curvature, gradient)
        weights += step
        if float(numpy.abs(step).max()) < 1e-6:
            break
    return float(weights[0]), {name: float(weights[i]) for name, i in column.items()}


class FoldIndex(PartyIndex[int]):
    """An index whose weights depend on the record: those learned without its entity."""

    def __init__(self, by_fold: list[dict[str, Model]]) -> None:
        super().__init__(numbers().__next__)
        self._by_fold = by_fold

    def decide(self, trace: Evidence, fold: int) -> int:
        """The party, decided by the models of a fold."""
        self._models = self._by_fold[fold]
        return self.recognise(trace).party


def stream(data: Labelled, traces: list[Evidence], index: PartyIndex[int], by_fold: bool = False) -> Measure:
    """Every record decided on arrival, in file order."""
    clusters = {}
    for lead, trace in zip(data.leads, traces, strict=True):
        record = lead["record_id"]
        party = index.decide(trace, fold_of(data.truth[record])) if by_fold else index.recognise(trace).party  # type: ignore[attr-defined]
        clusters[record] = str(party)
    return measure(clusters, data.truth, data.notes)


def models(
    pairs: dict[str, list[Pair]], without: int | None, probable: float, confirmed: float = 5.0
) -> dict[str, Model]:
    """A model a kind of lead, learned from all folds but one."""
    found = {}
    for kind, rows in pairs.items():
        prior, weights = fit([row for row in rows if row[0] != without], EXPECTED[kind])
        found[kind] = Model(prior, weights, Thresholds(probable, confirmed))
    return found


def main() -> None:
    """Prints the cross-validated figures and, if asked, writes the weights learned from the whole set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--probable", type=float, nargs="*", default=[0.0])
    options = parser.parse_args()
    data = read_folder(options.folder)
    traces = evidences(data.leads)
    pairs = training_pairs(data, traces)
    for kind, rows in pairs.items():
        print(f"{kind}: {len(rows)} pairs, {sum(same for _, same, _ in rows)} of one entity")
    for probable in options.probable:
        by_fold = [models(pairs, fold, probable) for fold in range(FOLDS)]
        result = stream(data, traces, FoldIndex(by_fold), by_fold=True)
        print(f"streaming, cross-validated over {FOLDS} folds of entities, probable from {probable}:")
        print("\n".join(result.lines()))
    if options.write:
        options.write.write_text(render(models(pairs, None, options.probable[0])), encoding="utf-8")


def render(found: dict[str, Model]) -> str:
    """The weights as a Python module."""
    lines = [
        '"""Weights of evidence in log-odds, learned by benchmarks/identity_train.py: do not edit, learn them anew."""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Any",
    ]
    for kind, model in sorted(found.items()):
        weights: dict[str, dict[str, float]] = defaultdict(dict)
        for (feature, level), weight in sorted(model.weights.items()):
            weights[feature][level] = round(weight, 2)
        table: dict[str, Any] = {"prior": round(model.prior, 2)}
        lines += ["", f"{kind.upper()}: dict[str, Any] = {{", f'    "prior": {table["prior"]},']
        lines.append(
            f'    "thresholds": {{"probable": {model.thresholds.probable}, "confirmed": {model.thresholds.confirmed}}},'
        )
        lines.append('    "weights": {')
        for feature, levels in weights.items():
            lines.append(f'        "{feature}": {{')
            lines += [f'            "{level}": {weight},' for level, weight in levels.items()]
            lines.append("        },")
        lines += ["    },", "}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
