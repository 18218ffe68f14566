"""Refusals of views."""

from __future__ import annotations

from tercet_chassis.errors import InvalidArgument


class CollectionUnknown(InvalidArgument):
    """There is no such list."""

    text = "There is no list /v1/{collection}; name an existing one, such as leads."
    field = "saved_view.collection"


class ColumnUnknown(InvalidArgument):
    """A column that the collection's resources have not."""

    text = "{collection} have no field {column}; choose another column."
    field = "saved_view.columns"


class ViewFilterInvalid(InvalidArgument):
    """The filter does not fit the collection."""

    text = "The filter does not fit {collection}: {detail}."
    field = "saved_view.filter"


class ViewOrderInvalid(InvalidArgument):
    """The order does not fit the collection."""

    text = "The order does not fit {collection}: {detail}."
    field = "saved_view.order_by"


class TimelineKindUnknown(InvalidArgument):
    """A kind that timelines do not have."""

    text = "A timeline has no {kind}; choose among {known}."
    field = "kinds"
