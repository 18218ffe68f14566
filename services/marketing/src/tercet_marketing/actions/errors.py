"""Refusals of the actions."""

from __future__ import annotations

from tercet_chassis.errors import InvalidArgument


class ActionEmpty(InvalidArgument):
    """Neither a tool nor a channel."""

    text = "An action does something or tells something: name a tool, or a channel with its template, or both."
    field = "action.tool_code"


class TemplateNeeded(InvalidArgument):
    """A channel without words."""

    text = "Name the template whose words the channel carries."
    field = "action.template_code"
