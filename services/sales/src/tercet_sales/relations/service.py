"""Methods of relations beyond the free ones."""

from __future__ import annotations

from uuid import UUID

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1 import relation_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_sales.days import day_in, day_of
from tercet_sales.relations import store
from tercet_sales.relations.errors import RelationCycle, RelationKindInUse, RelationKindUnknown, RelationOverlaps
from tercet_sales.relations.model import Relation, RelationKind
from tercet_sales.relations.rules import BUILT_IN, circle, overlapping


class RelationService(Handlers):
    """Serves tercet.sales.v1.RelationService."""

    async def CreateRelation(self, request: pb.CreateRelationRequest, tx: Tx) -> Relation:
        """Adds a relation. Refuses an unknown kind, an overlap and a circle."""
        await store.lock_kind(tx, request.relation.kind_code)
        relation = await tx.create(Relation, request.relation)
        with tx.session.no_autoflush:
            await self._check(relation, tx)
        tx.emit(events.RelationCreated, relation)
        return relation

    async def UpdateRelation(self, request: pb.UpdateRelationRequest, tx: Tx) -> Relation:
        """Changes a relation. Refuses an overlap and a circle."""
        relation = await tx.get(Relation, request.relation.id, etag=request.relation.etag)
        await store.lock_kind(tx, relation.kind_code)
        await tx.patch(relation, request.relation, request.update_mask)
        with tx.session.no_autoflush:
            await self._check(relation, tx)
        if tx.session.is_modified(relation):
            tx.emit(events.RelationUpdated, relation)
        return relation

    async def EndRelation(self, request: pb.EndRelationRequest, tx: Tx) -> Relation:
        """Gives a relation its last day. Refuses a day before its first or after its last."""
        relation = await tx.get(Relation, request.id, etag=request.etag)
        relation.end(day_of(request.end_date, "end_date"))
        if tx.session.is_modified(relation):
            tx.emit(events.RelationEnded, relation)
        return relation

    async def ListRelationsAsOf(self, request: pb.ListRelationsAsOfRequest, tx: Tx) -> Message:
        """What a party is to others and others to it on one day."""
        day = day_in(tx.principal.zone, tx.now(), request.on_date)
        where = store.as_of(
            UUID(request.party_id),
            day,
            kind_code=request.kind_code,
            first=request.side != pb.ListRelationsAsOfRequest.TO,
            second=request.side != pb.ListRelationsAsOfRequest.FROM,
        )
        return await tx.page(Relation, request, where=where, response=pb.ListRelationsAsOfResponse)

    async def DeleteRelationKind(self, request: pb.DeleteRelationKindRequest, tx: Tx) -> Empty:
        """Removes a kind; one that is built in keeps its own rules. Refuses one that relations are of."""
        kind = await tx.get(RelationKind, request.id, etag=request.etag, lock=True)
        if kind.code not in BUILT_IN and await store.uses_kind(tx, kind.code):
            raise RelationKindInUse(kind_code=kind.code)
        tx.emit(events.RelationKindDeleted, kind)
        await tx.delete(kind)
        return Empty()

    async def _check(self, relation: Relation, tx: Tx) -> None:
        kind = await store.kind_rules(tx, relation.kind_code)
        if kind is None:
            raise RelationKindUnknown(kind_code=relation.kind_code, known=", ".join(await store.known_kinds(tx)))
        relation.check()
        other = overlapping(kind, relation.edge, await store.edges(tx, kind.code, [relation.from_party_id]))
        if other is not None:
            raise RelationOverlaps(
                relation_id=other.id,
                start_date=other.period.start or "the beginning",
                end_date=other.period.end or "for good",
            )
        if not kind.hierarchical:
            return
        path = circle(relation.edge, await store.edges_onward(tx, kind.code, relation.to_party_id))
        if path is not None:
            raise RelationCycle(kind_code=kind.code, path=" → ".join(str(party) for party in path))
