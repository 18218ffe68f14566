"""The channels that are installed: every entry point of the group, ours and others'. One that is broken stops the
start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from tercet_marketing.channels.contract import Channel

GROUP = "tercet.marketing.channels"


class ChannelBroken(SystemExit):
    """A channel that is installed cannot be used."""


def loaded(points: Iterable[EntryPoint]) -> dict[str, Channel]:
    """The channels of these entry points, by code. Ends the program with the name of one that cannot be used."""
    found: dict[str, Channel] = {}
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        try:
            made = point.load()()
        # A plugin may fail in any way while it is imported; none is skipped.
        except Exception as fault:
            raise ChannelBroken(f"the channel {point.name} ({point.value}) does not load: {fault!r}") from fault
        if not isinstance(made, Channel):
            raise ChannelBroken(f"the channel {point.name} ({point.value}) is no tercet_marketing.channels Channel")
        if made.code != point.name:
            raise ChannelBroken(f"the channel {point.name} ({point.value}) calls itself {made.code}")
        if made.code in found:
            raise ChannelBroken(f"the channel {point.name} is installed twice, the second time by {point.value}")
        found[made.code] = made
    return found


@cache
def installed() -> Mapping[str, Channel]:
    """The channels of this installation, by code."""
    return loaded(entry_points(group=GROUP))
