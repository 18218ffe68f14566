"""What a refused condition says: each problem with its reason, a remedy and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """The closed set of reasons; programs branch on these, people read the message."""

    SYNTAX = "SYNTAX"
    BAD_SHAPE = "BAD_SHAPE"
    TOO_LONG = "TOO_LONG"
    TOO_DEEP = "TOO_DEEP"
    TOO_MANY_TERMS = "TOO_MANY_TERMS"
    UNKNOWN_PATH = "UNKNOWN_PATH"
    NOT_FILTERABLE = "NOT_FILTERABLE"
    NOT_SORTABLE = "NOT_SORTABLE"
    WRONG_OPERATOR = "WRONG_OPERATOR"
    WRONG_VALUE = "WRONG_VALUE"
    UNKNOWN_FUNCTION = "UNKNOWN_FUNCTION"
    UNKNOWN_NODE = "UNKNOWN_NODE"
    SEARCH_NOT_ALLOWED = "SEARCH_NOT_ALLOWED"
    NO_TEXT_FORM = "NO_TEXT_FORM"


@dataclass(frozen=True)
class Problem:
    """One fault. `position` is a character offset (text), a JSON pointer (JSON) or None (a tree built in code)."""

    reason: Reason
    message: str
    position: int | str | None = None

    def __str__(self) -> str:
        if self.position is None:
            return self.message
        where = f"at character {self.position}" if isinstance(self.position, int) else f"at {self.position or '/'}"
        return f"{self.message} ({where})"


class ConditionError(ValueError):
    """A condition is refused. `problems` holds every fault found, in the order they stand; never empty."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems

    @property
    def reason(self) -> Reason:
        return self.problems[0].reason

    @property
    def position(self) -> int | str | None:
        return self.problems[0].position


def refusal(reason: Reason, message: str, position: int | str | None = None) -> ConditionError:
    return ConditionError(Problem(reason, message, position))
