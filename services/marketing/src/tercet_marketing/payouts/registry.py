"""The payers that are installed: every entry point of the group, ours and others'. A broken one stops the start."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

from tercet_marketing.channels.registry import loaded
from tercet_marketing.payouts.contract import Payer

GROUP = "tercet.marketing.payers"


class PayerBroken(SystemExit):
    """A payer that is installed cannot be used."""


@cache
def installed() -> Mapping[str, Payer]:
    """The payers of this installation, by code."""
    return loaded(entry_points(group=GROUP), Payer, PayerBroken)  # type: ignore[type-abstract]
