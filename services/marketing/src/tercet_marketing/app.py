"""Marketing and its slices."""

from __future__ import annotations

from tercet_chassis import Service

service = Service(
    "marketing",
    slices=[
        "profiles", "contacts", "facts", "segments", "prospects", "lifecycle", "ledgers", "budgets", "loyalty", "tools",
        "policies", "grants", "payouts", "till", "channels", "consent", "templates", "sends", "intake", "actions",
        "campaigns", "strategies", "plans", "effect",
    ],
)  # fmt: skip
