"""A process that prepares the rows of one import, and both ends of its pipes.

It is started anew, not forked, since it must not inherit gRPC's threads; it is told the plan, then gets chunk after
chunk and answers each. It ends with its input, so none is left when the service ends, however it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import IO, Any

import structlog

from tercet_leads.imports.collecting import uncollected
from tercet_leads.imports.preparing import Plan, Prepared, Preparer
from tercet_leads.imports.tables import Row

log = structlog.get_logger(__name__)
_LENGTH = 8
# So many rows are prepared here before whoever else calls the service has a turn.
_BREATH = 50
_PATIENCE = 5.0


class WorkerGone(Exception):
    """The process ended; what it was asked is to be done elsewhere."""


def _send(target: IO[bytes], message: Any) -> None:
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    target.write(len(body).to_bytes(_LENGTH, "big") + body)
    target.flush()


def _body(source: IO[bytes]) -> bytes:
    head = source.read(_LENGTH)
    length = int.from_bytes(head, "big")
    body = source.read(length)
    if len(head) < _LENGTH or len(body) < length:
        raise EOFError
    return body


def _receive(source: IO[bytes]) -> Any:
    return pickle.loads(_body(source))


# What rows become: a process's answer as it came, which takes a tenth of the memory until it is opened.
Packed = bytes | list[Prepared | None]


def opened(packed: Packed) -> list[Prepared | None]:
    """What each row becomes, None where it cannot be taken as it stands."""
    if isinstance(packed, bytes):
        found: list[Prepared | None] = pickle.loads(packed)
        return found
    return packed


class Worker:
    """The process as its service sees it; one chunk at a time."""

    def __init__(self, plan: Plan) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=True
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._to, self._from = self.process.stdin, self.process.stdout
        self._plan: Plan | None = plan

    def _ask(self, rows: Sequence[Row], now: datetime) -> bytes:
        try:
            if self._plan is not None:
                _send(self._to, self._plan)
                self._plan = None
            _send(self._to, (now, [(row.number, row.cells, row.problem) for row in rows]))
            return _body(self._from)
        except (OSError, EOFError, ValueError) as gone:
            raise WorkerGone from gone

    async def packed(self, rows: Sequence[Row], now: datetime) -> bytes:
        """What `Preparer.rows` would answer, to be opened. Raises `WorkerGone` when the process ended."""
        return await asyncio.to_thread(self._ask, rows, now)

    def close(self) -> None:
        """Ends the process, whatever it is at."""
        self.process.kill()
        for pipe in (self._to, self._from):
            with contextlib.suppress(OSError):
                pipe.close()
        self.process.wait(_PATIENCE)


class Preparing:
    """Prepares chunks in a process of its own, or here when there is none or it died."""

    def __init__(self, plan: Plan, *, apart: bool) -> None:
        self._plan = plan
        self._here: Preparer | None = None
        # The pipes carry one chunk at a time; the next one waits for its answer.
        self._turn = asyncio.Lock()
        self.worker = Worker(plan) if apart else None

    async def packed(self, rows: Sequence[Row], now: datetime) -> Packed:
        """What each row becomes, to be opened when it is its turn."""
        async with self._turn:
            return await self._packed(rows, now)

    async def _packed(self, rows: Sequence[Row], now: datetime) -> Packed:
        if self.worker is not None:
            try:
                return await self.worker.packed(rows, now)
            except WorkerGone as gone:
                log.warning("import.worker_gone", import_id=self._plan.import_id, cause=repr(gone.__cause__))
                self.close()
        self._here = self._here or Preparer(self._plan)
        found: list[Prepared | None] = []
        for at in range(0, len(rows), _BREATH):
            found += self._here.rows(rows[at : at + _BREATH], now)
            await asyncio.sleep(0)
        return found

    def close(self) -> None:
        """Ends the process, if there is one."""
        if self.worker is not None:
            self.worker.close()
            self.worker = None


def main() -> None:
    """The process: answers chunks until there are no more."""
    # An interrupt in a terminal reaches everybody there; it is for the service to end its imports.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not come between the answers.
    os.dup2(2, 1)
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    with contextlib.suppress(EOFError, BrokenPipeError):
        preparer = Preparer(_receive(source))
        while True:
            now, rows = _receive(source)
            with uncollected():
                _send(target, preparer.rows([Row(*row) for row in rows], now))


if __name__ == "__main__":
    main()
