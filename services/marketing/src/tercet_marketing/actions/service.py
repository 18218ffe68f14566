"""Actions are checked before they are kept."""

from __future__ import annotations

from tercet.marketing.v1 import action_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_marketing.actions.checking import check
from tercet_marketing.actions.model import Action


class ActionService(Handlers):
    """Serves tercet.marketing.v1.ActionService."""

    async def CreateAction(self, request: pb.CreateActionRequest, tx: Tx) -> Action:
        """Makes an action. Refuses one that does nothing."""
        action = await tx.create(Action, request.action)
        await check(action, tx)
        return action

    async def UpdateAction(self, request: pb.UpdateActionRequest, tx: Tx) -> Action:
        """Changes an action, with the same refusals; approved versions of strategies keep it as it was."""
        action = await tx.get(Action, request.action.id, etag=request.action.etag, lock=True)
        await tx.patch(action, request.action, request.update_mask if request.HasField("update_mask") else None)
        await check(action, tx)
        return action
