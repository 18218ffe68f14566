"""The sales service and its slices."""

from __future__ import annotations

from tercet_chassis import Service

service = Service(
    "sales",
    slices=[
        "customers",
        "mergers",
        "relations",
        "rates",
        "catalogue",
        "opportunities",
        "activities",
        "numbering",
        "pricing",
        "quotes",
        "contracts",
        "orders",
        "promises",
        "transactions",
        "value",
    ],
)
