"""Marketing and its slices."""

from __future__ import annotations

from tercet_chassis import Service

service = Service("marketing", slices=["profiles", "facts", "segments"])
