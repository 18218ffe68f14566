"""What texts may say of a customer."""

from __future__ import annotations

from typing import Any

from tercet_marketing.profiles.model import Profile


def customer_values(profile: Profile) -> dict[str, Any]:
    """The values under `customer.` in a template."""
    return {
        "name": profile.display_name,
        "kind": (profile.kind or "").lower(),
        "lifecycle": profile.lifecycle_code,
        "order_count": profile.order_count,
        "last_order_date": profile.last_order_time.date().isoformat() if profile.last_order_time else None,
        "tags": list(profile.tag_codes),
    }
