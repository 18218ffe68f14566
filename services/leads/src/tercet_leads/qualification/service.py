"""Each change of a qualification rule is a new version."""

from __future__ import annotations

from tercet.leads.v1 import qualification_rule_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_chassis.conditions import understood
from tercet_leads.qualification import store
from tercet_leads.qualification.model import QualificationRule
from tercet_leads.scoring.facts import LEADS


class QualificationRuleService(Handlers):
    """Serves tercet.leads.v1.QualificationRuleService."""

    async def CreateQualificationRule(self, request: pb.CreateQualificationRuleRequest, tx: Tx) -> QualificationRule:
        """Adds the next version of a rule. Refuses a condition that does not parse."""
        await understood(tx, LEADS, "leads", request.qualification_rule.condition, "qualification_rule.condition")
        version = await store.next_version(tx, request.qualification_rule.code)
        rule = await tx.create(QualificationRule, request.qualification_rule)
        rule.version = version
        return rule
