"""Refusals of policies."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, NotFound


class PolicyUnknown(NotFound):
    """There is no such policy."""

    text = "There is no policy {policy_code}; list the policies to see which there are."
    field = "policy_code"


class PolicyInUse(FailedPrecondition):
    """A version of it was in force."""

    text = "The policy {code} was in force, and what was issued under it keeps it; retire its version instead."


class PolicyNotInForce(FailedPrecondition):
    """No version of it is in force."""

    text = "No version of the policy {policy_code} is in force; publish one first."
    field = "policy_code"


class PolicyVersionFrozen(FailedPrecondition):
    """It was published."""

    text = "Version {version} of {policy_code} is {state} and never changes; write another version."


class PolicyVersionNotPublished(FailedPrecondition):
    """It is not in force."""

    text = "Version {version} of {policy_code} is {state}; only one that is published can be retired."


class PolicyNumbersUnfit(InvalidArgument):
    """No tool, or not the one that is meant, can work with the numbers."""

    text = "The numbers do not fit {tools}; see the violations, and the tool's schema for what it takes."


class ToolPolicyIncompatible(InvalidArgument):
    """A tool and a policy that cannot be put together."""

    text = "The tool {tool_code} cannot work with the policy {policy_code}: {detail}"


class ValidityCrossed(InvalidArgument):
    """It ends before it begins."""

    text = "The validity ends before it begins; give a later end_time, or leave one of the two out."
    field = "policy_version.validity.end_time"
