"""Queries over what was promised."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_service_desk.promised.model import PromisedItem, PromiseSetAside

_MOST = 200


async def of_party(tx: Tx, party_id: UUID | None) -> Sequence[PromisedItem]:
    """What was promised to a party and not taken back, the open ones first, then by their days."""
    query = select(PromisedItem).where(PromisedItem.party_id == party_id, PromisedItem.state != "WITHDRAWN")
    done = PromisedItem.keep_time.is_not(None) | (PromisedItem.state == "KEPT")
    return (await tx.session.scalars(query.order_by(done, PromisedItem.due_date, PromisedItem.id).limit(_MOST))).all()


async def set_aside(tx: Tx, ticket_id: UUID) -> set[UUID]:
    """The promises that are no matter of a ticket."""
    query = select(PromiseSetAside.promise_id).where(PromiseSetAside.ticket_id == ticket_id)
    return set(await tx.session.scalars(query))


def carried(item: PromisedItem, aside: set[UUID], order_id: UUID | None) -> bool:
    """Whether a promise keeps a ticket about this order, or about none, from being solved."""
    other_order = None not in (item.order_id, order_id) and item.order_id != order_id
    return item.open and item.id not in aside and not other_order


async def count_carried(tx: Tx, ticket_id: UUID, party_id: UUID | None, order_id: UUID | None) -> int:
    """How many promises keep a ticket from being solved."""
    items = [item for item in await of_party(tx, party_id) if item.open]
    aside = await set_aside(tx, ticket_id) if items else set()
    return sum(carried(item, aside, order_id) for item in items)
