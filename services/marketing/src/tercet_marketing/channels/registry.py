"""The channels that are installed: every entry point of the group, ours and others'. One that is broken stops the
start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from tercet_marketing.channels.contract import Channel, Plugin

P = TypeVar("P", bound=Plugin)
GROUP = "tercet.marketing.channels"


class ChannelBroken(SystemExit):
    """A channel that is installed cannot be used."""


def loaded(points: Iterable[EntryPoint], kind: type[P], broken: type[SystemExit]) -> dict[str, P]:
    """The plugins of a kind that these entry points name, by code. Ends the program with the name of one that cannot be
    used.
    """
    what = kind.__name__.lower()
    found: dict[str, P] = {}
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        try:
            made = point.load()()
        # A plugin may fail in any way while it is imported; none is skipped.
        except Exception as fault:
            raise broken(f"the {what} {point.name} ({point.value}) does not load: {fault!r}") from fault
        if not isinstance(made, kind):
            raise broken(f"the {what} {point.name} ({point.value}) is no {kind.__module__} {kind.__name__}")
        if made.code != point.name:
            raise broken(f"the {what} {point.name} ({point.value}) calls itself {made.code}")
        if made.code in found:
            raise broken(f"the {what} {point.name} is installed twice, the second time by {point.value}")
        found[made.code] = made
    return found


@cache
def installed() -> Mapping[str, Channel]:
    """The channels of this installation, by code."""
    return loaded(entry_points(group=GROUP), Channel, ChannelBroken)  # type: ignore[type-abstract]
