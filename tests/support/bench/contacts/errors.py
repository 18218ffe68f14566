"""Refusals of the bench."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition


class ContactRefused(FailedPrecondition):
    """The test wanted a refusal."""

    text = "{name} is refused; choose another name."
    field = "contact.full_name"
