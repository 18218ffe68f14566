"""How good a grouping of records is: pairwise, B-cubed, and the share of entities found exactly.

Pairwise: of all pairs put together, how many belong together (precision), and of all that belong together, how many
were put so (recall). B-cubed: the same per record, averaged, so that large entities do not rule the figure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

_LARGEST_EXPLAINED = 3000


@dataclass(frozen=True, slots=True)
class Measure:
    """The figures of one grouping against the truth."""

    records: int
    entities: int
    clusters: int
    true_pairs: int
    predicted_pairs: int
    right_pairs: int
    bcubed_precision: float
    bcubed_recall: float
    exact_entities: float
    false_pairs: dict[str, int] = field(default_factory=dict)
    missed_pairs: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def precision(self) -> float:
        """Share of the pairs put together that belong together; 1 where none was."""
        return self.right_pairs / self.predicted_pairs if self.predicted_pairs else 1.0

    @property
    def recall(self) -> float:
        """Share of the pairs that belong together that were put so."""
        return self.right_pairs / self.true_pairs if self.true_pairs else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return harmonic(self.precision, self.recall)

    def lines(self) -> list[str]:
        """The figures as text."""
        found = [
            f"records {self.records}   true entities {self.entities}   predicted clusters {self.clusters}",
            f"pairs: true {self.true_pairs}  predicted {self.predicted_pairs}  right {self.right_pairs}",
            f"pairwise  precision {self.precision:.4f}  recall {self.recall:.4f}  F1 {self.f1:.4f}",
            f"B-cubed   precision {self.bcubed_precision:.4f}  recall {self.bcubed_recall:.4f}  "
            f"F1 {harmonic(self.bcubed_precision, self.bcubed_recall):.4f}",
            f"entities found exactly {self.exact_entities:.4f}",
        ]
        if self.false_pairs:
            found.append("false pairs by kind of hard negative:")
            found += [f"  {kind:<40} {count}" for kind, count in self.false_pairs.items()]
        if self.missed_pairs:
            found.append(
                "missed pairs by kind of corruption (a pair counts once for each kind on either record): missed / all"
            )
            found += [
                f"  {kind:<20} {a:>6} / {b:<6} {100 * a / b:.1f}%"
                for kind, (a, b) in list(self.missed_pairs.items())[:40]
            ]
        return found


def harmonic(a: float, b: float) -> float:
    """Harmonic mean; 0 where both are."""
    return 2 * a * b / (a + b) if a + b else 0.0


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def measure(
    clusters: Mapping[str, str],
    truth: Mapping[str, str],
    notes: Mapping[str, tuple[frozenset[str], frozenset[str]]] | None = None,
) -> Measure:
    """Compares a grouping with the truth, both record → group; a record without a group stands alone.

    `notes` gives each record's planned hard negatives and corruptions and adds the two breakdowns.
    Refuses records the truth does not know.
    """
    if unknown := [record for record in clusters if record not in truth]:
        raise ValueError(f"{len(unknown)} records are not in the truth, e.g. {unknown[0]}")
    group = {record: clusters.get(record) or f"alone:{record}" for record in truth}
    cells = Counter((group[record], truth[record]) for record in truth)
    sizes, entities = Counter(group.values()), Counter(truth.values())
    count = len(truth)
    false_pairs, missed_pairs = _breakdown(group, truth, notes) if notes else ({}, {})
    return Measure(
        count,
        len(entities),
        len(sizes),
        sum(map(_pairs, entities.values())),
        sum(map(_pairs, sizes.values())),
        sum(map(_pairs, cells.values())),
        sum(n * n / sizes[cluster] for (cluster, _), n in cells.items()) / count,
        sum(n * n / entities[entity] for (_, entity), n in cells.items()) / count,
        sum(1 for (cluster, entity), n in cells.items() if sizes[cluster] == n == entities[entity]) / len(entities),
        false_pairs,
        missed_pairs,
    )


def _breakdown(
    group: Mapping[str, str], truth: Mapping[str, str], notes: Mapping[str, tuple[frozenset[str], frozenset[str]]]
) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    nothing: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
    by_cluster, by_entity = defaultdict(list), defaultdict(list)
    for record in truth:
        by_cluster[group[record]].append(record)
        by_entity[truth[record]].append(record)
    false: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for members in by_cluster.values():
        if len(members) > _LARGEST_EXPLAINED:
            continue
        for i, a in enumerate(members):
            for b in members[:i]:
                if truth[a] != truth[b]:
                    both = {g.split(":")[0] for g in notes.get(a, nothing)[0] & notes.get(b, nothing)[0]}
                    false["+".join(sorted(both)) or "(no planned hard negative)"] += 1
    for members in by_entity.values():
        for i, a in enumerate(members):
            for b in members[:i]:
                for kind in notes.get(a, nothing)[1] | notes.get(b, nothing)[1] or {"(none)"}:
                    total[kind] += 1
                    missed[kind] += group[a] != group[b]
    return dict(false.most_common()), {kind: (count, total[kind]) for kind, count in missed.most_common() if count}
