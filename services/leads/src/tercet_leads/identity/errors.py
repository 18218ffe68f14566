"""Refusals of the identity slice."""

from __future__ import annotations

from tercet_chassis.errors import Aborted, FailedPrecondition, InvalidArgument


class PartyAlreadyMerged(FailedPrecondition):
    """The party was merged into another one."""

    text = "Party {party_id} was merged into {merged_into_id}; work on that one."
    field = "id"


class PartiesOfDifferentKind(FailedPrecondition):
    """A person and a company are never the same."""

    text = "Party {party_id} is of kind {kind}, party {other_id} of kind {other_kind}; merge parties of one kind."
    field = "other_party_ids"


class PartyMergedWithItself(InvalidArgument):
    """The list of parties names the one they should go into."""

    text = "Party {party_id} cannot be merged with itself; name other parties."
    field = "other_party_ids"


class MergeAlreadyUndone(FailedPrecondition):
    """The merge was taken back before."""

    text = "Decision {decision_id} was already undone by {undone_by_id}."
    field = "decision_id"


class DecisionNotAMerge(FailedPrecondition):
    """Only a merge can be taken back."""

    text = "Decision {decision_id} is a {kind}; only a merge into this party can be undone."
    field = "decision_id"


class SplitLeavesNobody(FailedPrecondition):
    """A split must leave a member in the party."""

    text = "Party {party_id} has {members} members and all of them would leave; leave at least one."
    field = "identity_ids"


class IdentityOfOtherParty(FailedPrecondition):
    """The identity belongs to another party."""

    text = "Identity {identity_id} is not a member of party {party_id}."
    field = "identity_ids"


class PartyMergedMeanwhile(Aborted):
    """Somebody merged the party away between reading and writing."""

    text = "Party {party_id} was merged into another one just now; repeat the request."
