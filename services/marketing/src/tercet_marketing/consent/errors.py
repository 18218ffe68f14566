"""Refusals of consent."""

from __future__ import annotations

from tercet_chassis.errors import InvalidArgument, NotFound


class PreferenceLinkInvalid(NotFound):
    """The link was not made by us, or for somebody who is not known any more."""

    text = "This link is not valid any more; ask for a new one."
    field = "token"


class ZoneUnknown(InvalidArgument):
    """No calendar has the time zone."""

    text = "There is no time zone {zone}; name one such as Asia/Shanghai."
    field = "zone"
