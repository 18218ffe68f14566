"""Refusals of webhooks."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument
from tercet_chassis.outbound import AddressForbidden


class WebhookAddressForbidden(AddressForbidden):
    """The address may not be called."""

    field = "webhook.url"


class NoSuchEvent(InvalidArgument):
    """No event fits a pattern."""

    text = (
        "No event fits the pattern {pattern}; write service.noun.participle, such as leads.lead.created or sales.*.*."
    )
    field = "webhook.event_patterns"


class FilterDoesNotFit(InvalidArgument):
    """The filter does not parse, or names what the events' resources have not."""

    text = "The filter does not fit the event {event}: {detail}. Correct it or narrow the patterns."
    field = "webhook.filter"


class RoleHearsNothing(FailedPrecondition):
    """The role reads none of the events' resources in full."""

    text = "The role {role_code} reads none of these events' resources in full; choose a role with the reach `all`."
    field = "webhook.role_code"


class WebhookIsOff(FailedPrecondition):
    """The webhook is turned off."""

    text = "The webhook {name} is turned off; turn it on first."
    field = "id"


class DeliveryWaits(FailedPrecondition):
    """The delivery has not come to an end."""

    text = "The delivery {id} still waits for its next attempt; let it run or turn the webhook off."
    field = "id"


class ReplayTooLarge(FailedPrecondition):
    """More deliveries than one replay takes."""

    text = "The period holds more than {most} deliveries; choose a shorter one."
    field = "start_time"


class PeriodReversed(InvalidArgument):
    """The period ends before it begins."""

    text = "The period ends before it begins; swap start_time and end_time."
    field = "end_time"


class FilterNamesTenantsOwn(FilterDoesNotFit):
    """The filter names a field that the tenant defined."""

    text = (
        "A webhook's filter cannot name {path}: only {service} knows the tenant's own fields. Leave it out, and judge"
        " by `data` in what is told."
    )
