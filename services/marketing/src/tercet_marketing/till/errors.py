"""Refusals of the till."""

from __future__ import annotations

from tercet_chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument


class BasketInvalid(InvalidArgument):
    """The order cannot be reckoned with."""

    text = "The order has {count} things that are wrong; see the violations."


class BenefitKeyReused(AlreadyExists):
    """The key names another order."""

    text = "The key {key} keeps benefits for another order; release it first, or use another key."
    field = "key"


class BenefitsChanged(FailedPrecondition):
    """Other benefits are given than were shown."""

    text = "The order gets {total} off now, not {expected}; evaluate it again and show the buyer."
    field = "expected_total"


class ReservationUnknown(FailedPrecondition):
    """Nothing is kept under the key."""

    text = "Nothing is kept under the key {key}; reserve first."
    field = "key"


class ReservationEnded(FailedPrecondition):
    """What was kept was given back."""

    text = "What was kept under the key {key} was given back or its time is over; reserve anew under another key."
    field = "key"


class ReservationOfOrder(FailedPrecondition):
    """What is kept for an order of sales goes as the order goes."""

    text = "{key} is kept for an order: confirm, cancel or return the order, and its benefits follow."
    field = "key"


class ToolNotForOrders(InvalidArgument):
    """The tool gives nothing on an order."""

    text = "The tool {tool_code} gives nothing on an order; choose one that acts on orders."
    field = "promotion.tool_code"


class PromotionCrossed(InvalidArgument):
    """It ends before it begins."""

    text = "The promotion ends before it begins; give a later end_time."
    field = "promotion.end_time"
