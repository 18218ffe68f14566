"""Refusals of tools, and what stops the start."""

from __future__ import annotations

from tercet_chassis.errors import InvalidArgument, NotFound


class ToolUnknown(NotFound):
    """No installed tool has the code."""

    text = "There is no marketing tool {tool_code}; list the tools to see which are installed."
    field = "tool_code"


class NumbersUnfit(InvalidArgument):
    """Numbers that a tool cannot work with."""

    text = "The numbers do not fit the tool {tool_code}: {detail} The tool's schema says what it takes."


class ToolBroken(RuntimeError):
    """A tool's plugin cannot be used: the service does not start."""
