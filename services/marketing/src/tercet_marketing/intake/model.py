"""How far each account was fetched, and what could not be read."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, column, index, unique
from tercet_marketing.intake.errors import QuarantinedMessageEnded

# Longer than one fetch with all its waits takes; in machine time, as are all times here: mail comes in real time.
LEASE = timedelta(minutes=6)
_MOST_DELAY = timedelta(hours=1)
WAITING, TAKEN, DISCARDED = "WAITING", "TAKEN", "DISCARDED"


class ChannelIntake(Entity):
    """How far one account was fetched. `lease_id` is the look that is under way: whoever holds it may take and mark."""

    __tablename__ = "channel_intakes"
    __table_args__ = (unique("channel_intakes_by_account", "account_code", field="account_code"),)

    account_code: Mapped[str]
    mark: Mapped[str] = column(default="")
    lease_id: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    begin_time: Mapped[datetime | None]
    look_time: Mapped[datetime | None]
    next_time: Mapped[datetime | None]
    failure_count: Mapped[int] = column(default=0)
    detail: Mapped[str] = column(default="")
    received_count: Mapped[int] = column(default=0)
    reported_count: Mapped[int] = column(default=0)
    quarantined_count: Mapped[int] = column(default=0)

    def is_due(self, moment: datetime) -> bool:
        """Whether it is time to look, and nobody is at it."""
        return self.is_free(moment) and (self.next_time is None or self.next_time <= moment)

    def is_free(self, moment: datetime) -> bool:
        """Whether nobody is at it who still lives."""
        return self.lease_until is None or self.lease_until <= moment

    def begin(self, lease_id: UUID, moment: datetime) -> None:
        """Somebody looks from here on."""
        self.lease_id, self.lease_until, self.begin_time = lease_id, moment + LEASE, moment

    def advance(self, mark: str, moment: datetime) -> None:
        """All before the mark has been taken."""
        self.mark, self.lease_until = mark, moment + LEASE
        self.failure_count, self.detail = 0, ""

    def end(self, moment: datetime, interval: timedelta) -> None:
        """There is no more: all that lay there when the look began has been taken."""
        self.lease_id = self.lease_until = None
        self.look_time, self.next_time = self.begin_time, moment + interval

    def fail(self, detail: str, moment: datetime, interval: timedelta) -> None:
        """It could not be looked into: again later, less and less often."""
        self.lease_id = self.lease_until = None
        self.failure_count = (self.failure_count or 0) + 1
        self.detail = detail[:500]
        self.next_time = moment + max(interval, min(interval * 2 ** min(self.failure_count - 1, 12), _MOST_DELAY))


class QuarantinedMessage(Entity):
    """What could not be read; `digest` is that of its source, so that it is kept once."""

    __tablename__ = "quarantined_messages"
    __table_args__ = (
        unique("quarantined_messages_once", "account_code", "digest", field="account_code"),
        index("quarantined_messages_by_state", "state", "create_time"),
    )

    account_code: Mapped[str]
    digest: Mapped[str]
    place: Mapped[str] = column(default="")
    state: Mapped[str] = column(default=WAITING)
    cause: Mapped[str] = column(default="")
    byte_count: Mapped[int] = column(default=0)
    file_id: Mapped[UUID]
    excerpt: Mapped[str] = column(default="")

    def end(self, state: str) -> None:
        """It was read, or needs no reading. Refuses one that waits for nobody."""
        self.require_waiting()
        self.state = state

    def require_waiting(self) -> None:
        """Refuses one that waits for nobody."""
        if self.state != WAITING:
            raise QuarantinedMessageEnded(state=self.state)
