"""The leads service and its slices."""

from __future__ import annotations

from tercet_chassis import Service

service = Service(
    "leads",
    slices=[
        "sources",
        "placements",
        "touches",
        "identity",
        "customers",
        "scoring",
        "qualification",
        "assignment",
        "pools",
        "leads",
        "mergers",
        "forms",
        "conversion",
        "imports",
    ],
)
