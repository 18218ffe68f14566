"""Checks, backlog, announcements and the business clock of a service."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from tercet.chassis.v1.maintenance_service_pb2 import (
    AdvanceClockRequest,
    AnnounceResourcesRequest,
    AnnounceResourcesResponse,
    Backlog,
    CheckInvariantsRequest,
    CheckInvariantsResponse,
    ClockReading,
    GetBacklogRequest,
    ReleaseClockRequest,
)
from tercet_chassis.audit_seal import broken_seals
from tercet_chassis.calls import Calls
from tercet_chassis.context import REPLAY
from tercet_chassis.contract import message_class, resource_field
from tercet_chassis.entity import Entity
from tercet_chassis.errors import FailedPrecondition, InvalidArgument, PermissionDenied
from tercet_chassis.handlers import Handlers
from tercet_chassis.invariants import among_services, finding
from tercet_chassis.outbox import timestamp
from tercet_chassis.principal import Principal
from tercet_chassis.process import Process
from tercet_chassis.served.reconciliation import events_applied, links_fact, parties_agree, resources_kept
from tercet_chassis.tables import business_clock, dead_letters, jobs, party_links
from tercet_chassis.transaction import Running, Tx

Finding = CheckInvariantsResponse.Finding
_PAGE = 500


class EventNotAnnounced(InvalidArgument):
    """The service has no such event about a resource of its own."""

    text = "{event} is no event of {service} about one of its resources."
    field = "event"


class ClockIsReal(FailedPrecondition):
    """Business time can be moved in development only."""

    text = "Business time is real here; it can be moved in development only."


class CheckIsWhole(PermissionDenied):
    """The permission is held for part of the tenant only."""

    text = "Checks look at the whole tenant; ask an administrator for a role with chassis.check.read for all records."


class MaintenanceService(Handlers):
    """Serves tercet.chassis.v1.MaintenanceService."""

    async def CheckInvariants(self, request: CheckInvariantsRequest, calls: Calls) -> CheckInvariantsResponse:
        """What this service can see alone in one transaction, then what it must ask others about. Refuses whoever may
        check only part of the tenant.

        It looks as the service itself: whoever may check need not be allowed to read all that is compared, and is told
        no more of it than ids.
        """
        if "all" not in calls.context.principal.scopes(calls.context.permission):
            raise CheckIsWhole
        runtime = calls.runtime
        itself = Principal.system(runtime.settings.service, calls.context.tenant_id)
        calls = Calls(runtime, replace(calls.context, principal=itself))
        answer = CheckInvariantsResponse()
        async with runtime.transaction(calls.context) as tx:
            answer.findings.extend([await _seals(tx), await _dead_letters(tx), await _failed_jobs(tx)])
            answer.findings.append(await resources_kept(tx))
            answer.findings.extend([await _links(tx, entity.__tablename__) for entity in runtime.linked_entities])
            answer.findings.extend([await check(tx) for check in runtime.service.checks if not among_services(check)])
            answer.facts.update(await links_fact(tx))
        answer.findings.extend(await events_applied(calls))
        answer.findings.extend(await parties_agree(calls))
        answer.findings.extend([await check(calls) for check in runtime.service.checks if among_services(check)])
        return answer

    async def GetBacklog(self, request: GetBacklogRequest, calls: Calls) -> Backlog:
        return Backlog(**await calls.runtime.backlog())

    async def AnnounceResources(self, request: AnnounceResourcesRequest, process: Process) -> AnnounceResourcesResponse:
        """Page by page, so that no transaction and no memory holds them all."""
        event, entity = _announced(process.runtime, request.event)
        last, count = "", 0
        for page in itertools.count(1):
            told = await process.step(f"page {page}", _announce, event, entity, last)
            last, count = told["last"], count + told["count"]
            if told["count"] < _PAGE:
                break
        return AnnounceResourcesResponse(announced_count=count)

    async def AdvanceClock(self, request: AdvanceClockRequest, tx: Tx) -> ClockReading:
        if not tx.runtime.settings.development:
            raise ClockIsReal
        moment = request.to_time.ToDatetime(tzinfo=UTC)
        put_first = not tx.runtime.clock.virtual
        tx.runtime.clock.advance(moment)
        await _keep_clock(tx, moment)
        if put_first:
            # It may stand before the machine's: what runs by it must not wait for the machine's days.
            tx.after_commit(lambda: tx.runtime.arm(tx.tenant_id))
        return _reading(tx)

    async def ReleaseClock(self, request: ReleaseClockRequest, tx: Tx) -> ClockReading:
        tx.runtime.clock.release()
        await _keep_clock(tx, None)
        return _reading(tx)


async def _keep_clock(tx: Tx, moment: datetime | None) -> None:
    # A service that is started again goes on in the time it was put at.
    row = insert(business_clock).values(id=1, virtual_time=moment)
    await tx.session.execute(row.on_conflict_do_update(index_elements=["id"], set_={"virtual_time": moment}))


def _announced(runtime: Running, name: str) -> tuple[type[Message], type[Entity]]:
    service = runtime.service
    try:
        event: Any = message_class(f"{service.package}.{name}")
    except KeyError as unknown:
        raise EventNotAnnounced(event=name, service=service.name) from unknown
    held = resource_field(event)
    binding = runtime.bindings.for_message(held.message_type.full_name) if held is not None else None
    if binding is None:
        raise EventNotAnnounced(event=name, service=service.name)
    return event, binding.entity


async def _announce(tx: Tx, event: type[Message], entity: type[Entity], after: str) -> dict[str, Any]:
    query = select(entity).order_by(entity.id).limit(_PAGE)
    found = (await tx.session.scalars(query.where(entity.id > UUID(after)) if after else query)).all()
    for one in found:
        tx.emit(event, one, origin=REPLAY)
    return {"last": str(found[-1].id) if found else after, "count": len(found)}


def _reading(tx: Tx) -> ClockReading:
    clock = tx.runtime.clock
    return ClockReading(now_time=timestamp(clock.now()), virtual=clock.virtual)


async def _seals(tx: Tx) -> Finding:
    count, broken = await broken_seals(tx.runtime.database)
    return finding("audit.chain_whole", count, broken)


async def _dead_letters(tx: Tx) -> Finding:
    columns = (dead_letters.c.consumer, dead_letters.c.subject, dead_letters.c.reason)
    query = select(*columns).where(dead_letters.c.tenant_id == tx.tenant_id, dead_letters.c.state == "OPEN")
    rows = (await tx.session.execute(query)).all()
    told = [f"{row.consumer}: {row.subject} {row.reason}" for row in rows]
    return finding("events.no_dead_letters", len(rows), told)


async def _failed_jobs(tx: Tx) -> Finding:
    query = select(jobs.c.name, jobs.c.error).where(jobs.c.tenant_id == tx.tenant_id, jobs.c.state == "FAILED")
    failed = (await tx.session.execute(query.order_by(jobs.c.id.desc()))).all()
    return finding("jobs.none_given_up", len(failed), [f"{row.name}: {row.error}" for row in failed])


async def _links(tx: Tx, table: str) -> Finding:
    query = text(
        f"SELECT count(*) AS checked, count(*) FILTER (WHERE t.party_id <> l.party_id) AS broken FROM {table} t "
        f"JOIN {party_links.name} l ON l.tenant_id = t.tenant_id AND l.identity_id = t.identity_id"
    )
    row = (await tx.session.execute(query)).one()
    return Finding(
        invariant=f"parties.{table}_agree",
        holds=row.broken == 0,
        checked_count=row.checked,
        broken_count=row.broken,
        examples=[f"{row.broken} rows of {table} missed a move"] if row.broken else [],
    )
