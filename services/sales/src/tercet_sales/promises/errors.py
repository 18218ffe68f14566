"""Refusals of promises."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class PromiseOver(FailedPrecondition):
    """A promise that is kept or withdrawn was to be changed."""

    text = "This promise is {state} already; make a new one if there is more to promise."
    field = "id"


class PromiseHasNoParty(InvalidArgument):
    """Nobody is named to whom something is promised."""

    text = "Say to whom it is promised: name the order, or the identity."
    field = "promise.identity_id"
