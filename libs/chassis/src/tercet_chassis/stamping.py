"""What every flush adds by itself: tenant, times, search words, the party that is known, audit rows of what changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from tercet_chassis import audit
from tercet_chassis.context import Context
from tercet_chassis.entity import Entity, Linked, Searchable
from tercet_chassis.search import index_words
from tercet_chassis.tables import KNOWN_PARTIES

if TYPE_CHECKING:
    from tercet_chassis.host import Host


class Stamps:
    """The stamps of one unit. `audit` collects (kind, id, action, changes) until the unit writes them."""

    def __init__(self, runtime: Host, context: Context, now: datetime) -> None:
        self._runtime, self.context, self.now = runtime, context, now
        self.audit: list[tuple[str, UUID, str, bytes]] = []

    def stamp(self, session: Session) -> None:
        """Before each flush."""
        for entity in list(session.new):
            if isinstance(entity, Entity):
                if self.context.tenant_id is None:
                    raise RuntimeError(f"{self.context.method} has no tenant")
                entity.tenant_id = self.context.tenant_id
                entity.create_time = entity.create_time or self.now
                entity.update_time = self.now
                self._index(entity, new=True)
        self._link([entity for entity in session.new if isinstance(entity, Linked)], session)
        for entity in list(session.new):
            if isinstance(entity, Entity):
                self._record(entity, "CREATE")
        for entity in list(session.dirty):
            if isinstance(entity, Entity) and session.is_modified(entity):
                entity.update_time = self.now
                self._index(entity, new=False)
                self._record(entity, "UPDATE")
        for entity in list(session.deleted):
            if isinstance(entity, Entity):
                self._record(entity, "DELETE")

    def record_bulk(self, entity: type[Entity], rows: Sequence[Mapping[str, Any]]) -> None:
        """Audit rows of what was inserted past the session."""
        for row in rows:
            changes = audit.creation_of(entity, row, self._runtime.bindings, self._runtime.secret)
            self.audit.append((entity.__tablename__, row["id"], "CREATE", orjson.dumps(changes, default=str)))

    def known_parties(self, session: Session, identities: Collection[UUID]) -> dict[UUID, UUID]:
        """The party of each identity that has ever moved; none of them moves until this transaction ends."""
        if not identities:
            return {}
        values = {"tenant": self.context.tenant_id, "identities": list(identities)}
        return {row.identity: row.party for row in session.execute(KNOWN_PARTIES, values)}

    def _index(self, entity: Entity, *, new: bool) -> None:
        binding = self._runtime.bindings.find(type(entity))
        if not isinstance(entity, Searchable) or binding is None:
            return
        attributes = inspect(entity).attrs
        if new or any(attributes[name].history.has_changes() for name in binding.searchable if name in attributes):
            entity.search = index_words(binding.search_texts(lambda name: getattr(entity, name)))

    def _record(self, entity: Entity, action: str) -> None:
        if not self.context.audited:
            return
        bindings, secret = self._runtime.bindings, self._runtime.secret
        changes = {} if action == "DELETE" else audit.changes_of(entity, bindings, secret)
        self.audit.append((entity.__tablename__, entity.id, action, orjson.dumps(changes, default=str)))

    def _link(self, entities: Sequence[Any], session: Session) -> None:
        # A party may have moved while the row that quotes it was on its way: what we know of the identity wins.
        identities = {entity.identity_id for entity in entities if entity.identity_id is not None}
        known = self.known_parties(session, identities)
        for entity in entities if known else ():
            entity.party_id = known.get(entity.identity_id, entity.party_id)


@event.listens_for(Session, "before_flush")
def _before_flush(session: Session, _: Any, __: Any) -> None:
    stamps = session.info.get("stamps")
    if stamps is not None:
        stamps.stamp(session)
