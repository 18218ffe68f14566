"""The gateway's slices; its HTTP face stands in `edge`."""

from __future__ import annotations

from tercet_chassis import Service

service = Service("gateway", slices=["tenants", "units", "roles", "users", "access", "webhooks", "views"])
