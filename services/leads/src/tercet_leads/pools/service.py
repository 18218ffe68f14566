"""Pools are checked before they are kept; what happens to leads in them is the leads' business."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.leads.v1 import pool_service_pb2 as pb
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.invariants import finding
from tercet_leads.pools import store
from tercet_leads.pools.errors import PoolInUse
from tercet_leads.pools.model import Pool, PoolMove


class PoolService(Handlers):
    """Serves tercet.leads.v1.PoolService."""

    async def CreatePool(self, request: pb.CreatePoolRequest, tx: Tx) -> Pool:
        """Adds a pool. Refuses times that make no sense."""
        pool = await tx.create(Pool, request.pool)
        pool.check()
        return pool

    async def UpdatePool(self, request: pb.UpdatePoolRequest, tx: Tx) -> Pool:
        """Changes a pool, with the same refusals."""
        pool = await tx.get(Pool, request.pool.id, etag=request.pool.etag, lock=True)
        await tx.patch(pool, request.pool, request.update_mask)
        pool.check()
        return pool

    async def DeletePool(self, request: pb.DeletePoolRequest, tx: Tx) -> Empty:
        """Deletes a pool no lead went through. Refuses one that was used."""
        pool = await tx.get(Pool, request.id, etag=request.etag, lock=True)
        if await store.is_used(tx, pool.code):
            raise PoolInUse(pool_code=pool.code)
        await tx.delete(pool)
        return Empty()

    async def ListPoolMoves(self, request: pb.ListPoolMovesRequest, tx: Tx) -> Message:
        """A page of the history."""
        return await tx.page(PoolMove, request, response=pb.ListPoolMovesResponse)


@invariant
async def one_owner_each(tx: Tx) -> CheckInvariantsResponse.Finding:
    """No lead was given to somebody while another had it."""
    count, wrong = await store.with_two_owners(tx)
    return finding("leads.one_owner_each", count, wrong)
