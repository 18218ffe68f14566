"""Business time of all services together: put forward in steps, each only when nothing waits any more."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from tercet_local.demo.people import Person

SERVICES = ("leads", "sales", "marketing", "service-desk", "gateway")
_LONGEST_WAIT = 600.0


async def advance(admin: Person, to: datetime) -> None:
    """Puts every service's business time at `to` once all are idle."""
    await idle(admin)
    for service in SERVICES:
        await admin.post(f"/v1/{service}/clock:advance", {"to_time": to.isoformat()})


async def release(admin: Person) -> None:
    """Lets business time run with the machine's again."""
    await idle(admin)
    for service in SERVICES:
        await admin.post(f"/v1/{service}/clock:release", {})


async def idle(admin: Person) -> None:
    """Waits until no service has an unpublished event, an unhandled one, a due job or a running process; twice, for
    each other's sake.
    """
    deadline = time.monotonic() + _LONGEST_WAIT
    calm = 0
    while calm < 2:
        if time.monotonic() > deadline:
            raise TimeoutError("the services do not come to rest; `tercet status` and the logs tell what they do")
        backlogs = await asyncio.gather(*(admin.get(f"/v1/{service}/backlog") for service in SERVICES))
        calm = 0 if any(value for backlog in backlogs for value in backlog.values()) else calm + 1
        if not calm:
            await asyncio.sleep(0.1)
