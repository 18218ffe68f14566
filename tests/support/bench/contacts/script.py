"""What tests tell the handlers to do, by the name of a step or the text of a record."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass
class Script:
    """Gates that hold a handler, failures it meets, and what it did."""

    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    failures: dict[str, BaseException] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    reached: dict[str, asyncio.Event] = field(default_factory=dict)

    async def at(self, name: str) -> None:
        """Notes that the handler is here, waits at a closed gate, and fails when a failure is laid there."""
        self.calls.append(name)
        self.reached.setdefault(name, asyncio.Event()).set()
        if name in self.gates:
            await self.gates[name].wait()
        if name in self.failures:
            raise self.failures[name]

    def close(self, name: str) -> asyncio.Event:
        """Closes a gate; the test opens it by `set()`."""
        gate = self.gates[name] = asyncio.Event()
        self.reached[name] = asyncio.Event()
        return gate

    def clear(self) -> None:
        """Forgets everything."""
        for gate in self.gates.values():
            gate.set()
        self.gates.clear()
        self.failures.clear()
        self.calls.clear()
        self.reached.clear()


SCRIPT = Script()
