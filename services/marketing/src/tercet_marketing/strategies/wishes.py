"""From what a version says and what is known of a customer to what arbitration goes by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

from tercet_marketing.sends.rules import Window
from tercet_marketing.strategies.rules import Cap, Wish

# What a version must say to be decided and carried out.
_NEEDED = ("budget_code", "campaign_id", "strategy_id")
_NEEDED_OF_ACTION = ("tool_code", "policy_code", "policy_version", "template_code", "variables")


class Unreadable(Exception):
    """A version that says something else than versions do now."""


def readable(strategy_code: str, content: Mapping[str, Any]) -> Wish:
    """What a version wants. Raises Unreadable when it cannot be read, such as one that was written long ago."""
    try:
        wish = wish_of(strategy_code, "", content)
        missing = [name for name in _NEEDED if name not in content]
        missing += [name for name in _NEEDED_OF_ACTION if name not in content["action"]]
    except KeyError as lacking:
        raise Unreadable(f"it does not say {lacking.args[0]}") from lacking
    except (TypeError, ValueError, ArithmeticError) as wrong:
        raise Unreadable(str(wrong)) from wrong
    if missing:
        raise Unreadable(f"it does not say {', '.join(missing)}")
    return wish


def wish_of(strategy_code: str, occasion: str, content: Mapping[str, Any]) -> Wish:
    """What a version of a strategy wants on an occasion."""
    quiet, percent = content["quiet_hours"], content["holdout_percent"]
    return Wish(
        strategy_code=strategy_code,
        occasion=occasion,
        priority=content["priority"],
        purpose=content["purpose"],
        channel_codes=tuple(content["action"]["channel_codes"]),
        recipient_roles=tuple(content.get("recipient_roles") or ()),
        begin_date=_day(content["begin_date"]),
        end_date=_day(content["end_date"]),
        exclusion_group=content["exclusion_group"],
        exclusion_days=content["exclusion_days"] or 1,
        excluded_segments=frozenset(content["excluded_segment_codes"]),
        reentry_days=content["reentry_days"],
        holdout=Decimal(percent or 0) / 100,
        caps=tuple(Cap(cap["days"], cap["most"], cap.get("of") or "STRATEGY") for cap in content["caps"]),
        quiet_hours=Window(time.fromisoformat(quiet["begin"]), time.fromisoformat(quiet["end"])) if quiet else None,
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
