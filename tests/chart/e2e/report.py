"""What was seen, as it happens on the terminal and as a table for docs/operations.md."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Step:
    """One row: facts are added while it runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.facts: list[str] = []
        self.seconds = 0.0

    def saw(self, fact: str) -> None:
        self.facts.append(fact)
        _say(f"    {fact}")


class Report:
    def __init__(self) -> None:
        self.steps: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """A step, timed; what goes wrong in it ends the run."""
        step = Step(name)
        _say(f"==> {name}")
        began = time.monotonic()
        try:
            yield step
        finally:
            step.seconds = time.monotonic() - began
            self.steps.append(step)
            _say(f"    {step.seconds:.1f} s")

    def table(self) -> str:
        """Markdown, one row a step."""
        rows = [f"| {each.name} | {each.seconds:.0f} s | {'; '.join(each.facts)} |" for each in self.steps]
        return "\n".join(["| step | took | seen |", "|---|---|---|", *rows])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
