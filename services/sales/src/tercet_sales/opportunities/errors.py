"""Refusals about opportunities and pipelines."""

from __future__ import annotations

from collections.abc import Sequence

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, Violation


class PipelineUnknown(InvalidArgument):
    """No active pipeline has the code."""

    text = "There is no pipeline {pipeline_code} in use; choose another."
    field = "opportunity.pipeline_code"


class PipelineIncomplete(FailedPrecondition):
    """A stage that every pipeline needs is missing."""

    text = "Pipeline {pipeline_code} has no stage of category {category}; add one."


class PipelineInUse(FailedPrecondition):
    """Opportunities go through it."""

    text = "Pipeline {pipeline_code} has opportunities; make it inactive instead of deleting it."
    field = "id"


class StageCategoryTaken(FailedPrecondition):
    """A pipeline has one won and one lost stage."""

    text = "Pipeline {pipeline_code} has the stage {stage_code} of category {category} already; it can have only one."
    field = "pipeline_stage.category"


class StageInUse(FailedPrecondition):
    """Opportunities are in it."""

    text = "Opportunities are in stage {stage_code}; move them first."
    field = "id"


class StageUnknown(InvalidArgument):
    """The pipeline has no such stage."""

    text = "Pipeline {pipeline_code} has no stage {stage_code}; it has {known}."
    field = "stage_code"


class StageIsClosing(FailedPrecondition):
    """Won and lost stages are reached by winning and losing."""

    text = "Stage {stage_code} closes the opportunity; use :{verb} instead of moving it there."
    field = "stage_code"


class StageGatesNotMet(FailedPrecondition):
    """Criteria of stages on the way do not hold; one violation for each."""

    text = "The opportunity cannot come into stage {stage_code}: {missing}"

    @classmethod
    def of(cls, stage_code: str, gates: Sequence[Violation]) -> StageGatesNotMet:
        """The refusal, listing every gate that does not hold."""
        return cls(stage_code=stage_code, missing=" ".join(gate.message for gate in gates), violations=gates)


class OpportunityClosed(FailedPrecondition):
    """It is won or lost."""

    text = "The opportunity is {state}; reopen it first."


class OpportunityOpen(FailedPrecondition):
    """It is not decided."""

    text = "The opportunity is open; there is nothing to reopen."


class CertaintyUnknown(InvalidArgument):
    """No grade has the code."""

    text = "There is no grade of certainty {certainty_code}; it can be {known}."
    field = "certainty_code"


class CertaintyReasonMissing(InvalidArgument):
    """A judgement without a reason."""

    text = "Say why the certainty is set by judgement."
    field = "reason"
