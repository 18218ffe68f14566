"""The service desk and its slices."""

from __future__ import annotations

from tercet_chassis import Service

service = Service(
    "service-desk",
    slices=[
        "calendars",
        "levels",
        "types",
        "agents",
        "promised",
        "tickets",
        "routing",
        "checklists",
        "intake",
        "macros",
        "viewers",
        "times",
        "notifications",
        "knowledge",
        "satisfaction",
        "assets",
        "telemetry",
    ],
)
