"""Joining two customers, taking them apart, and marking those that could be joined."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast
from uuid import UUID

from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.customer_merge_service_pb2 import CustomerMerge as MergeMessage
from tercet_chassis import Tx, new_id
from tercet_sales.customers.model import Customer
from tercet_sales.mergers import rules, store
from tercet_sales.mergers.model import CustomerMerge


def planned(tx: Tx, customer: Customer, other: Customer, reason: str) -> CustomerMerge:
    """The merge as it will be kept, without what moves."""
    filled = rules.filled_by(customer, other)
    return CustomerMerge(
        id=new_id(),
        owner_id=customer.owner_id,
        unit_id=customer.unit_id,
        partner_party_id=customer.partner_party_id,
        customer_id=customer.id,
        other_id=other.id,
        reason=reason,
        merge_time=tx.now(),
        actor_id=tx.principal.user_id,
        moved=[],
        filled=filled,
        filled_fields=sorted(filled),
        undo_reason="",
    )


async def preview(tx: Tx, customer: Customer, other: Customer, reason: str) -> MergeMessage:
    """What a merge would do; nothing changes."""
    merge = planned(tx, customer, other, reason)
    merge.moved = await store.counted(tx, other.id)
    message = cast(MergeMessage, tx.render(merge))
    message.id = message.etag = ""
    return message


async def join(tx: Tx, customer: Customer, other: Customer, reason: str) -> CustomerMerge:
    """Joins `other` into `customer`, both held."""
    merge = planned(tx, customer, other, reason)
    merge.moved = await store.move(tx, other.id, customer.id)
    rules.fill(customer, other, merge.filled)
    customer.used = customer.used or other.used
    other.merged_into_id, other.duplicate_of_id = customer.id, None
    # Not by tx.add: an owner who is nobody stays nobody.
    tx.session.add(merge)
    tx.emit(events.CustomerUpdated, customer)
    tx.emit(events.CustomerUpdated, other)
    tx.emit(events.CustomersMerged, merge)
    await tx.flush()
    await mark_doubles(tx, [customer.party_id])
    return merge


async def part(tx: Tx, merge: CustomerMerge, reason: str) -> CustomerMerge:
    """Takes a merge back."""
    # What moved may have moved on, when the customer that stayed was joined into another later.
    holder = await store.merged_into(tx, merge.customer_id)
    customers = await store.lock(tx, [merge.customer_id, merge.other_id])
    customer, other = customers[merge.customer_id], customers[merge.other_id]
    await store.move_back(tx, holder, other.id, merge.moved)
    rules.empty_again(customer, merge.filled)
    customer.used = await store.in_use(tx, customer.id)
    other.merged_into_id = None
    merge.undo_time, merge.undo_reason = tx.now(), reason
    tx.emit(events.CustomerUpdated, customer)
    tx.emit(events.CustomerUpdated, other)
    tx.emit(events.CustomersUnmerged, merge)
    await tx.flush()
    await mark_doubles(tx, [customer.party_id, other.party_id])
    return merge


async def mark_doubles(tx: Tx, party_ids: Collection[UUID]) -> None:
    """Marks every customer of these parties whose unit has an older one, and no other."""
    oldest: dict[tuple[UUID, UUID | None], UUID] = {}
    for customer in await store.of_parties(tx, party_ids):
        first = oldest.setdefault((customer.party_id, customer.unit_id), customer.id)
        mark = None if first == customer.id else first
        if customer.duplicate_of_id != mark:
            customer.duplicate_of_id = mark
            tx.emit(events.CustomerUpdated, customer)
    await tx.flush()


async def part_strangers(tx: Tx, identity_ids: Collection[UUID]) -> None:
    """Takes back the merges whose customers are held to be different parties again."""
    for merge in await store.parted(tx, identity_ids):
        await part(tx, merge, "parties differ")
