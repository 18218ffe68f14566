"""The unit tree's own methods: whatever touches its shape."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.gateway.v1 import events_pb2 as events
from tercet.gateway.v1.unit_service_pb2 import CreateUnitRequest, DeleteUnitRequest, MoveUnitRequest, UpdateUnitRequest
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.invariants import finding
from tercet_gateway.units import store
from tercet_gateway.units.errors import UnitInUse, UnitParentMissing
from tercet_gateway.units.model import Unit
from tercet_gateway.units.reach import check_reach
from tercet_gateway.units.rules import moved


class UnitService(Handlers):
    """Serves tercet.gateway.v1.UnitService."""

    async def CreateUnit(self, request: CreateUnitRequest, tx: Tx) -> Unit:
        """Adds a unit below its parent. Refuses a missing parent and a place that does not fit."""
        await store.lock_tree(tx)
        parent = await store.find(tx, request.unit.parent_id)
        if parent is None:
            raise UnitParentMissing(parent_id=request.unit.parent_id or "(none)")
        await check_reach(tx, parent.id)
        unit = await tx.create(Unit, request.unit)
        unit.path = ""
        unit.place_below(parent)
        unit.check()
        tx.emit(events.UnitCreated, unit)
        return unit

    async def UpdateUnit(self, request: UpdateUnitRequest, tx: Tx) -> Unit:
        """Changes a unit where it stands. Refuses reversed dates and unknown zones."""
        unit = await tx.get(Unit, request.unit.id, etag=request.unit.etag)
        await tx.patch(unit, request.unit, request.update_mask)
        unit.check()
        if tx.session.is_modified(unit):
            tx.emit(events.UnitUpdated, unit)
        return unit

    async def DeleteUnit(self, request: DeleteUnitRequest, tx: Tx) -> Empty:
        """Removes a unit to which nothing belongs. Refuses the root and one in use."""
        await store.lock_tree(tx)
        unit = await tx.get(Unit, request.id, etag=request.etag, lock=True)
        unit.check_not_root()
        if members := await store.members(tx, unit):
            raise UnitInUse(code=unit.code, users=members)
        tx.emit(events.UnitDeleted, unit)
        await tx.delete(unit)
        return Empty()

    async def MoveUnit(self, request: MoveUnitRequest, tx: Tx) -> Unit:
        """Moves a unit with its whole branch. Refuses the root, a missing parent and a circle."""
        await store.lock_tree(tx)
        unit = await tx.get(Unit, request.id, etag=request.etag, lock=True)
        unit.check_not_root()
        parent = await store.find(tx, request.parent_id)
        if parent is None:
            raise UnitParentMissing(parent_id=request.parent_id)
        await check_reach(tx, parent.id)
        branch, before = await store.below(tx, unit), unit.path
        unit.place_below(parent)
        tx.emit(events.UnitUpdated, unit)
        for lower in branch:
            lower.path = moved(lower.path, before, unit.path)
            tx.emit(events.UnitUpdated, lower)
        return unit


@invariant
async def tree_whole(tx: Tx) -> CheckInvariantsResponse.Finding:
    """There is one root, and every unit's path leads from it through the unit's parents to the unit."""
    total, broken = await store.astray(tx)
    return finding("units.tree_whole", total, broken)
