"""Handlers and their shapes: what a class of RPC methods looks like, and which of unit, process, view or stream each
one is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tercet_chassis.contract import ContractBroken

UNIT, PROCESS, VIEW, STREAM, UPLOAD, LOOK = "unit", "process", "view", "stream", "upload", "look"
# Calls that arrive together share a transaction: `async def CreateLead(self, requests, tx)` answers them in order.
GROUP = "group"
_BY_NAME = {"tx": UNIT, "process": PROCESS, "calls": VIEW, "look": LOOK}


class Handlers:
    """Base of a class that holds RPC methods of the proto service with the same name.

    A method's second parameter says what it is: `tx` one transaction, `look` reads without one, `process` resumable
    steps, `calls` a view.
    A unit that sometimes must ask other services raises `InSteps` then, before it has refused anything: the process
    `<Method>InSteps(request, process)` answers, and the unit pays nothing for it otherwise.
    `(requests, tx)` answers several calls of one caller in one transaction, each with its message or its `Refusal`.
    """


def shape_of(handler: Callable[..., Any]) -> str:
    """The shape of a handler; refuses start-up for one that has none."""
    parameters = list(inspect.signature(handler).parameters)
    if parameters[1:] == ["runtime", "context"]:
        return UPLOAD
    if parameters == ["requests", "tx"]:
        return GROUP
    if len(parameters) != 2 or parameters[1] not in _BY_NAME:
        raise ContractBroken(
            f"{handler.__qualname__} takes ({', '.join(parameters)}); it must be (request, tx | process | calls | look)"
        )
    if inspect.isasyncgenfunction(handler):
        return STREAM
    return _BY_NAME[parameters[1]]
