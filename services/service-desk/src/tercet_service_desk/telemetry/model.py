"""Devices, where they were mounted, readings, rules of alarms, where each stands, and alarms."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Entity, Linked, Mapped, Owned, Searchable, column, index, unique
from tercet_service_desk.telemetry.errors import AlarmOver, AlarmThresholdsInvalid
from tercet_service_desk.telemetry.rules import Threshold

OPEN, RECOVERED, ENDED = "OPEN", "RECOVERED", "ENDED"


class Device(Owned, Searchable, Entity):
    """What measures an asset."""

    __tablename__ = "devices"
    __table_args__ = (
        unique("devices_by_code", "code", field="device.code"),
        index("devices_by_asset", "asset_id", where="asset_id IS NOT NULL"),
    )

    code: Mapped[str]
    display_name: Mapped[str] = column(default="")
    asset_id: Mapped[UUID | None]
    mount_time: Mapped[datetime | None]
    disabled: Mapped[bool] = column(default=False)


class DeviceMounting(Entity):
    """A time in which a device measured on an asset."""

    __tablename__ = "device_mountings"
    __table_args__ = (
        index("device_mountings_by_device", "device_id", "start_time"),
        index("device_mountings_by_asset", "asset_id"),
    )

    device_id: Mapped[UUID]
    asset_id: Mapped[UUID]
    start_time: Mapped[datetime]
    end_time: Mapped[datetime | None]


class DeviceReading(Entity):
    """What a device measured; never changed. The asset is the one on which it measured then."""

    __tablename__ = "device_readings"
    __message__ = None
    __table_args__ = (
        unique("device_readings_once", "device_id", "metric_code", "reading_time", field="readings"),
        index("device_readings_by_asset", "asset_id", "metric_code", "reading_time"),
        index("device_readings_by_time", "reading_time"),
    )

    device_id: Mapped[UUID]
    asset_id: Mapped[UUID | None]
    metric_code: Mapped[str]
    reading_time: Mapped[datetime]
    value: Mapped[float]


class AlarmRule(Entity):
    """Which values of a metric mean that somebody has to look."""

    __tablename__ = "alarm_rules"
    __table_args__ = (unique("alarm_rules_by_code", "code", field="alarm_rule.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    metric_code: Mapped[str]
    direction: Mapped[str]
    threshold: Mapped[float]
    clear_value: Mapped[float | None]
    hold_seconds: Mapped[int] = column(default=0)
    condition: Mapped[str] = column(default="")
    ticket_type_code: Mapped[str] = column(default="")
    priority: Mapped[str] = column(default="HIGH")
    channel_codes: Mapped[list[Any]] = column(default=list)
    template_code: Mapped[str] = column(default="")
    enabled: Mapped[bool] = column(default=True)

    @property
    def limits(self) -> Threshold:
        """As the rules see it."""
        clear = self.threshold if self.clear_value is None else self.clear_value
        return Threshold(self.direction, self.threshold, clear, timedelta(seconds=self.hold_seconds or 0))

    def check(self) -> None:
        """Refuses values that would both alarm and clear."""
        if not self.limits.valid:
            raise AlarmThresholdsInvalid(clear_value=self.clear_value, threshold=self.threshold)


class AlarmWatch(Entity):
    """Where an asset stands by one rule. Its row is the lock under which readings are judged."""

    __tablename__ = "alarm_watches"
    __message__ = None
    __table_args__ = (unique("alarm_watches_once", "asset_id", "alarm_rule_id"),)

    asset_id: Mapped[UUID]
    alarm_rule_id: Mapped[UUID]
    # The version of the rule by which it was judged; by another, all readings are looked at again.
    rule_version: Mapped[int] = column(default=0)
    cleared_time: Mapped[datetime | None]
    since_time: Mapped[datetime | None]
    last_time: Mapped[datetime | None]
    beyond_count: Mapped[int] = column(default=0)
    # The alarm that is open.
    alarm_id: Mapped[UUID | None]
    # Somebody ended the alarm: it does not come again before values have cleared.
    muted: Mapped[bool] = column(default=False)


class Alarm(Linked, Owned, Entity):
    """A time in which values of an asset lay beyond a threshold. Who it is about used the asset when it began."""

    __tablename__ = "alarms"
    __table_args__ = (
        index("alarms_by_asset", "asset_id", "start_time"),
        index("alarms_by_state", "state", "open_time"),
        index("alarms_by_rule", "alarm_rule_id", where="state = 'OPEN'"),
        index("alarms_to_tell", "open_time", where="notice = 'WAITING'"),
        index("alarms_by_identity", "identity_id"),
        index("alarms_by_party", "party_id"),
    )

    asset_id: Mapped[UUID]
    alarm_rule_id: Mapped[UUID]
    rule_code: Mapped[str]
    rule_name: Mapped[str]
    metric_code: Mapped[str]
    state: Mapped[str] = column(default=OPEN)
    start_time: Mapped[datetime]
    recover_time: Mapped[datetime | None]
    open_time: Mapped[datetime]
    occurrence_count: Mapped[int]
    peak_value: Mapped[float]
    ticket_id: Mapped[UUID | None]
    notice: Mapped[str] = column(default="NOT_WANTED")
    notice_reason_code: Mapped[str] = column(default="")
    send_id: Mapped[UUID | None]

    def over(self, state: str, at: datetime) -> None:
        """Ends it. Refuses one that is over."""
        if self.state != OPEN:
            raise AlarmOver(recover_time=self.recover_time.isoformat() if self.recover_time else "")
        self.state, self.recover_time = state, at
