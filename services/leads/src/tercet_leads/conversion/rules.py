"""What sales is asked to make of a lead: plain values, so that the words of both services meet in one place."""

from __future__ import annotations

from typing import Any


def opportunity_title(lead: Any, given: str) -> str:
    """The name given, or whom it is about. Never a number or address: a title is masked as a name is, not as those."""
    name = lead.company_name or lead.full_name or str(lead.id)
    return given or name[:300]


def phones(lead: Any) -> list[dict[str, Any]]:
    """The lead's numbers, the mobile one first."""
    numbers = [("mobile", lead.mobile), ("phone", lead.phone)]
    return [
        {"number": number[:60], "label": label, "primary": index == 0}
        for index, (label, number) in enumerate(n for n in numbers if n[1])
    ]


def emails(lead: Any) -> list[dict[str, Any]]:
    """The lead's mailbox."""
    return [{"address": lead.email, "primary": True}] if lead.email else []


def accounts(lead: Any) -> list[dict[str, Any]]:
    """The lead's accounts at messengers."""
    found = []
    if lead.wechat:
        found.append({"platform": "wechat", "account": lead.wechat, "primary": True})
    if lead.openid:
        found.append({"platform": "wechat-openid", "account": lead.openid, "platform_id": lead.openid})
    return found


def addresses(lead: Any) -> list[dict[str, Any]]:
    """The lead's address, if any part of it is known."""
    parts = {
        "country_code": lead.country_code,
        "province": lead.province,
        "city": lead.city,
        "district": lead.district,
        "street": lead.address,
    }
    known: dict[str, Any] = {name: value for name, value in parts.items() if value}
    if lead.longitude is not None and lead.latitude is not None:
        known.update(longitude=lead.longitude, latitude=lead.latitude)
    return [known] if known.keys() - {"country_code"} else []
