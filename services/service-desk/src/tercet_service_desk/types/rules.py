"""The stages of a ticket type: which state each stands for, and where a ticket may go from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

# The desk opens complaints by itself, whatever types a tenant has.
COMPLAINT = "complaint"
STATES = ("NEW", "OPEN", "PENDING", "SOLVED", "CLOSED")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage; without next ones it leads to any."""

    code: str
    state: str
    next_codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Machine:
    """The stages of one type, in order."""

    stages: tuple[Stage, ...]

    @cached_property
    def by_code(self) -> dict[str, Stage]:
        """The stages by their codes."""
        return {stage.code: stage for stage in self.stages}

    def may(self, here: str, there: str) -> bool:
        """Whether a ticket may be moved from one stage to another; from none it may go anywhere."""
        stage = self.by_code.get(here)
        return stage is None or here == there or not stage.next_codes or there in stage.next_codes

    def entered(self, here: str, state: str) -> str | None:
        """The stage that a ticket enters with a state: where it is if that fits, else the first that it may go to; None
        when it may go to none.
        """
        stage = self.by_code.get(here)
        if stage is not None and stage.state == state:
            return here
        return next((stage.code for stage in self.stages if stage.state == state and self.may(here, stage.code)), None)

    def following(self, here: str, state: str) -> str:
        """The stage of a ticket whose state has changed by itself: the first of the state where none is allowed, since
        a requester's answer cannot be refused.
        """
        found = self.entered(here, state)
        return found or next((stage.code for stage in self.stages if stage.state == state), "")


def astray(stages: Sequence[Stage]) -> Iterator[tuple[str, str]]:
    """What is wrong with the stages of a type: where, and why."""
    known = {stage.code for stage in stages}
    seen: set[str] = set()
    for at, stage in enumerate(stages):
        if stage.code in seen:
            yield f"stages[{at}].code", f"The stage {stage.code} stands there twice; give each a name of its own."
        seen.add(stage.code)
        for place, code in enumerate(stage.next_codes):
            if code not in known:
                yield (
                    f"stages[{at}].next_codes[{place}]",
                    f"There is no stage {code} in this type; add it or leave it out.",
                )
    for state in STATES:
        if not any(stage.state == state for stage in stages):
            yield "stages", f"No stage has the state {state}; every state needs at least one."
