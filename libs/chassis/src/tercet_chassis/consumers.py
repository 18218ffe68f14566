"""Reactions to events: projections (the newest version wins) and effects (exactly once), with back-off and dead
letters.

A handler's inbox or version mark commits with what it did, so a redelivery finds it done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from google.protobuf.message import Message

from tercet_chassis.context import IMPORT, LIVE, REPLAY, SIMULATION
from tercet_chassis.contract import subject_of
from tercet_chassis.transaction import Tx

if TYPE_CHECKING:
    pass

log = structlog.get_logger(__name__)

Handler = Callable[[Any, Tx], Awaitable[None]]
H = TypeVar("H", bound=Handler)
EVERY_ORIGIN = frozenset({LIVE, IMPORT, REPLAY, SIMULATION})


@dataclass(frozen=True, slots=True)
class Consumer:
    """One handler with what it listens to. `events` empty means every event of every service."""

    name: str
    handler: Handler
    events: tuple[type[Message], ...]
    newest_wins: bool
    origins: frozenset[str]

    def takes(self, subject: str) -> bool:
        """Whether the handler listens to this subject."""
        return not self.events or any(subject_of(event) == subject for event in self.events)


def projection(*events: type[Message]) -> Callable[[H], H]:
    """Marks a handler that keeps what it is told: called only for a newer version of the resource, whatever the
    origin.
    """
    return _marked(events, newest_wins=True, origins=EVERY_ORIGIN)


def effect(*events: type[Message], origins: Iterable[str] = (LIVE,)) -> Callable[[H], H]:
    """Marks a handler that acts: called exactly once for an event of these origins. Without events it takes all."""
    return _marked(events, newest_wins=False, origins=frozenset(origins))


def _marked(events: tuple[type[Message], ...], *, newest_wins: bool, origins: frozenset[str]) -> Callable[[H], H]:
    def mark(handler: H) -> H:
        handler.__tercet_consumer__ = (events, newest_wins, origins)  # type: ignore[attr-defined]
        return handler

    return mark


def consumers_in(module: Any, slice_name: str) -> list[Consumer]:
    """The marked handlers of a slice's `consumers.py`."""
    found = []
    for name, value in vars(module).items():
        mark = getattr(value, "__tercet_consumer__", None)
        if mark is not None and getattr(value, "__module__", "") == module.__name__:
            events, newest_wins, origins = mark
            found.append(Consumer(f"{slice_name}.{name}", value, events, newest_wins, origins))
    return found
