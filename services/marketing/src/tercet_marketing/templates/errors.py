"""Refusals of templates."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, NotFound


class TemplateInvalid(InvalidArgument):
    """A body does not parse or cannot be rendered."""

    text = "The template cannot be used: {detail}. Correct the body that is named."


class TemplateTooLarge(InvalidArgument):
    """A body grows or loops beyond what is allowed."""

    text = "The template goes beyond its limits: {detail}. Write less, or loop over fewer items."


class TemplateVariablesMissing(FailedPrecondition):
    """A variable has no value, and the template says that nothing is sent then."""

    text = (
        "The template {template_code} needs a value for {names}. Hand it in, give the variable a fallback and the"
        " template `missing: FALLBACK`, or set `missing: BLANK`."
    )
    field = "variables"


class TemplateUnknown(NotFound):
    """There is no template of that code."""

    text = "There is no template {template_code}; list the templates to see which there are."
    field = "template_code"


class TemplateBodyMissing(FailedPrecondition):
    """A template has no text for a channel."""

    text = "The template {template_code} has no text for the channel {channel_code}; add a body without channel_code."
    field = "template_code"
