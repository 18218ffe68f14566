"""Scoring rules are checked before they are kept; the grade scale is one row."""

from __future__ import annotations

from tercet.leads.v1 import scoring_rule_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_chassis.conditions import understood
from tercet_leads.scoring import store
from tercet_leads.scoring.facts import LEADS
from tercet_leads.scoring.model import GradeScale, ScoringRule
from tercet_leads.scoring.rules import Thresholds

_FIELD = "scoring_rule.condition"


class ScoringRuleService(Handlers):
    """Serves tercet.leads.v1.ScoringRuleService."""

    async def CreateScoringRule(self, request: pb.CreateScoringRuleRequest, tx: Tx) -> ScoringRule:
        """Adds a rule. Refuses a condition that does not parse."""
        await understood(tx, LEADS, "leads", request.scoring_rule.condition, _FIELD)
        return await tx.create(ScoringRule, request.scoring_rule)

    async def UpdateScoringRule(self, request: pb.UpdateScoringRuleRequest, tx: Tx) -> ScoringRule:
        """Changes a rule. Refuses a condition that does not parse."""
        rule = await tx.get(ScoringRule, request.scoring_rule.id, etag=request.scoring_rule.etag, lock=True)
        await tx.patch(rule, request.scoring_rule, request.update_mask)
        await understood(tx, LEADS, "leads", rule.condition, _FIELD)
        return rule

    async def GetGradeScale(self, request: pb.GetGradeScaleRequest, tx: Tx) -> pb.GradeScale:
        """The thresholds in force."""
        scale = await store.grade_scale(tx)
        if scale is None:
            default = Thresholds()
            return pb.GradeScale(a_from=default.a, b_from=default.b, c_from=default.c)
        return pb.GradeScale(a_from=scale.a_from, b_from=scale.b_from, c_from=scale.c_from)

    async def SetGradeScale(self, request: pb.SetGradeScaleRequest, tx: Tx) -> pb.GradeScale:
        """Sets the thresholds. Refuses ones that do not fall from A to C."""
        given = request.grade_scale
        scale = await store.grade_scale(tx)
        if scale is None:
            scale = tx.add(GradeScale(name="grade", a_from=given.a_from, b_from=given.b_from, c_from=given.c_from))
        else:
            scale.a_from, scale.b_from, scale.c_from = given.a_from, given.b_from, given.c_from
        scale.check()
        return given
