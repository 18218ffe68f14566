"""What every service of Tercet stands on. A slice imports from here, from `.entity`, `.errors`, `.money` and
`.migrations`, and no transport.
"""

import tercet_chassis.lean  # noqa: F401
from tercet_chassis.calls import Calls, Parts
from tercet_chassis.consumers import Event, effect, projection
from tercet_chassis.errors import NotYet, Refusal
from tercet_chassis.handlers import Handlers
from tercet_chassis.ids import derived_id, new_id
from tercet_chassis.jobs import every, job
from tercet_chassis.main import run
from tercet_chassis.money import Money
from tercet_chassis.process import Process
from tercet_chassis.service import Service, invariant
from tercet_chassis.transaction import Tx

__all__ = [
    "Calls",
    "Event",
    "Handlers",
    "Money",
    "NotYet",
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
