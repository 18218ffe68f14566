"""Streams a labelled set through identity rules in memory and prints how good the result is and how fast it came.

    python benchmarks/identity.py FOLDER

Each record is cleaned and decided on arrival, in file order; earlier decisions are not revised. The weights are the
ones the service uses; `identity_train.py` says how they do on entities they were not learned from.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from benchmarks.dedup_measure import measure
from benchmarks.identity_data import read_folder
from tercet_leads.cleaning import clean_lead
from tercet_leads.identity.evidence import evidence_of
from tercet_leads.identity.memory import numbered


def main() -> None:
    """Prints the figures of one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--predictions", type=Path, help="write record_id,cluster_id there")
    options = parser.parse_args()
    data = read_folder(options.folder)
    clean_lead({"name": "张三", "phone": "+1 415 555 2671"})  # tables load here, not in the first record
    started = time.perf_counter()
    cleaned = [clean_lead(lead) for lead in data.leads]
    after_cleaning = time.perf_counter()
    index = numbered()
    clusters: dict[str, str] = {}
    states: dict[str, int] = {}
    for lead, clean in zip(data.leads, cleaned, strict=True):
        decision = index.recognise(evidence_of(clean))
        clusters[lead["record_id"]] = str(decision.party)
        if not decision.is_new:
            states[decision.state] = states.get(decision.state, 0) + 1
    finished = time.perf_counter()
    if options.predictions:
        rows = "".join(f"{record},{cluster}\n" for record, cluster in clusters.items())
        options.predictions.write_text("record_id,cluster_id\n" + rows, encoding="utf-8")
    result = measure(clusters, data.truth, data.notes)
    count, cleaning, matching = len(data.leads), after_cleaning - started, finished - after_cleaning
    if options.json:
        figures = {
            "precision": result.precision,
            "recall": result.recall,
            "f1": result.f1,
            "rows_per_second": count / (finished - started),
        }
        print(json.dumps(figures, indent=1))
        return
    print("streaming, in memory")
    print("\n".join(result.lines()))
    print(f"links by state: {states}")
    print(
        f"cleaning {cleaning:.2f} s ({count / cleaning:,.0f} rows/s), "
        f"matching {matching:.2f} s ({count / matching:,.0f} rows/s)"
    )


if __name__ == "__main__":
    main()
