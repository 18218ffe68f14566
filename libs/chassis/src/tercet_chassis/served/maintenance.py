"""Checks, backlog, announcements and the business clock of a service."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select, text
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
from tercet_chassis.context import REPLAY
from tercet_chassis.contract import message_class, resource_field
from tercet_chassis.errors import FailedPrecondition, InvalidArgument
from tercet_chassis.handlers import Handlers
from tercet_chassis.outbox import timestamp
from tercet_chassis.tables import business_clock, dead_letters, party_links
from tercet_chassis.transaction import Tx

Finding = CheckInvariantsResponse.Finding


class EventNotAnnounced(InvalidArgument):
    """The service has no such event about a resource of its own."""

    text = "{event} is no event of {service} about one of its resources."
    field = "event"


class ClockIsReal(FailedPrecondition):
    """Business time can be moved in development only."""

    text = "Business time is real here; it can be moved in development only."


class MaintenanceService(Handlers):
    """Serves tercet.chassis.v1.MaintenanceService."""

    async def CheckInvariants(self, request: CheckInvariantsRequest, tx: Tx) -> CheckInvariantsResponse:
        findings = [
            await _seals(tx),
            await _dead_letters(tx),
            *[await _links(tx, entity.__tablename__) for entity in tx.runtime.linked_entities],
        ]
        answer = CheckInvariantsResponse()
        for check in tx.runtime.service.checks:
            findings.append(await check(tx))
        answer.findings.extend(findings)
        return answer

    async def GetBacklog(self, request: GetBacklogRequest, tx: Tx) -> Backlog:
        return Backlog(**await tx.runtime.backlog())

    async def AnnounceResources(self, request: AnnounceResourcesRequest, tx: Tx) -> AnnounceResourcesResponse:
        service = tx.runtime.service
        try:
            event = message_class(f"{service.package}.{request.event}")
        except KeyError as unknown:
            raise EventNotAnnounced(event=request.event, service=service.name) from unknown
        held = resource_field(event)
        binding = tx.runtime.bindings.for_message(held.message_type.full_name) if held is not None else None
        if binding is None:
            raise EventNotAnnounced(event=request.event, service=service.name)
        count = 0
        for entity in await tx.session.scalars(select(binding.entity)):
            tx.emit(event, entity, origin=REPLAY)
            count += 1
        return AnnounceResourcesResponse(announced_count=count)

    async def AdvanceClock(self, request: AdvanceClockRequest, tx: Tx) -> ClockReading:
        if not tx.runtime.settings.development:
            raise ClockIsReal
        moment = request.to_time.ToDatetime(tzinfo=UTC)
        tx.runtime.clock.advance(moment)
        await _keep_clock(tx, moment)
        tx.runtime.wake_jobs()
        return _reading(tx)

    async def ReleaseClock(self, request: ReleaseClockRequest, tx: Tx) -> ClockReading:
        tx.runtime.clock.release()
        await _keep_clock(tx, None)
        return _reading(tx)


async def _keep_clock(tx: Tx, moment: datetime | None) -> None:
    # A service that is started again goes on in the time it was put at.
    row = insert(business_clock).values(id=1, virtual_time=moment)
    await tx.session.execute(row.on_conflict_do_update(index_elements=["id"], set_={"virtual_time": moment}))


def _reading(tx: Tx) -> ClockReading:
    clock = tx.runtime.clock
    return ClockReading(now_time=timestamp(clock.now()), virtual=clock.virtual)


async def _seals(tx: Tx) -> Finding:
    count, broken = await broken_seals(await tx.session.connection())
    return Finding(
        invariant="audit.chain_whole",
        holds=not broken,
        checked_count=count,
        broken_count=len(broken),
        examples=broken[:5],
    )


async def _dead_letters(tx: Tx) -> Finding:
    query = (
        select(func.count())
        .select_from(dead_letters)
        .where(dead_letters.c.tenant_id == tx.tenant_id, dead_letters.c.state == "OPEN")
    )
    count = int((await tx.session.execute(query)).scalar_one())
    return Finding(invariant="events.no_dead_letters", holds=count == 0, checked_count=count, broken_count=count)


async def _links(tx: Tx, table: str) -> Finding:
    query = text(
        f"SELECT count(*) AS checked, count(*) FILTER (WHERE t.party_id <> l.party_id) AS broken FROM {table} t "
        f"JOIN {party_links.name} l ON l.tenant_id = t.tenant_id AND l.identity_id = t.identity_id"
    )
    row = (await tx.session.execute(query)).one()
    return Finding(
        invariant=f"parties.{table}_agree", holds=row.broken == 0, checked_count=row.checked, broken_count=row.broken
    )
