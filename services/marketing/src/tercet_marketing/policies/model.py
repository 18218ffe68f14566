"""Policies and their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tercet_chassis.entity import Entity, Mapped, Searchable, column, index, unique
from tercet_marketing.policies import rules
from tercet_marketing.policies.errors import (
    PolicyInUse,
    PolicyVersionFrozen,
    PolicyVersionNotPublished,
    ValidityCrossed,
)
from tercet_marketing.policies.rules import Json, Limits, Standing


class Policy(Searchable, Entity):
    """A set of numbers under a name."""

    __tablename__ = "policies"
    __table_args__ = (unique("policies_by_code", "code", field="policy.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    description: Mapped[str] = column(default="")
    published_version: Mapped[int] = column(default=0)
    latest_version: Mapped[int] = column(default=0)
    # Stays when the version is retired, for grants refer to it.
    ever_published: Mapped[bool] = column(default=False)

    def next_version(self) -> int:
        """Counts one version more."""
        self.latest_version = (self.latest_version or 0) + 1
        return self.latest_version

    def check_unused(self) -> None:
        """Refuses once a version was in force."""
        if self.ever_published:
            raise PolicyInUse(code=self.code)


class PolicyVersion(Entity):
    """One version of a policy's numbers."""

    __tablename__ = "policy_versions"
    __table_args__ = (
        unique("policy_versions_by_number", "policy_code", "version", field="policy_version.version"),
        index("policy_versions_by_state", "state", "policy_code"),
    )

    policy_code: Mapped[str]
    version: Mapped[int]
    state: Mapped[str] = column(default="DRAFT")
    tool_codes: Mapped[list[str]] = column(default=list)
    currency_code: Mapped[str] = column(default="")
    numbers: Mapped[dict[str, Any]] = column(default=dict)
    rows: Mapped[list[Any]] = column(default=list)
    issue_limits: Mapped[dict[str, Any] | None]
    redeem_limits: Mapped[dict[str, Any] | None]
    validity: Mapped[dict[str, Any] | None]
    stacking: Mapped[dict[str, Any] | None]
    budget_code: Mapped[str] = column(default="")
    funded_by: Mapped[str] = column(default="")
    return_rule: Mapped[str] = column(default="RETURN_RULE_UNSPECIFIED")
    publish_time: Mapped[datetime | None]
    retire_time: Mapped[datetime | None]

    def must_be_draft(self) -> None:
        """Refuses to change what was published."""
        if self.state != "DRAFT":
            raise PolicyVersionFrozen(version=self.version, policy_code=self.policy_code, state=self.state)

    def check_validity(self) -> None:
        """Refuses one that ends before it begins."""
        if rules.crossed(self.validity):
            raise ValidityCrossed()

    def publish(self, now: datetime) -> None:
        """Comes into force."""
        self.must_be_draft()
        self.state, self.publish_time = "PUBLISHED", now

    def retire(self, now: datetime) -> None:
        """Goes out of force. Refuses what is not in force."""
        if self.state != "PUBLISHED":
            raise PolicyVersionNotPublished(version=self.version, policy_code=self.policy_code, state=self.state)
        self.state, self.retire_time = "RETIRED", now

    def numbers_for(self, standing: Standing) -> Json:
        """The numbers that count for a beneficiary."""
        return rules.resolved(self.numbers, self.rows, standing)

    def period(self, issued: datetime, zone: str) -> tuple[datetime | None, datetime | None]:
        """From when, and until when not any more, something issued at a time can be used."""
        return rules.period(self.validity, issued, zone)

    def limits(self, purpose: str) -> Limits:
        """How often it may be issued or redeemed (`ISSUE`, `REDEEM`)."""
        return Limits.of(self.issue_limits if purpose == "ISSUE" else self.redeem_limits)

    def exclusive_group(self, tool_code: str) -> str:
        """The group of which one is used on an order."""
        return str((self.stacking or {}).get("exclusive_group") or tool_code)

    @property
    def order(self) -> int:
        """Lower is taken off first."""
        return int((self.stacking or {}).get("order") or 0)

    @property
    def comes_back(self) -> bool:
        """Whether what was used comes back with the lines of an order that come back."""
        return self.return_rule != "NOTHING"

    @property
    def alone(self) -> bool:
        """Whether it is used alone or not at all."""
        return bool((self.stacking or {}).get("alone"))
