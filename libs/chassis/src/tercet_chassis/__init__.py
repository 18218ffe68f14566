"""What every service of Tercet stands on. A slice imports from here, from `.entity`, `.errors`, `.money` and
`.migrations`, and no transport.

Names are imported when they are first asked for: a process that only prepares rows needs `.search` and no server.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import tercet_chassis.lean  # noqa: F401

if TYPE_CHECKING:
    from tercet_chassis.calls import Calls, Parts
    from tercet_chassis.consumers import Event, effect, projection
    from tercet_chassis.errors import InSteps, NotYet, Refusal
    from tercet_chassis.handlers import Handlers
    from tercet_chassis.ids import derived_id, new_id
    from tercet_chassis.invariants import invariant
    from tercet_chassis.jobs import every, job
    from tercet_chassis.main import run
    from tercet_chassis.money import Money
    from tercet_chassis.outside import Outside
    from tercet_chassis.process import Process
    from tercet_chassis.reading import Look
    from tercet_chassis.service import Service
    from tercet_chassis.transaction import Tx

__all__ = [
    "Calls",
    "Event",
    "Handlers",
    "InSteps",
    "Look",
    "Money",
    "NotYet",
    "Outside",
    "Parts",
    "Process",
    "Refusal",
    "Service",
    "Tx",
    "derived_id",
    "effect",
    "every",
    "invariant",
    "job",
    "new_id",
    "projection",
    "run",
]
_HOMES = {
    "calls": ("Calls", "Parts"),
    "consumers": ("Event", "effect", "projection"),
    "errors": ("InSteps", "NotYet", "Refusal"),
    "handlers": ("Handlers",),
    "ids": ("derived_id", "new_id"),
    "invariants": ("invariant",),
    "jobs": ("every", "job"),
    "main": ("run",),
    "money": ("Money",),
    "outside": ("Outside",),
    "process": ("Process",),
    "reading": ("Look",),
    "service": ("Service",),
    "transaction": ("Tx",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value
