"""Do services agree? Outbox against inboxes and marks, rows against what was told of them, copies of who is who."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.chassis.v1.reconciliation_service_pb2 import ListRecordedEventsRequest, ListRecordedEventsResponse
from tercet_chassis.calls import Calls
from tercet_chassis.channels import ServiceUnavailable
from tercet_chassis.consumers import Consumer, promised
from tercet_chassis.contract import events_of, has_message, message_class, resource_field, subject_of
from tercet_chassis.database import NOBODY
from tercet_chassis.entity import Entity
from tercet_chassis.handlers import Handlers
from tercet_chassis.tables import outbox, party_links
from tercet_chassis.transaction import Running, Tx

Finding = CheckInvariantsResponse.Finding
_PAGE = 5000
_EXAMPLES = 5
_PAIRS = 4000
# All that is on its way when the check begins gets this long to arrive.
_PATIENCE = 3.0
_PAUSE = 0.25

_DEAD = "EXISTS (SELECT 1 FROM dead_letters d WHERE d.consumer = :consumer AND d.event_id = e.id)"
_UNHANDLED = text(
    "SELECT e.id FROM unnest(CAST(:ids AS uuid[])) AS e(id) WHERE NOT EXISTS "
    f"(SELECT 1 FROM inbox i WHERE i.consumer = :consumer AND i.event_id = e.id) AND NOT {_DEAD}"
)
_UNSEEN = text(
    "SELECT e.id FROM unnest(CAST(:ids AS uuid[]), CAST(:resources AS uuid[]), CAST(:versions AS bigint[])) "
    "AS e(id, resource, version) WHERE NOT EXISTS (SELECT 1 FROM projection_marks m WHERE m.consumer = :consumer "
    f"AND m.tenant_id = :tenant AND m.resource_id = e.resource AND m.version >= e.version) AND NOT {_DEAD}"
)
_LOST = (
    "SELECT told.resource_id FROM (SELECT resource_id, max(version) AS version FROM outbox "
    "WHERE tenant_id = :tenant AND subject = ANY(CAST(:subjects AS text[])) GROUP BY resource_id) AS told "
    "LEFT JOIN {table} t ON t.id = told.resource_id WHERE (t.id IS NULL OR t.row_version < told.version) "
    "AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.tenant_id = :tenant AND o.resource_id = told.resource_id "
    "AND o.subject LIKE '%.deleted.v_')"
)


class ReconciliationService(Handlers):
    """Serves tercet.chassis.v1.ReconciliationService."""

    async def ListRecordedEvents(self, request: ListRecordedEventsRequest, tx: Tx) -> ListRecordedEventsResponse:
        size = request.page_size or _PAGE
        columns = (outbox.c.id, outbox.c.event_id, outbox.c.resource_id, outbox.c.version, outbox.c.subject)
        query = (
            select(*columns, outbox.c.headers["tercet-origin"].astext.label("origin"))
            .where(outbox.c.tenant_id == tx.tenant_id, outbox.c.id > int(request.page_token or 0))
            .order_by(outbox.c.id)
            .limit(size)
        )
        if request.subjects:
            query = query.where(outbox.c.subject.in_(list(request.subjects)))
        rows = (await tx.session.execute(query)).all()
        answer = ListRecordedEventsResponse(next_page_token=str(rows[-1].id) if len(rows) == size else "")
        for row in rows:
            answer.events.add(
                id=row.event_id.bytes,
                resource_id=row.resource_id.bytes,
                version=row.version,
                subject=row.subject,
                origin=row.origin,
            )
        return answer


async def events_applied(calls: Calls) -> list[Finding]:
    """Each event took effect in each of this service's consumers: effects by their inbox, projections by their mark."""
    runtime = calls.runtime
    findings = []
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    async with runtime.database.begun(NOBODY) as statements:
        asked = {one.name: await one.asked(statements) for one in runtime.service.consumers if one.asked}
    for source in runtime.dispatcher.sources:
        finding = Finding(invariant=f"events.of_{source}_applied", holds=True)
        try:
            async for events in _recorded(calls, source):
                for consumer in runtime.service.consumers:
                    wanted = [
                        event
                        for event in events
                        if event.origin in consumer.origins
                        and consumer.takes(event.subject)
                        and (
                            consumer.asked is None
                            or promised(asked[consumer.name], event.subject, UUID(bytes=event.id))
                        )
                    ]
                    finding.checked_count += len(wanted)
                    missing = await _missing(calls, consumer, wanted, deadline)
                    finding.broken_count += len(missing)
                    room = _EXAMPLES - len(finding.examples)
                    finding.examples.extend(f"{consumer.name}: {e.subject} {UUID(bytes=e.id)}" for e in missing[:room])
        except ServiceUnavailable as silent:
            finding.broken_count += 1
            finding.examples.append(silent.message)
        finding.holds = not finding.broken_count
        findings.append(finding)
    return findings


async def _recorded(calls: Calls, source: str) -> Any:
    subjects = calls.runtime.dispatcher.subjects_of(source)
    request = ListRecordedEventsRequest(page_size=_PAGE, subjects=subjects)
    while True:
        page = await calls(source, "ListRecordedEvents", request, timeout=30)
        if page.events:
            yield page.events
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


async def _missing(calls: Calls, consumer: Consumer, events: Sequence[Any], deadline: float) -> list[Any]:
    """The events that left no trace in the consumer, after some patience with those on their way."""
    while events:
        async with calls.runtime.database.connection() as connection:
            values: dict[str, Any] = {"consumer": consumer.name, "ids": [UUID(bytes=event.id) for event in events]}
            if consumer.newest_wins:
                values["tenant"] = calls.context.tenant_id
                values["resources"] = [UUID(bytes=event.resource_id) for event in events]
                values["versions"] = [event.version for event in events]
            found = await connection.execute(_UNSEEN if consumer.newest_wins else _UNHANDLED, values)
            absent = set(found.scalars())
        events = [event for event in events if UUID(bytes=event.id) in absent]
        if not events or asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(_PAUSE)
    return list(events)


async def resources_kept(tx: Tx) -> Finding:
    """Every resource that was told of is there, as new as it was told, unless it was deleted."""
    finding = Finding(invariant="resources.kept", holds=True)
    for entity, subjects in _told(tx.runtime):
        values = {"tenant": tx.tenant_id, "subjects": subjects}
        lost = (await tx.session.execute(text(_LOST.format(table=entity.__tablename__)), values)).scalars().all()
        count = select(func.count(outbox.c.resource_id.distinct()))
        told = count.where(outbox.c.tenant_id == tx.tenant_id, outbox.c.subject.in_(subjects))
        finding.checked_count += int((await tx.session.execute(told)).scalar_one())
        finding.broken_count += len(lost)
        finding.examples.extend(f"{entity.__tablename__} {id}" for id in lost[: _EXAMPLES - len(finding.examples)])
    finding.holds = not finding.broken_count
    return finding


def _told(runtime: Running) -> Iterable[tuple[type[Entity], list[str]]]:
    """The entities that events tell of, each with the subjects of those events."""
    found: dict[type[Entity], list[str]] = {}
    for event in events_of(runtime.service.package):
        held = resource_field(event)
        binding = runtime.bindings.for_message(held.message_type.full_name) if held is not None else None
        if binding is not None:
            found.setdefault(binding.entity, []).append(subject_of(event))
    return found.items()


async def links_fact(tx: Tx) -> dict[str, str]:
    """Every service was told the same moves of identities between parties."""
    pair = func.hashtextextended(func.concat(party_links.c.identity_id, party_links.c.party_id), 0)
    query = select(func.count(), func.coalesce(func.sum(pair), 0)).where(party_links.c.tenant_id == tx.tenant_id)
    count, digest = (await tx.session.execute(query)).one()
    return {"parties.moved_identities": f"{count} ({digest})"}


# The one service that decides who is who, and how it is asked.
_IDENTITY_SERVICE = "leads"
_LINKS_REQUEST = "tercet.leads.v1.ListPartyLinksRequest"


async def parties_agree(calls: Calls) -> list[Finding]:
    """Every row about somebody names the party that its identity is held to be."""
    runtime = calls.runtime
    if runtime.service.name == _IDENTITY_SERVICE or not runtime.linked_entities or not has_message(_LINKS_REQUEST):
        return []
    finding = Finding(invariant="parties.agree_with_identity", holds=True)
    ask: Any = message_class(_LINKS_REQUEST)
    after = UUID(int=0)
    try:
        while pairs := await _pairs(calls, after):
            after = pairs[-1][0]
            request = ask(identity_ids=sorted({str(identity) for identity, _ in pairs}))
            answer = await calls(_IDENTITY_SERVICE, "ListPartyLinks", request, timeout=30)
            held = {link.identity_id: link.party_id for link in answer.links}
            # What identity does not know yet is its own party, as whoever met it decided.
            wrong = [(i, p) for i, p in pairs if held.get(str(i), str(p)) != str(p)]
            finding.checked_count += len(pairs)
            finding.broken_count += len(wrong)
            room = _EXAMPLES - len(finding.examples)
            finding.examples.extend(f"identity {i}: {p} here, {held[str(i)]} there" for i, p in wrong[:room])
    except ServiceUnavailable as silent:
        finding.broken_count += 1
        finding.examples.append(silent.message)
    finding.holds = not finding.broken_count
    return [finding]


async def _pairs(calls: Calls, after: UUID) -> list[tuple[UUID, UUID]]:
    """The next pairs of identity and party in this service's tables; an identity's pairs are never torn apart."""
    tables = " UNION ".join(
        f"(SELECT DISTINCT identity_id, party_id FROM {entity.__tablename__} WHERE identity_id > :after "
        "ORDER BY identity_id LIMIT :most)"
        for entity in calls.runtime.linked_entities
    )
    query = text(f"SELECT identity_id, party_id FROM ({tables}) AS pairs ORDER BY identity_id LIMIT :most")
    async with calls.runtime.transaction(calls.context) as tx:
        rows = (await tx.session.execute(query, {"after": after, "most": _PAIRS})).all()
    pairs = [(row.identity_id, row.party_id) for row in rows]
    if len(pairs) < _PAIRS:
        return pairs
    return [pair for pair in pairs if pair[0] != pairs[-1][0]]
