"""Sessions and API keys as rows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, Searchable, column, index, unique
from tercet_gateway.access.rules import session_end

ACTIVE, ENDED, REVOKED = "ACTIVE", "ENDED", "REVOKED"


class Session(Entity):
    """A user's stay. `generation` numbers the one refresh token that is taken; `epoch` is the user's when it began."""

    __tablename__ = "sessions"
    __table_args__ = (index("sessions_by_user", "user_id", "state"),)

    user_id: Mapped[UUID]
    state: Mapped[str] = column(default=ACTIVE)
    begin_time: Mapped[datetime]
    refresh_time: Mapped[datetime]
    expire_time: Mapped[datetime]
    end_reason: Mapped[str] = column(default="")
    client: Mapped[str] = column(default="")
    generation: Mapped[int] = column(default=1)
    epoch: Mapped[int] = column(default=0)

    def is_open(self, now: datetime, epoch: int) -> bool:
        """Whether its tokens are taken: not ended, not expired, and the user's sessions were not ended together."""
        return self.state == ACTIVE and now < self.expire_time and self.epoch == epoch

    def renew(self, now: datetime) -> None:
        """The next refresh token; the one before is spent."""
        self.generation += 1
        self.refresh_time = now
        self.expire_time = session_end(self.begin_time, now)

    def end(self, reason: str) -> None:
        """Ends it; a second time changes nothing."""
        if self.state == ACTIVE:
            self.state, self.end_reason = ENDED, reason


class ApiKey(Searchable, Entity):
    """A key for a program; only its digest is kept."""

    __tablename__ = "api_keys"
    __table_args__ = (unique("api_keys_by_name", "name", field="api_key.name"),)

    name: Mapped[str]
    role_code: Mapped[str]
    unit_id: Mapped[UUID | None]
    scopes: Mapped[list[str]] = column(default=list)
    expire_time: Mapped[datetime | None]
    state: Mapped[str] = column(default=ACTIVE)
    last_use_time: Mapped[datetime | None]
    prefix: Mapped[str] = column(default="")
    digest: Mapped[str] = column(default="")

    def revoke(self) -> None:
        """Ends it for good; a second time changes nothing."""
        self.state = REVOKED

    def refusal(self, now: datetime) -> str | None:
        """Why it is not taken; None when it is."""
        if self.state != ACTIVE:
            return "revoked"
        return "expired" if self.expire_time is not None and self.expire_time <= now else None
