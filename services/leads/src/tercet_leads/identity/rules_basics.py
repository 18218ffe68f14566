"""The few ways in which values are compared."""

from __future__ import annotations

from rapidfuzz.distance import OSA

Agreement = tuple[str, str]  # feature, how far it agrees


def shared(mine: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    """The first of my values that they have too, or ""."""
    for value in mine:
        if value in theirs:
            return value
    return ""


def one_off(mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Whether some pair differs by one struck, dropped, added or swapped character."""
    for a in mine:
        for b in theirs:
            if abs(len(a) - len(b)) <= 1 and OSA.distance(a, b, score_cutoff=1) <= 1:
                return True
    return False


def crowd(count: int) -> str:
    """How many parties hold a key, in the steps that evidence is discounted by."""
    return "1" if count <= 1 else "2" if count == 2 else "few" if count <= 5 else "many"
