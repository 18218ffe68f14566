"""Accounts of channels, and what channels inside Tercet keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tercet_chassis.entity import Entity, Linked, Mapped, Owned, Searchable, column, index, money, unique
from tercet_chassis.money import Money
from tercet_chassis.sealing import Sealer

Seal = Callable[[str, str], str]  # (text, the row's id) -> text
LIVE, CONSOLE = "LIVE", "CONSOLE"
# What secrets of accounts are sealed for.
SEALED_FOR = "tercet channel secrets"


class Sealed:
    """Secrets of an account by name, never in clear."""

    if TYPE_CHECKING:
        id: Mapped[UUID]

    sealed: Mapped[dict[str, Any]] = column(default=dict)

    @property
    def secret_names(self) -> list[str]:
        """Which secrets are kept."""
        return sorted(self.sealed or {})

    def keep_secrets(self, secrets: Mapping[str, str], seal: Seal) -> None:
        """Replaces all secrets."""
        self.sealed = {name: seal(text, str(self.id)) for name, text in secrets.items()}

    def opened(self, unseal: Seal) -> dict[str, str]:
        """The secrets in clear."""
        return {name: unseal(text, str(self.id)) for name, text in (self.sealed or {}).items()}

    def seal_anew(self, sealer: Sealer) -> None:
        """The same secrets under the key that seals now, where some are under an older one."""
        if any(not sealer.is_current(text) for text in (self.sealed or {}).values()):
            self.keep_secrets(self.opened(sealer.open), sealer.seal)


class ChannelAccount(Sealed, Searchable, Entity):
    """How a tenant uses a channel."""

    __tablename__ = "channel_accounts"
    __table_args__ = (
        unique("channel_accounts_by_code", "code", field="channel_account.code"),
        index("channel_accounts_by_channel", "channel_code", "code"),
    )

    code: Mapped[str]
    channel_code: Mapped[str]
    display_name: Mapped[str] = column(default="")
    provider: Mapped[str | None]
    settings: Mapped[dict[str, Any]] = column(default=dict)
    sender: Mapped[str] = column(default="")
    sender_label: Mapped[str] = column(default="")
    message_cost: Mapped[Money | None] = money("message_cost")
    rate_per_second: Mapped[int] = column(default=0)
    preferred: Mapped[bool] = column(default=False)
    enabled: Mapped[bool] = column(default=True)


class ConsoleMessage(Entity):
    """A message that only the console got; its id is the send's."""

    __tablename__ = "console_messages"
    __table_args__ = (index("console_messages_by_time", "create_time"),)

    channel_code: Mapped[str]
    address: Mapped[dict[str, Any]] = column()
    subject: Mapped[str] = column(default="")
    text: Mapped[str] = column(default="")
    html: Mapped[str] = column(default="")
    handed_over: Mapped[int] = column(default=1)


class InAppMessage(Linked, Owned, Entity):
    """A message in a customer's own account; its id is the send's."""

    __tablename__ = "in_app_messages"
    __table_args__ = (
        index("in_app_messages_by_identity", "identity_id", "create_time"),
        index("in_app_messages_by_party", "party_id", "create_time"),
        index("in_app_messages_by_unit", "unit_id", "create_time"),
    )

    subject: Mapped[str] = column(default="")
    text: Mapped[str] = column(default="")
    html: Mapped[str] = column(default="")
    read_time: Mapped[datetime | None]

    def read(self, now: datetime) -> None:
        """The customer has read it; the first time counts."""
        self.read_time = self.read_time or now
