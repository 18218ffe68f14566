"""Saved views, and the pages that gather from every service with the caller's own rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from google.protobuf.empty_pb2 import Empty

from tercet.gateway.v1 import party_view_service_pb2 as pb
from tercet.gateway.v1.saved_view_service_pb2 import (
    CreateSavedViewRequest,
    DeleteSavedViewRequest,
    GetSavedViewRequest,
    ListSavedViewsRequest,
    ListSavedViewsResponse,
    UpdateSavedViewRequest,
)
from tercet_chassis import Calls, Handlers, Parts, Tx
from tercet_chassis.calls import remote_methods
from tercet_chassis.errors import ResourceNotFound
from tercet_gateway.views import store
from tercet_gateway.views.collections import check_view
from tercet_gateway.views.errors import TimelineKindUnknown
from tercet_gateway.views.model import SavedView
from tercet_gateway.views.timeline import SOURCES, Page, Position, Source, moment_of, woven

# A part that is slower than this is missing; the others are not held up by it.
_PATIENCE = 3.0
_PART_SIZE, _PAGE_SIZE = 10, 30
_LONGEST_TITLE = 200
_PARTS = {
    "leads": ("leads", "ListLeads"),
    "touches": ("leads", "ListTouches"),
    "customers": ("sales", "ListCustomers"),
    "opportunities": ("sales", "ListOpportunities"),
    "orders": ("sales", "ListOrders"),
    "values": ("sales", "ListCustomerValues"),
    "activities": ("sales", "ListActivities"),
    "promises": ("sales", "ListPromises"),
    "tickets": ("service-desk", "ListTickets"),
    "sends": ("marketing", "ListSends"),
    "received_messages": ("marketing", "ListReceivedMessages"),
    "grants": ("marketing", "ListGrants"),
    "memberships": ("marketing", "ListMemberships"),
    "strategy_decisions": ("marketing", "ListStrategyDecisions"),
}
_SINGLE = {"party": ("leads", "GetParty", "id"), "profile": ("marketing", "GetPartyProfile", "party_id")}


class SavedViewService(Handlers):
    """Serves tercet.gateway.v1.SavedViewService."""

    async def CreateSavedView(self, request: CreateSavedViewRequest, tx: Tx) -> SavedView:
        """Saves a view as the caller's. Refuses what does not fit its collection, and a name used before."""
        view = await tx.create(SavedView, request.saved_view)
        view.owner_id, view.unit_id = tx.principal.user_id, tx.principal.unit_id
        await tx.flush()
        check_view(view)
        return view

    async def GetSavedView(self, request: GetSavedViewRequest, tx: Tx) -> SavedView:
        """A view that the caller sees. Refuses all others as not found."""
        view = await tx.get(SavedView, request.id)
        if not view.is_seen_by(tx.principal.user_id, tx.principal.unit_ids):
            raise ResourceNotFound(type="SavedView", id=request.id)
        return view

    async def ListSavedViews(self, request: ListSavedViewsRequest, tx: Tx) -> ListSavedViewsResponse:
        """The views that the caller sees."""
        page = await tx.page(SavedView, request, where=store.seen_by(tx.principal), response=ListSavedViewsResponse)
        return cast(ListSavedViewsResponse, page)

    async def UpdateSavedView(self, request: UpdateSavedViewRequest, tx: Tx) -> SavedView:
        """Changes an own view. Refuses others' as not found, and what does not fit its collection."""
        view = await self._own(tx, request.saved_view.id, request.saved_view.etag)
        await tx.patch(view, request.saved_view, request.update_mask)
        check_view(view)
        return view

    async def DeleteSavedView(self, request: DeleteSavedViewRequest, tx: Tx) -> Empty:
        """Removes an own view. Refuses others' as not found."""
        await tx.delete(await self._own(tx, request.id, request.etag))
        return Empty()

    async def _own(self, tx: Tx, id: str, etag: str) -> SavedView:
        view = await tx.get(SavedView, id, etag=etag)
        if view.owner_id != tx.principal.user_id:
            raise ResourceNotFound(type="SavedView", id=id)
        return view


class PartyViewService(Handlers):
    """Serves tercet.gateway.v1.PartyViewService."""

    async def GetPartyOverview(self, request: pb.GetPartyOverviewRequest, calls: Calls) -> pb.PartyOverview:
        """Everything about a party; what is missing is named, nothing is refused for it."""
        asked: dict[str, Any] = {}
        for name, (service, rpc) in _PARTS.items():
            asked[name] = _call(
                calls,
                service,
                rpc,
                page_size=request.part_size or _PART_SIZE,
                filter=f'party_id = "{request.party_id}"',
            )
        for name, (service, rpc, key) in _SINGLE.items():
            asked[name] = _call(calls, service, rpc, **{key: request.party_id})
        parts = await calls.gather(asked)
        overview = pb.PartyOverview(party_id=request.party_id)
        overview.gather_time.FromDatetime(datetime.now(UTC))
        for name, answer in parts.answers.items():
            if name in _SINGLE:
                getattr(overview, name).CopyFrom(answer)
            else:
                getattr(overview, name).extend(_rows(answer))
        services = {name: part[0] for name, part in (*_PARTS.items(), *_SINGLE.items())}
        overview.missing.extend(_missing(parts, services))
        return overview

    async def ListPartyTimeline(
        self, request: pb.ListPartyTimelineRequest, calls: Calls
    ) -> pb.ListPartyTimelineResponse:
        """What happened with a party, woven from all lists. Refuses unknown kinds and page tokens of another party."""
        known = {source.kind: source for source in SOURCES}
        for kind in request.kinds:
            if kind not in known:
                raise TimelineKindUnknown(kind=kind, known=", ".join(known))
        if request.page_token:
            position = Position.read(request.page_token, request.party_id)
        else:
            position = _first(request, request.kinds or list(known), known)
        size = request.page_size or _PAGE_SIZE
        parts = await calls.gather({kind: _happenings(calls, known[kind], position, size) for kind in position.places})
        pages = {kind: Page(_rows(answer), answer.next_page_token) for kind, answer in parts.answers.items()}
        items, after = woven(position, pages, size)
        response = pb.ListPartyTimelineResponse(items=[_item(source, row) for source, row in items])
        # When nothing is left but what cannot be had, there is no next page to promise.
        if any(not after.places[kind].ended for kind in pages):
            response.next_page_token = after.token()
        response.missing.extend(_missing(parts, {kind: source.service for kind, source in known.items()}))
        return response


def _first(request: pb.ListPartyTimelineRequest, kinds: Sequence[str], known: Mapping[str, Source]) -> Position:
    services = set(request.services) or {source.service for source in SOURCES}
    until = datetime.now(UTC)
    if request.HasField("to_time"):
        until = min(until, request.to_time.ToDatetime(tzinfo=UTC))
    since = request.from_time.ToDatetime(tzinfo=UTC) if request.HasField("from_time") else None
    return Position.begin(request.party_id, until, [kind for kind in kinds if known[kind].service in services], since)


async def _call(calls: Calls, service: str, rpc: str, **fields: Any) -> Any:
    return await calls(service, rpc, remote_methods(service)[rpc].request(**fields), timeout=_PATIENCE)


async def _happenings(calls: Calls, source: Source, position: Position, size: int) -> Any:
    place = position.places[source.kind]
    return await _call(
        calls,
        source.service,
        source.rpc,
        # Rows of the page that were shown before are fetched again: a page keeps the size that its token was made for.
        page_size=size,
        page_token=place.token,
        **source.asked(position.party_id, position.since, position.start),
    )


def _rows(answer: Any) -> list[Any]:
    field = next(field for field in answer.DESCRIPTOR.fields if field.message_type is not None and field.is_repeated)
    return list(getattr(answer, field.name))


def _missing(parts: Parts, services: Mapping[str, str]) -> list[pb.MissingPart]:
    return [pb.MissingPart(part=name, service=services[name], reason=reason) for name, reason in parts.missing.items()]


def _item(source: Source, row: Any) -> pb.TimelineItem:
    titles = (getattr(row, name) for name in source.titles)
    item = pb.TimelineItem(kind=source.kind, title=next(filter(None, titles), "")[:_LONGEST_TITLE])
    item.occur_time.FromDatetime(moment_of(source, row))
    item.resource.service, item.resource.type, item.resource.id = source.service, source.resource, row.id
    fields = row.DESCRIPTOR.fields_by_name
    if source.state in fields:
        item.state = fields[source.state].enum_type.values_by_number[getattr(row, source.state)].name
    for name in ("owner_id", "unit_id"):
        if name in fields:
            setattr(item, name, getattr(row, name))
    if source.amount and row.HasField(source.amount):
        item.amount.CopyFrom(getattr(row, source.amount))
    return item
