"""RPCs of devices, rules of alarms and alarms beyond the free ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.empty_pb2 import Empty

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.servicedesk.v1 import alarm_rule_service_pb2 as rules_pb
from tercet.servicedesk.v1 import alarm_service_pb2 as alarms_pb
from tercet.servicedesk.v1 import device_service_pb2 as pb
from tercet.servicedesk.v1 import events_pb2 as events
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.conditions import understood
from tercet_chassis.entity import view
from tercet_chassis.invariants import finding
from tercet_service_desk.assets.errors import AssetUnknown
from tercet_service_desk.assets.model import Asset
from tercet_service_desk.telemetry import judging, store
from tercet_service_desk.telemetry.errors import (
    DeviceMountedLater,
    DeviceNotMounted,
    DeviceWasMounted,
    MountingInFuture,
)
from tercet_service_desk.telemetry.facts import ASSETS
from tercet_service_desk.telemetry.jobs import KEPT, retire_alarms
from tercet_service_desk.telemetry.model import Alarm, AlarmRule, Device, DeviceMounting
from tercet_service_desk.telemetry.store import Row
from tercet_service_desk.types.errors import TicketTypeUnknown
from tercet_service_desk.types.store import machines

Finding = CheckInvariantsResponse.Finding
# A device's clock may run ahead by so much.
_AHEAD = timedelta(minutes=5)
_MOST_FAULTS = 100


class DeviceService(Handlers):
    """Serves tercet.servicedesk.v1.DeviceService."""

    async def DeleteDevice(self, request: pb.DeleteDeviceRequest, tx: Tx) -> Empty:
        """Deletes a device that has measured nothing. Refuses one that was mounted."""
        device = await tx.get(Device, request.id, etag=request.etag, lock=True)
        if await store.latest_mounting(tx, device.id) is not None:
            raise DeviceWasMounted()
        tx.emit(events.DeviceDeleted, device)
        await tx.delete(device)
        return Empty()

    async def MountDevice(self, request: pb.MountDeviceRequest, tx: Tx) -> Device:
        """Records on which asset a device measures from a time on."""
        device = await tx.get(Device, request.id, lock=True)
        asset = await tx.find(Asset, request.asset_id)
        if asset is None:
            raise AssetUnknown(asset_id=request.asset_id)
        start = _moment(request, "start_time", tx)
        await _dismount(tx, device, start)
        tx.add(DeviceMounting(device_id=device.id, asset_id=asset.id, start_time=start))
        device.asset_id, device.mount_time = asset.id, start
        tx.emit(events.DeviceUpdated, device, occur_time=start)
        return device

    async def UnmountDevice(self, request: pb.UnmountDeviceRequest, tx: Tx) -> Device:
        """Records that a device measures on nothing from a time on."""
        device = await tx.get(Device, request.id, lock=True)
        if device.asset_id is None:
            raise DeviceNotMounted()
        end = _moment(request, "end_time", tx)
        await _dismount(tx, device, end)
        device.asset_id, device.mount_time = None, None
        tx.emit(events.DeviceUpdated, device, occur_time=end)
        return device

    async def ListDeviceMountings(
        self, request: pb.ListDeviceMountingsRequest, tx: Tx
    ) -> pb.ListDeviceMountingsResponse:
        """Where a device measured and measures."""
        device = await tx.get(Device, request.device_id)
        where = [view(DeviceMounting).c.device_id == device.id]
        answer = await tx.page(DeviceMounting, request, response=pb.ListDeviceMountingsResponse, where=where)
        assert isinstance(answer, pb.ListDeviceMountingsResponse)
        return answer

    async def RecordReadings(self, request: pb.RecordReadingsRequest, tx: Tx) -> pb.RecordReadingsResponse:
        """Takes readings, each once, and judges them; names those that it cannot take."""
        devices = await store.devices_by_code(tx, {reading.device_code for reading in request.readings})
        mounted = await store.mountings(tx, devices.values())
        oldest, newest = tx.now() - KEPT, tx.now() + _AHEAD
        answer, rows = pb.RecordReadingsResponse(), []
        for position, reading in enumerate(request.readings):
            at, device_id = reading.reading_time.ToDatetime(tzinfo=UTC), devices.get(reading.device_code)
            if device_id is None or not oldest <= at <= newest:
                answer.fault_count += 1
                if answer.fault_count <= _MOST_FAULTS:
                    late = "READING_TOO_OLD" if at < oldest else "READING_FROM_FUTURE"
                    answer.faults.add(position=position, reason_code="DEVICE_UNKNOWN" if device_id is None else late)
                continue
            asset_id = _asset_at(mounted.get(device_id, ()), at)
            rows.append(Row(device_id, asset_id, reading.metric_code, at, reading.value))
        answer.recorded_count = await judging.record(tx, rows) if rows else 0
        answer.known_count = len(rows) - answer.recorded_count
        return answer

    async def ListReadings(self, request: pb.ListReadingsRequest, tx: Tx) -> pb.ListReadingsResponse:
        """Readings of an asset's metric, newest first."""
        asset = await tx.get(Asset, request.asset_id)
        since = request.from_time.ToDatetime(tzinfo=UTC) if request.HasField("from_time") else None
        until = request.to_time.ToDatetime(tzinfo=UTC) if request.HasField("to_time") else tx.now() + _AHEAD
        answer = pb.ListReadingsResponse()
        for row in await store.readings(tx, asset.id, request.metric_code, since, until, request.page_size or 100):
            shown = answer.readings.add(
                device_code=row["code"], metric_code=request.metric_code, value=row["value"], asset_id=str(asset.id)
            )
            shown.reading_time.FromDatetime(row["reading_time"])
        return answer


class AlarmRuleService(Handlers):
    """Serves tercet.servicedesk.v1.AlarmRuleService."""

    async def CreateAlarmRule(self, request: rules_pb.CreateAlarmRuleRequest, tx: Tx) -> AlarmRule:
        """Adds a rule. Refuses a condition that does not parse, values that alarm and clear, an unknown type."""
        given = request.alarm_rule
        rule = await tx.create(AlarmRule, given)
        rule.priority = rule.priority if given.priority else "HIGH"
        rule.enabled = given.enabled if given.HasField("enabled") else True
        await _check(tx, rule)
        tx.emit(events.AlarmRuleCreated, rule)
        return rule

    async def UpdateAlarmRule(self, request: rules_pb.UpdateAlarmRuleRequest, tx: Tx) -> AlarmRule:
        """Changes a rule, with the same refusals; one that is disabled ends its alarms."""
        given = request.alarm_rule
        rule = await tx.get(AlarmRule, given.id, etag=given.etag, lock=True)
        await tx.patch(rule, given, request.update_mask if request.HasField("update_mask") else None)
        await _check(tx, rule)
        if not rule.enabled:
            tx.schedule(retire_alarms, due=tx.now(), key=str(rule.id), rule_id=str(rule.id))
        tx.emit(events.AlarmRuleUpdated, rule)
        return rule

    async def DeleteAlarmRule(self, request: rules_pb.DeleteAlarmRuleRequest, tx: Tx) -> Empty:
        """Deletes a rule and ends its alarms."""
        rule = await tx.get(AlarmRule, request.id, etag=request.etag, lock=True)
        tx.schedule(retire_alarms, due=tx.now(), key=str(rule.id), rule_id=str(rule.id))
        tx.emit(events.AlarmRuleDeleted, rule)
        await tx.delete(rule)
        return Empty()


class AlarmService(Handlers):
    """Serves tercet.servicedesk.v1.AlarmService."""

    async def EndAlarm(self, request: alarms_pb.EndAlarmRequest, tx: Tx) -> Alarm:
        """Ends an alarm by hand. Refuses one that is over."""
        alarm = await tx.get(Alarm, request.id, etag=request.etag)
        await judging.end(tx, alarm, muted=True)
        return alarm


async def _check(tx: Tx, rule: AlarmRule) -> None:
    await understood(tx, ASSETS, "assets", rule.condition or "", "alarm_rule.condition")
    rule.check()
    known = await machines(tx)
    if rule.ticket_type_code and known and rule.ticket_type_code not in known:
        raise TicketTypeUnknown(type_code=rule.ticket_type_code, known=", ".join(sorted(known)))


async def _dismount(tx: Tx, device: Device, at: datetime) -> None:
    """Ends where a device is mounted. Refuses a moment before that began."""
    latest = await store.latest_mounting(tx, device.id)
    if latest is None:
        return
    if latest.start_time >= at or (latest.end_time is not None and latest.end_time > at):
        raise DeviceMountedLater(start_time=latest.start_time.isoformat())
    latest.end_time = latest.end_time or at


def _moment(request: Any, name: str, tx: Tx) -> datetime:
    at: datetime = getattr(request, name).ToDatetime(tzinfo=UTC) if request.HasField(name) else tx.now()
    if at > tx.now():
        raise MountingInFuture()
    return at


def _asset_at(mountings: Any, at: datetime) -> Any:
    for mounting in mountings:
        if mounting["start_time"] <= at:
            return mounting["asset_id"] if mounting["end_time"] is None or at < mounting["end_time"] else None
    return None


@invariant
async def one_open_alarm(tx: Tx) -> Finding:
    """No asset has two open alarms of one rule, and whatever is open is watched."""
    total, broken = await store.astray(tx)
    return finding("telemetry.one_open_alarm", total, broken)
