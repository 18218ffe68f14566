"""Refusals of lifecycles."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class LifecycleStageTwice(InvalidArgument):
    """Two stages of one code."""

    text = "There are two stages {code}; give each stage a code of its own."
    field = "lifecycle.stages"


class LifecycleStageUnknown(InvalidArgument):
    """A stage that the lifecycle does not have."""

    text = "Lifecycle {lifecycle} has no stage {code}; it has {known}."
    field = "stage_code"


class LifecycleStageAsksItsOutcome(InvalidArgument):
    """A condition on what follows from the stage."""

    text = "Stage {code} asks {paths}, which may follow from the stage; ask fields, tags and facts instead."
    field = "lifecycle.stages"


class LifecycleZoneUnknown(InvalidArgument):
    """No such time zone."""

    text = "There is no time zone {zone}; give an IANA name such as Asia/Shanghai, or none for the tenant's."
    field = "lifecycle.time_zone"


class LifecycleNotDraft(FailedPrecondition):
    """Only a draft goes live."""

    text = "Lifecycle {code} is {state}; only a draft goes live. Create another with the same stages."
    field = "id"


class LifecycleNotLive(FailedPrecondition):
    """A lifecycle by which nobody is judged."""

    text = "Lifecycle {code} is not live; activate it first."
    field = "id"


class LifecycleArchivedAlready(FailedPrecondition):
    """An ended lifecycle changes no more."""

    text = "Lifecycle {code} is archived and changes no more; create another."
    field = "id"


class LifecycleShownAlready(FailedPrecondition):
    """Profiles show another one."""

    text = "Profiles show lifecycle {shown} already; archive that, or leave shown_on_profiles out of {code}."
    field = "lifecycle.shown_on_profiles"


class LifecycleNotPinned(FailedPrecondition):
    """Nothing keeps the party where it is but the rules."""

    text = "Party {party_id} is not kept at a stage by hand; the rules decide already."
    field = "party_id"
