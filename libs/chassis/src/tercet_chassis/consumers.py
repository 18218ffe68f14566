"""Reactions to events: projections (the newest version wins) and effects (exactly once), with back-off and dead
letters.

A handler's inbox or version mark commits with what it did, so a redelivery finds it done.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from google.protobuf.message import Message

from tercet_chassis.context import IMPORT, LIVE, REPLAY, SIMULATION, EventMeta
from tercet_chassis.contract import ContractBroken, message_class, subject_of
from tercet_chassis.database import Statements

Handler = Callable[[Any, Any], Awaitable[None]]
# What a handler of all events asks for by now, of all tenants: subjects that end in `.>`, each with a UUIDv7 from the
# moment since which it is delivered.
Asked = Callable[[Statements], Awaitable[Mapping[str, UUID]]]
H = TypeVar("H", bound=Handler)
M = TypeVar("M", bound=Message)
EVERY_ORIGIN = frozenset({LIVE, IMPORT, REPLAY, SIMULATION})
# Milliseconds by which the clocks of two services may differ.
_APART = 60_000


class Event(Generic[M]):
    """One of several events that a handler takes at once: its message, and what travelled beside it."""

    __slots__ = ("_message", "meta", "payload")

    def __init__(self, meta: EventMeta, payload: bytes) -> None:
        self.meta, self.payload = meta, payload
        self._message: M | None = None

    @property
    def message(self) -> M:
        """Parsed when it is first asked for; whoever has no use for it does not pay for it."""
        if self._message is None:
            self._message = cast(M, message_class(self.meta.headers["ce-type"]).FromString(self.payload))
        return self._message


@dataclass(frozen=True, slots=True)
class Consumer:
    """One handler with what it listens to. `events` empty means every event of every service, or those asked for."""

    name: str
    handler: Handler
    events: tuple[type[Message], ...]
    newest_wins: bool
    origins: frozenset[str]
    # `(events, tx)`: one call for all events of a group, instead of one for each.
    takes_many: bool = False
    asked: Asked | None = None

    def takes(self, subject: str) -> bool:
        """Whether the handler listens to this subject."""
        return not self.events or any(subject_of(event) == subject for event in self.events)


def promised(asked: Mapping[str, UUID], subject: str, event_id: UUID) -> bool:
    """Whether an event was made surely after its subject was asked for."""
    made = (event_id.int >> 80) - _APART
    return any(subject.startswith(wanted[:-1]) and made > since.int >> 80 for wanted, since in asked.items())


def projection(*events: type[Message]) -> Callable[[H], H]:
    """Marks a handler that keeps what it is told: called only for a newer version of the resource, whatever the
    origin.
    """
    return _marked(events, newest_wins=True, origins=EVERY_ORIGIN)


def effect(*events: type[Message], origins: Iterable[str] = (LIVE,), asked: Asked | None = None) -> Callable[[H], H]:
    """Marks a handler that acts: called exactly once for an event of these origins. Without events it takes all, or
    with `asked` those that are asked for; what it asks for more, it tells `Dispatcher.listen`.
    """
    return _marked(events, newest_wins=False, origins=frozenset(origins), asked=asked)


def _marked(
    events: tuple[type[Message], ...], *, newest_wins: bool, origins: frozenset[str], asked: Asked | None = None
) -> Callable[[H], H]:
    def mark(handler: H) -> H:
        handler.__tercet_consumer__ = (events, newest_wins, origins, asked)  # type: ignore[attr-defined]
        return handler

    return mark


def consumers_in(module: Any, slice_name: str) -> list[Consumer]:
    """The marked handlers of a slice's `consumers.py`; refuses start-up for one that has no shape of a handler."""
    found = []
    for name, value in vars(module).items():
        mark = getattr(value, "__tercet_consumer__", None)
        if mark is not None and getattr(value, "__module__", "") == module.__name__:
            events, newest_wins, origins, asked = mark
            consumer = f"{slice_name}.{name}"
            parameters = list(inspect.signature(value).parameters)
            if parameters not in (["event", "tx"], ["events", "tx"]):
                raise ContractBroken(
                    f"{consumer} takes ({', '.join(parameters)}); it must be (event, tx) or (events, tx)"
                )
            found.append(Consumer(consumer, value, events, newest_wins, origins, parameters[0] == "events", asked))
    return found
