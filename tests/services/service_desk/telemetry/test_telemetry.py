"""Readings and alarms on the real service: once, in any order, one ticket, and whoever used it is told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from support.mail_desk import entries
from support.sending import DENIED, SERVICE, decides, email, phone, somebody
from support.services import away
from tercet.chassis.v1 import maintenance_service_pb2 as checking
from tercet.marketing.v1 import send_service_pb2 as sends
from tercet.sales.v1 import promise_service_pb2 as promises
from tercet.servicedesk.v1 import alarm_rule_service_pb2 as rules
from tercet.servicedesk.v1 import alarm_service_pb2 as alarms
from tercet.servicedesk.v1 import asset_service_pb2 as assets
from tercet.servicedesk.v1 import device_service_pb2 as pb
from tercet.servicedesk.v1 import ticket_service_pb2 as tickets
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, Together, eventually, refused

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
State = alarms.Alarm.State


def stamp(at: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(at)
    return message


async def fitted(desk: Client, code: str = "", **values: Any) -> tuple[assets.Asset, str]:
    """An asset with a device on it for a month."""
    asset = assets.Asset(**{"kind_code": "excavator", "display_name": "挖掘机 320", **values})
    asset = await desk.CreateAsset(assets.CreateAssetRequest(asset=asset))
    code = code or f"dev-{str(new_id())[-12:]}"
    device = await desk.CreateDevice(pb.CreateDeviceRequest(device=pb.Device(code=code, unit_id=asset.unit_id)))
    mount = pb.MountDeviceRequest(id=device.id, asset_id=asset.id, start_time=stamp(NOW - 30 * DAY))
    await desk.MountDevice(mount)
    return asset, code


async def ruled(desk: Client, **values: Any) -> rules.AlarmRule:
    rule = rules.AlarmRule(
        **{
            "code": f"hot-{str(new_id())[-8:]}",
            "display_name": "油温过高",
            "metric_code": "oil_temperature",
            "direction": rules.AlarmRule.ABOVE,
            "threshold": 100,
            "clear_value": 90.0,
            **values,
        }
    )
    made: rules.AlarmRule = await desk.CreateAlarmRule(rules.CreateAlarmRuleRequest(alarm_rule=rule))
    return made


def readings(code: str, *told: tuple[datetime, float]) -> pb.RecordReadingsRequest:
    request = pb.RecordReadingsRequest()
    for at, value in told:
        request.readings.add(device_code=code, metric_code="oil_temperature", value=value, reading_time=stamp(at))
    return request


async def alarms_of(desk: Client, asset: assets.Asset) -> list[alarms.Alarm]:
    await desk.settled()
    request = alarms.ListAlarmsRequest(filter=f'asset_id = "{asset.id}"', order_by="start_time")
    return list((await desk.ListAlarms(request)).alarms)


async def tickets_of(desk: Client, asset: assets.Asset) -> list[tickets.Ticket]:
    request = tickets.ListTicketsRequest(filter=f'asset_id = "{asset.id}"')
    return list((await desk.ListTickets(request)).tickets)


async def test_ten_thousand_readings_in_parallel_are_one_alarm_and_one_ticket(service_desk: Client) -> None:
    asset, code = await fitted(service_desk)
    user, other = new_id(), new_id()
    for who, start in ((user, 20 * DAY), (other, HOUR)):
        hand = assets.HandOverAssetRequest(
            id=asset.id, role=assets.AssetHolding.USER, identity_id=str(who), start_time=stamp(NOW - start)
        )
        await service_desk.HandOverAsset(hand)
    await ruled(service_desk)
    batches = [
        readings(
            code, *((NOW - 2 * HOUR + timedelta(milliseconds=100 * (part + 20 * i)), 101.0 + part) for i in range(500))
        )
        for part in range(20)
    ]
    # Some twice, in parallel, as a gateway does that heard no answer.
    answers = await asyncio.gather(*(service_desk.RecordReadings(batch) for batch in [*batches, *batches[:4]]))
    assert sum(answer.recorded_count for answer in answers) == 10_000
    assert sum(answer.known_count for answer in answers) == 2_000
    (alarm,) = await alarms_of(service_desk, asset)
    (ticket,) = await tickets_of(service_desk, asset)
    assert (alarm.occurrence_count, alarm.peak_value, alarm.state) == (10_000, 120.0, State.OPEN)
    # Whoever used it when it happened, not who uses it now.
    assert (alarm.party_id, ticket.party_id, ticket.id) == (str(user), str(user), alarm.ticket_id)
    assert (ticket.arrival, ticket.priority) == (tickets.Ticket.DEVICE, tickets.Ticket.HIGH)
    # Recovery closes both; a late reading from before does not open them again.
    await service_desk.RecordReadings(readings(code, (NOW - HOUR, 85.0)))
    (alarm,) = await alarms_of(service_desk, asset)
    (ticket,) = await tickets_of(service_desk, asset)
    assert (alarm.state, ticket.state) == (State.RECOVERED, tickets.Ticket.SOLVED)
    late = NOW - HOUR - timedelta(seconds=1)
    await service_desk.RecordReadings(readings(code, (late, 150.0)))
    assert len(await alarms_of(service_desk, asset)) == 1
    await service_desk.RecordReadings(readings(code, (NOW, 150.0)))
    assert [one.state for one in await alarms_of(service_desk, asset)] == [State.RECOVERED, State.OPEN]
    found = await service_desk.CheckInvariants(checking.CheckInvariantsRequest())
    assert [one.holds for one in found.findings if one.invariant == "telemetry.one_open_alarm"] == [True]


async def test_an_alarm_began_when_its_earliest_reading_says_however_late_that_comes(service_desk: Client) -> None:
    asset, code = await fitted(service_desk)
    await ruled(service_desk)
    for ago in (1, 3, 2):
        await service_desk.RecordReadings(readings(code, (NOW - ago * HOUR, 120.0)))
    (alarm,) = await alarms_of(service_desk, asset)
    assert alarm.occurrence_count == 3
    assert alarm.start_time == stamp(NOW - 3 * HOUR)


async def test_recovery_only_notes_where_somebody_works_and_passing_alarms_call_nobody(service_desk: Client) -> None:
    asset, code = await fitted(service_desk)
    await ruled(service_desk, hold_seconds=60)
    at = NOW - HOUR
    minute = timedelta(minutes=1)
    await service_desk.RecordReadings(readings(code, (at, 120.0), (at + minute / 2, 95.0)))
    assert not await alarms_of(service_desk, asset)
    await service_desk.RecordReadings(readings(code, (at + minute, 95.0)))
    (alarm,) = await alarms_of(service_desk, asset)
    await service_desk.AddTicketNote(tickets.AddTicketNoteRequest(id=alarm.ticket_id, body="已联系司机"))
    await service_desk.RecordReadings(readings(code, (at + 2 * minute, 80.0)))
    (alarm,) = await alarms_of(service_desk, asset)
    (ticket,) = await tickets_of(service_desk, asset)
    assert (alarm.state, ticket.state, ticket.entry_count) == (State.RECOVERED, tickets.Ticket.NEW, 2)
    # Hot for ten minutes while nobody could tell us: on record, and no ticket.
    backlog = [(at + (10 + i) * minute, 120.0) for i in range(10)] + [(at + 20 * minute, 60.0)]
    await service_desk.RecordReadings(readings(code, *backlog))
    _, over = await alarms_of(service_desk, asset)
    assert (over.state, over.occurrence_count, over.ticket_id) == (State.RECOVERED, 10, "")
    assert len(await tickets_of(service_desk, asset)) == 1


async def test_what_cannot_be_taken_is_named_and_devices_count_where_they_were(service_desk: Client) -> None:
    asset, code = await fitted(service_desk)
    second, _ = await fitted(service_desk)
    await ruled(service_desk, condition='kind_code = "excavator"')
    await ruled(service_desk, condition='kind_code = "vehicle"')
    device = (await service_desk.ListDevices(pb.ListDevicesRequest(q=code))).devices[0]
    await service_desk.MountDevice(
        pb.MountDeviceRequest(id=device.id, asset_id=second.id, start_time=stamp(NOW - HOUR))
    )
    request = readings(
        code,
        (NOW - 2 * HOUR, 120.0),
        (NOW, 120.0),
        (NOW, 120.0),
        (NOW - 91 * DAY, 1.0),
        (NOW + HOUR, 1.0),
        (NOW - 31 * DAY, 120.0),
    )
    request.readings.add(device_code="nobody", metric_code="x", reading_time=stamp(NOW))
    answer = await service_desk.RecordReadings(request)
    assert (answer.recorded_count, answer.known_count) == (3, 1)
    reasons = [(fault.position, fault.reason_code) for fault in answer.faults]
    assert reasons == [(3, "READING_TOO_OLD"), (4, "READING_FROM_FUTURE"), (6, "DEVICE_UNKNOWN")]
    assert len(await alarms_of(service_desk, asset)) == len(await alarms_of(service_desk, second)) == 1
    shown = await service_desk.ListReadings(pb.ListReadingsRequest(asset_id=asset.id, metric_code="oil_temperature"))
    assert [reading.value for reading in shown.readings] == [120.0]
    with refused("DEVICE_MOUNTED_LATER"):
        await service_desk.MountDevice(
            pb.MountDeviceRequest(id=device.id, asset_id=asset.id, start_time=stamp(NOW - DAY))
        )
    with refused("DEVICE_WAS_MOUNTED"):
        await service_desk.DeleteDevice(pb.DeleteDeviceRequest(id=device.id))
    stranger = service_desk.as_(permissions={"service-desk.device.record": "own"})
    told = await stranger.RecordReadings(readings(code, (NOW, 1.0)))
    assert [fault.reason_code for fault in told.faults] == ["DEVICE_UNKNOWN"]


async def test_ended_alarms_stay_away_until_values_clear_and_rules_take_theirs_along(service_desk: Client) -> None:
    asset, code = await fitted(service_desk)
    rule = await ruled(service_desk)
    at = NOW - HOUR
    seconds = [at + timedelta(seconds=i) for i in range(10)]
    await service_desk.RecordReadings(readings(code, (seconds[0], 120.0)))
    (alarm,) = await alarms_of(service_desk, asset)
    await service_desk.EndAlarm(alarms.EndAlarmRequest(id=alarm.id))
    with refused("ALARM_OVER"):
        await service_desk.EndAlarm(alarms.EndAlarmRequest(id=alarm.id))
    await service_desk.RecordReadings(readings(code, (seconds[1], 130.0)))
    assert [one.state for one in await alarms_of(service_desk, asset)] == [State.ENDED]
    await service_desk.RecordReadings(readings(code, (seconds[2], 80.0), (seconds[3], 130.0)))
    assert [one.state for one in await alarms_of(service_desk, asset)] == [State.ENDED, State.OPEN]
    # By another threshold all that is kept is looked at again.
    change = rules.AlarmRule(id=rule.id, threshold=140, clear_value=135.0)
    await service_desk.UpdateAlarmRule(rules.UpdateAlarmRuleRequest(alarm_rule=change))
    await service_desk.RecordReadings(readings(code, (seconds[4], 136.0)))
    assert [one.state for one in await alarms_of(service_desk, asset)] == [State.ENDED, State.RECOVERED]
    await service_desk.RecordReadings(readings(code, (seconds[5], 150.0)))
    await service_desk.DeleteAlarmRule(rules.DeleteAlarmRuleRequest(id=rule.id))
    assert [one.state for one in await alarms_of(service_desk, asset)] == [State.ENDED, State.RECOVERED, State.ENDED]
    with refused("ALARM_THRESHOLDS_INVALID", "alarm_rule.clear_value"):
        await ruled(service_desk, clear_value=101.0)
    with refused("CONDITION_INVALID", "alarm_rule.condition"):
        await ruled(service_desk, condition="nothing = 1")


async def test_recovery_solves_no_ticket_that_carries_a_promise(service_desk: Client, sales: Client) -> None:
    asset, code = await fitted(service_desk)
    user = str(new_id())
    hand = assets.HandOverAssetRequest(
        id=asset.id, role=assets.AssetHolding.USER, identity_id=user, start_time=stamp(NOW - DAY)
    )
    await service_desk.HandOverAsset(hand)
    wanted = promises.Promise(text="换机油", identity_id=user, party_id=user)
    await sales.CreatePromise(promises.CreatePromiseRequest(promise=wanted))
    await sales.settled()
    await ruled(service_desk)
    await service_desk.RecordReadings(readings(code, (NOW - HOUR, 120.0)))
    assert len(await alarms_of(service_desk, asset)) == 1
    await service_desk.RecordReadings(readings(code, (NOW - HOUR / 2, 80.0)))
    (alarm,) = await alarms_of(service_desk, asset)
    (ticket,) = await tickets_of(service_desk, asset)
    assert (alarm.state, ticket.state, ticket.entry_count) == (State.RECOVERED, tickets.Ticket.NEW, 1)
    assert [entry.kind for entry in await entries(service_desk, ticket)] == [tickets.TicketEntry.NOTE]


async def test_whoever_used_it_is_told_once(service_desk: Client, marketing: Client) -> None:
    asset, code = await fitted(service_desk)
    user = await somebody(marketing, "王芳", email("wang@example.com"))
    hand = assets.HandOverAssetRequest(
        id=asset.id, role=assets.AssetHolding.USER, identity_id=str(user), start_time=stamp(NOW - DAY)
    )
    await service_desk.HandOverAsset(hand)
    await ruled(service_desk, channel_codes=["email"])
    await ruled(service_desk, channel_codes=["email"], template_code="nowhere", threshold=110)
    for second in range(3):
        await service_desk.RecordReadings(readings(code, (NOW - HOUR + timedelta(seconds=second), 120.0)))

    async def told() -> Any:
        found = await alarms_of(service_desk, asset)
        return found if all(one.notice != alarms.Alarm.Notice.WAITING for one in found) else None

    both = {one.notice: one for one in await eventually(told, hint="nobody was told")}
    heard, refusal = both[alarms.Alarm.Notice.HANDED_OVER], both[alarms.Alarm.Notice.REFUSED]
    assert refusal.notice_reason_code == "TEMPLATE_UNKNOWN"
    found = (await marketing.ListSends(sends.ListSendsRequest(filter=f'identity_id = "{user}"'))).sends
    assert [(one.id, one.ticket_id) for one in found] == [(heard.send_id, heard.ticket_id)]


async def test_the_customer_is_told_within_a_minute_by_what_they_agreed_to_also_after_marketing_was_away(
    service_desk: Client, marketing: Client, together: Together
) -> None:
    minute, clock = timedelta(minutes=1), service_desk.running.runtime.clock
    fang = phone("+8613800138000")
    user = await somebody(marketing, "王芳", email("wang@example.com"), fang)
    await decides(marketing, user, fang, DENIED, SERVICE)
    asset, code = await fitted(service_desk)
    hand = assets.HandOverAssetRequest(
        id=asset.id, role=assets.AssetHolding.USER, identity_id=str(user), start_time=stamp(NOW - DAY)
    )
    await service_desk.HandOverAsset(hand)
    await ruled(service_desk, channel_codes=["sms", "email"])

    async def told(count: int) -> Any:
        found = await marketing.ListSends(
            sends.ListSendsRequest(filter=f'identity_id = "{user}"', order_by="create_time")
        )
        over = [one for one in found.sends if one.state in (sends.Send.SENT, sends.Send.DELIVERED)]
        return over if len(over) == count else None

    begun = datetime.now(UTC)
    await service_desk.RecordReadings(readings(code, (NOW - HOUR, 120.0)))
    (sent,) = await eventually(lambda: told(1), within=60, hint="nobody was told")
    assert sent.channel_code == "email", "not by the number that they do not want to be written to"
    assert sent.send_time.ToDatetime(UTC) - begun <= minute
    await service_desk.RecordReadings(readings(code, (NOW - HOUR / 2, 80.0)))
    async with away(together, "marketing"):
        await service_desk.RecordReadings(readings(code, (NOW - HOUR / 3, 120.0)))

        async def waits() -> bool:
            *_, last = await alarms_of(service_desk, asset)
            return last.notice == alarms.Alarm.Notice.WAITING and bool(last.ticket_id)

        await eventually(waits, hint="the alarm got no ticket")
        await service_desk.running.runtime.background.idle()
    try:
        # Whoever is told too late is told by the clock: each minute it is tried again, also where the way to marketing
        # has not been found again yet.
        for _ in range(5):
            clock.advance(clock.now() + minute)
            with suppress(AssertionError):
                _, again = await eventually(lambda: told(2), within=6)
                break
        else:
            raise AssertionError("nobody was told once marketing was back")
    finally:
        clock.release()
    *_, last = await alarms_of(service_desk, asset)
    assert (last.send_id, last.notice) == (again.id, alarms.Alarm.Notice.HANDED_OVER)
