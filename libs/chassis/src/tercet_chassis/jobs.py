"""Work that runs later or by the clock. Due in business time, leased in machine time; the row goes in the transaction
of its effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis import telemetry
from tercet_chassis.context import Context
from tercet_chassis.errors import Refusal
from tercet_chassis.faults import again_after_races
from tercet_chassis.ids import derived_id
from tercet_chassis.principal import Principal
from tercet_chassis.tables import jobs, tenants
from tercet_chassis.transaction import Running
from tercet_chassis.waiting import patrol

log = structlog.get_logger(__name__)

JobFunction = Callable[..., Awaitable[None]]
J = TypeVar("J", bound=JobFunction)
BATCH = 20
AT_ONCE = 3
# At least so often it is looked for what somebody else put on the list, and at most so often for what is to come.
POLL, _SHORTEST = 5.0, 0.05
LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 12

_CLAIM = text(
    "UPDATE jobs SET lease_time = clock_timestamp() + :lease, attempts = attempts + 1 WHERE id IN ("
    " SELECT id FROM jobs WHERE state = 'WAITING' AND due_time <= :now"
    " AND (lease_time IS NULL OR lease_time < clock_timestamp())"
    " AND (retry_time IS NULL OR retry_time <= clock_timestamp())"
    " ORDER BY due_time LIMIT :batch FOR UPDATE SKIP LOCKED"
    ") RETURNING id, tenant_id, name, key, due_time, attempts"
)
# How long until the next one is due, or may be tried again.
_NEXT = text(
    "SELECT LEAST((SELECT min(due_time) FROM jobs WHERE state = 'WAITING' AND due_time > :now) - :now,"
    " (SELECT min(GREATEST(lease_time, retry_time)) FROM jobs WHERE state = 'WAITING' AND due_time <= :now)"
    " - clock_timestamp())"
)


@dataclass(frozen=True, slots=True)
class Job:
    """A function that jobs run. `period` is set for what runs by the clock, once a tenant."""

    name: str
    function: JobFunction
    period: timedelta | None


def job(function: J) -> J:
    """Marks `async def f(tx, **arguments)` as something that `tx.schedule` may run later."""
    function.__tercet_job__ = None  # type: ignore[attr-defined]
    return function


def every(**period: float) -> Callable[[J], J]:
    """Marks `async def f(tx)` to run once a tenant and period, such as `@every(minutes=5)`."""

    def mark(function: J) -> J:
        function.__tercet_job__ = timedelta(**period)  # type: ignore[attr-defined]
        return function

    return mark


def jobs_in(module: Any, slice_name: str) -> list[Job]:
    """The marked functions of a slice's `jobs.py`."""
    return [
        Job(f"{slice_name}.{name}", value, value.__tercet_job__)
        for name, value in vars(module).items()
        if hasattr(value, "__tercet_job__") and value.__module__ == module.__name__
    ]


class JobRunner:
    """Claims due jobs and runs each as a unit of its own; back-off on faults, a visible end after twelve attempts."""

    def __init__(self, runtime: Running, known: Mapping[str, Job]) -> None:
        self._runtime, self._known = runtime, known
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """A job may be due."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        await patrol("jobs", self._round, self._wake)

    async def _round(self) -> float:
        if await self.run_due() == BATCH:
            return 0.0
        async with self._runtime.database.connection() as connection:
            wait = (await connection.execute(_NEXT, {"now": self._runtime.clock.now()})).scalar()
        return POLL if wait is None else min(POLL, max(_SHORTEST, wait.total_seconds()))

    async def run_due(self) -> int:
        """Runs one batch of due jobs; gives how many were claimed."""
        async with self._runtime.database.connection() as connection:
            claimed = (
                await connection.execute(_CLAIM, {"lease": LEASE, "now": self._runtime.clock.now(), "batch": BATCH})
            ).all()
        slots = asyncio.Semaphore(AT_ONCE)

        async def run(row: Any) -> None:
            async with slots:
                await self._run(row)

        await asyncio.gather(*(run(row) for row in claimed))
        return len(claimed)

    async def _run(self, row: Any) -> None:
        known = self._known.get(row.name)
        if known is None:
            # A newer version may have scheduled it, and will run it.
            await self._failed(row, f"there is no job {row.name} in this version", final=False)
            return
        principal = Principal.system(self._runtime.settings.service, row.tenant_id)
        context = Context(principal=principal, method=f"job:{row.name}", request_id=str(row.id))
        with telemetry.job_span(row.name) as span:
            try:
                await again_after_races(lambda: self._unit(known, row, context))
            except Refusal as refusal:
                given_up = not refusal.passing or row.attempts >= MOST_ATTEMPTS
                error = f"{refusal.reason}: {refusal.message}"
                await self._failed(row, error, final=known.period is None and given_up)
            except Exception as fault:
                telemetry.trace_id(span)
                log.exception("job.failed", job=row.name, attempt=row.attempts)
                given_up = row.attempts >= MOST_ATTEMPTS
                await self._failed(row, repr(fault)[:2000], final=known.period is None and given_up)

    async def _unit(self, known: Job, row: Any, context: Context) -> None:
        async with self._runtime.transaction(context) as tx:
            # The lock lasts as long as the job, however long that is; who comes late finds another number or time.
            mine = (jobs.c.id == row.id) & (jobs.c.attempts == row.attempts) & (jobs.c.due_time == row.due_time)
            found = (await tx.session.execute(select(jobs.c.arguments).where(mine).with_for_update())).first()
            if found is None:
                return
            # First the row, so that a handler may schedule the same key anew.
            if known.period is None:
                await tx.session.execute(delete(jobs).where(jobs.c.id == row.id))
            else:
                following = _next(row.due_time, known.period, tx.now())
                await tx.session.execute(update(jobs).where(jobs.c.id == row.id).values(**following))
            await known.function(tx, **found.arguments)

    async def _failed(self, row: Any, error: str, *, final: bool) -> None:
        delay = timedelta(seconds=min(3600, 2 ** min(row.attempts, 12)))
        values: dict[str, Any] = {"error": error, "lease_time": None, "retry_time": func.clock_timestamp() + delay}
        if final:
            values["state"] = "FAILED"
            # The reason or the kind of fault; the words behind it may name somebody.
            log.error("job.given_up", job=row.name, cause=error.partition(":")[0].partition("(")[0])
        async with self._runtime.database.connection() as connection:
            mine = (jobs.c.id == row.id) & (jobs.c.attempts == row.attempts)
            await connection.execute(update(jobs).where(mine).values(**values))

    async def arm(self, tenant_id: UUID | None = None) -> None:
        """Puts what runs by the clock on the list of one tenant, or of all known ones; what lies further ahead than its
        period, as when the clock was put back, comes after one.
        """
        async with self._runtime.database.connection() as connection:
            if tenant_id is None:
                found = [row.id for row in (await connection.execute(select(tenants.c.id))).all()]
            else:
                found = [tenant_id]
            now = self._runtime.clock.now()
            rows = [
                {
                    "id": derived_id(tenant, known.name),
                    "tenant_id": tenant,
                    "name": known.name,
                    "key": "every",
                    "arguments": {},
                    "due_time": now + known.period,
                }
                for tenant in found
                for known in self._known.values()
                if known.period is not None
            ]
            if rows:
                fresh = insert(jobs).values(rows)
                sooner = fresh.on_conflict_do_update(
                    constraint="jobs_once",
                    set_={"due_time": fresh.excluded.due_time},
                    where=jobs.c.due_time > fresh.excluded.due_time,
                )
                await connection.execute(sooner)


def _next(due: datetime, period: timedelta, now: datetime) -> dict[str, Any]:
    following = due + period
    if following <= now:
        # What was missed while nothing ran is made up for once, not once a period.
        following = now + period
    return {"due_time": following, "attempts": 0, "retry_time": None, "lease_time": None, "error": None}
