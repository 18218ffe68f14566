"""Methods of joining customers."""

from __future__ import annotations

from uuid import UUID

from google.protobuf.message import Message

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.sales.v1 import customer_merge_service_pb2 as pb
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.invariants import finding
from tercet_sales.customers.model import Customer
from tercet_sales.customers.store import lock_pair
from tercet_sales.mergers import joining, store
from tercet_sales.mergers.model import CustomerMerge, check_joinable

Finding = CheckInvariantsResponse.Finding


class CustomerMergeService(Handlers):
    """Serves tercet.sales.v1.CustomerMergeService."""

    async def MergeCustomers(self, request: pb.MergeCustomersRequest, tx: Tx) -> CustomerMerge | Message:
        """Joins another customer into this one. Refuses customers of different parties or units."""
        seen = await tx.get(Customer, request.id)
        await tx.get(Customer, request.other_id)
        await lock_pair(tx, seen.party_id, seen.unit_id)
        await store.lock(tx, [UUID(request.id), UUID(request.other_id)])
        customer, other = (
            await tx.get(Customer, request.id, etag=request.etag),
            await tx.get(Customer, request.other_id),
        )
        check_joinable(customer, other)
        if request.validate_only:
            return await joining.preview(tx, customer, other, request.reason)
        return await joining.join(tx, customer, other, request.reason)

    async def UnmergeCustomers(self, request: pb.UnmergeCustomersRequest, tx: Tx) -> CustomerMerge:
        """Takes a merge back. Refuses one that was taken back before."""
        merge = await tx.get(CustomerMerge, request.id, etag=request.etag, lock=True)
        merge.check_standing()
        return await joining.part(tx, merge, request.reason)


@invariant
async def doubles_marked(tx: Tx) -> Finding:
    """Where a unit has two customers of a party, the newer says so; those wait for somebody to join them."""
    count, broken = await store.doubles(tx)
    return Finding(
        invariant="customers.doubles_marked",
        holds=not broken,
        checked_count=count,
        broken_count=len(broken),
        waiting_count=count,
        examples=broken or await store.waiting(tx),
    )


@invariant
async def nothing_left_behind(tx: Tx) -> Finding:
    """Nothing hangs on a customer that was joined into another."""
    count, broken = await store.left_behind(tx)
    return finding("customers.merges_complete", count, broken)
