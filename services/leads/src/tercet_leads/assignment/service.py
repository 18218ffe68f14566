"""Assignment rules are checked before they are kept."""

from __future__ import annotations

from tercet.leads.v1 import assignment_rule_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_chassis.conditions import understood
from tercet_leads.assignment import store
from tercet_leads.assignment.errors import PoolNotFound
from tercet_leads.assignment.model import AssignmentRule
from tercet_leads.scoring.facts import LEADS


class AssignmentRuleService(Handlers):
    """Serves tercet.leads.v1.AssignmentRuleService."""

    async def CreateAssignmentRule(self, request: pb.CreateAssignmentRuleRequest, tx: Tx) -> AssignmentRule:
        """Adds a rule. Refuses a condition that does not parse and a pool that is not there."""
        rule = await tx.create(AssignmentRule, request.assignment_rule)
        await self._check(rule, tx)
        return rule

    async def UpdateAssignmentRule(self, request: pb.UpdateAssignmentRuleRequest, tx: Tx) -> AssignmentRule:
        """Changes a rule, with the same refusals."""
        rule = await tx.get(AssignmentRule, request.assignment_rule.id, etag=request.assignment_rule.etag, lock=True)
        await tx.patch(rule, request.assignment_rule, request.update_mask)
        await self._check(rule, tx)
        return rule

    async def _check(self, rule: AssignmentRule, tx: Tx) -> None:
        await understood(tx, LEADS, "leads", rule.condition or "", "assignment_rule.condition")
        rule.check_pool()
        if rule.pool_code and not await store.pool_exists(tx, rule.pool_code):
            raise PoolNotFound(pool_code=rule.pool_code)
