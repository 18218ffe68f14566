"""What a customer takes over from one that is joined into it, and how that is taken out again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

# Blank ones are filled in. Grade, credit and the lead it came from are each customer's own and are not.
SCALARS = (
    *("full_name", "company_name", "uscc", "industry_code", "birth_date", "time_zone", "language_code"),
    *("source_code", "lifecycle_code", "remark", "owner_id", "partner_party_id"),
)
# Lists take what they lack, told apart by these parts.
LISTS: Mapping[str, tuple[str, ...]] = {
    "phones": ("number",),
    "emails": ("address",),
    "accounts": ("platform", "account"),
    "addresses": ("country_code", "province", "city", "district", "street"),
}


def plain(value: Any) -> Any:
    """A column's value as it is kept with the merge."""
    return value.isoformat() if isinstance(value, date) else value if isinstance(value, str) else str(value)


def filled_by(customer: Any, other: Any) -> dict[str, Any]:
    """What `other` has and `customer` lacks: texts by name, entries of lists, own fields under `custom`."""
    found: dict[str, Any] = {
        name: plain(value)
        for name in SCALARS
        if not getattr(customer, name) and (value := getattr(other, name)) not in (None, "")
    }
    for name, keys in LISTS.items():
        known = {tuple(point.get(key) for key in keys) for point in getattr(customer, name)}
        points = [point for point in getattr(other, name) if tuple(point.get(key) for key in keys) not in known]
        if points:
            primary = any(point.get("primary") for point in getattr(customer, name))
            found[name] = [
                {**point, "primary": False} if primary and point.get("primary") else point for point in points
            ]
    own = {key: value for key, value in (other.custom or {}).items() if key not in (customer.custom or {})}
    return found | ({"custom": own} if own else {})


def fill(customer: Any, other: Any, filled: Mapping[str, Any]) -> None:
    """Puts what was found lacking into the customer."""
    for name, value in filled.items():
        if name in LISTS:
            setattr(customer, name, [*getattr(customer, name), *value])
        elif name == "custom":
            customer.custom = {**(customer.custom or {}), **value}
        else:
            setattr(customer, name, getattr(other, name))


def empty_again(customer: Any, filled: Mapping[str, Any]) -> None:
    """Takes out what was filled in; what somebody changed since stays."""
    for name, value in filled.items():
        if name in LISTS:
            setattr(customer, name, [point for point in getattr(customer, name) if point not in value])
        elif name == "custom":
            kept = customer.custom or {}
            customer.custom = {key: held for key, held in kept.items() if key not in value or held != value[key]}
        elif getattr(customer, name) is not None and plain(getattr(customer, name)) == value:
            setattr(customer, name, None)
