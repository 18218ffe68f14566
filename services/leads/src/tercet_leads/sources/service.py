"""The source tree's own methods: whatever touches the tree's shape."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from tercet.leads.v1 import events_pb2 as events
from tercet.leads.v1.source_service_pb2 import (
    CreateSourceRequest,
    DeleteSourceRequest,
    ListUnknownSourcesRequest,
    ListUnknownSourcesResponse,
    UpdateSourceRequest,
)
from tercet_chassis import Handlers, Tx
from tercet_leads.sources import store
from tercet_leads.sources.model import Source
from tercet_leads.sources.rules import moved


class SourceService(Handlers):
    """Serves tercet.leads.v1.SourceService."""

    async def CreateSource(self, request: CreateSourceRequest, tx: Tx) -> Source:
        """Adds a source at its place in the tree. Refuses a parent that is not there."""
        parent = await store.by_code(tx, request.source.parent_code) if request.source.parent_code else None
        source = await tx.create(Source, request.source)
        source.path = ""
        source.place_below(parent)
        source.check_dates()
        tx.emit(events.SourceCreated, source)
        return source

    async def UpdateSource(self, request: UpdateSourceRequest, tx: Tx) -> Source:
        """Changes a source; a new parent moves the whole branch. Refuses a place below itself."""
        source = await tx.get(Source, request.source.id, etag=request.source.etag, lock=True)
        before, parent_before = source.path, source.parent_code
        await tx.patch(source, request.source, request.update_mask)
        source.check_dates()
        if source.parent_code != parent_before:
            parent = await store.by_code(tx, source.parent_code) if source.parent_code else None
            branch = await store.below(tx, before)
            source.place_below(parent)
            for lower in branch:
                lower.path = moved(lower.path, before, source.path)
                lower.level = lower.path.count("/")
                tx.emit(events.SourceUpdated, lower)
        tx.emit(events.SourceUpdated, source)
        return source

    async def DeleteSource(self, request: DeleteSourceRequest, tx: Tx) -> Empty:
        """Deletes a source nothing came from. Refuses one in use."""
        source = await tx.get(Source, request.id, etag=request.etag, lock=True)
        source.check_unused(await store.has_children(tx, source.code))
        tx.emit(events.SourceDeleted, source)
        await tx.delete(source)
        return Empty()

    async def ListUnknownSources(self, request: ListUnknownSourcesRequest, tx: Tx) -> ListUnknownSourcesResponse:
        """Codes that submissions named and no source has."""
        response = ListUnknownSourcesResponse()
        for code, touches, first, last in await store.unknown_codes(tx):
            row = response.unknown_sources.add(code=code, touches=touches)
            row.first_time.FromDatetime(first)
            row.last_time.FromDatetime(last)
        return response
