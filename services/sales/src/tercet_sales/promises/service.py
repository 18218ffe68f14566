"""Promises are made, changed while they are open, kept or taken back."""

from __future__ import annotations

from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1 import promise_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_sales.orders.model import Order
from tercet_sales.promises.errors import PromiseHasNoParty
from tercet_sales.promises.model import Promise


class PromiseService(Handlers):
    """Serves tercet.sales.v1.PromiseService."""

    async def CreatePromise(self, request: pb.CreatePromiseRequest, tx: Tx) -> Promise:
        """Records a promise to an order's buyer, or to whom it names. Refuses one to nobody."""
        given = request.promise
        if given.order_id:
            order = await tx.get(Order, given.order_id)
            if not given.identity_id:
                given.identity_id, given.party_id = str(order.identity_id), str(order.party_id)
            given.unit_id = given.unit_id or str(order.unit_id or "")
            given.partner_party_id = given.partner_party_id or str(order.partner_party_id or "")
        if not given.identity_id:
            raise PromiseHasNoParty()
        given.party_id = given.party_id or given.identity_id
        promise = await tx.create(Promise, given)
        tx.emit(events.PromiseMade, promise)
        return promise

    async def UpdatePromise(self, request: pb.UpdatePromiseRequest, tx: Tx) -> Promise:
        """Changes words or date. Refuses once it is over."""
        promise = await tx.get(Promise, request.promise.id, etag=request.promise.etag, lock=True)
        promise.must_be_open()
        await tx.patch(promise, request.promise, request.update_mask if request.HasField("update_mask") else None)
        tx.emit(events.PromiseUpdated, promise)
        return promise

    async def KeepPromise(self, request: pb.KeepPromiseRequest, tx: Tx) -> Promise:
        """It was done."""
        promise = await tx.get(Promise, request.id, etag=request.etag, lock=True)
        promise.end("KEPT", tx.now())
        tx.emit(events.PromiseKept, promise)
        return promise

    async def WithdrawPromise(self, request: pb.WithdrawPromiseRequest, tx: Tx) -> Promise:
        """It is taken back."""
        promise = await tx.get(Promise, request.id, etag=request.etag, lock=True)
        promise.end("WITHDRAWN", tx.now())
        tx.emit(events.PromiseWithdrawn, promise)
        return promise
