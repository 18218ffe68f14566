"""An alarm gets its ticket, and its recovery ends the ticket that nobody needed to work on."""

from __future__ import annotations

from uuid import UUID

from tercet.servicedesk.v1 import events_pb2 as events
from tercet.servicedesk.v1.ticket_service_pb2 import Ticket as TicketMessage
from tercet_chassis import Tx, effect
from tercet_service_desk.assets.model import Asset
from tercet_service_desk.telemetry.model import OPEN, Alarm, AlarmRule
from tercet_service_desk.telemetry.telling import tell_afterwards
from tercet_service_desk.tickets.conversation import add_note, may_solve, open_ticket, solve
from tercet_service_desk.tickets.model import Ticket
from tercet_service_desk.types.store import standing_code

_RECOVERED = "告警已自行恢复 The alarm recovered by itself: {name}, {time}"


@effect(events.AlarmOpened)
async def open_alarm_ticket(event: events.AlarmOpened, tx: Tx) -> None:
    """Opens the alarm's ticket for whoever used the asset when it began. One that is over by now needs none."""
    # The alarm's row is the lock: its recovery comes before or after, never beside.
    alarm = await tx.find(Alarm, UUID(event.alarm.id), lock=True)
    if alarm is None or alarm.state != OPEN or alarm.ticket_id is not None:
        return
    asset, rule = await tx.find(Asset, alarm.asset_id), await tx.find(AlarmRule, alarm.alarm_rule_id)
    wanted = TicketMessage(
        subject=f"{alarm.rule_name}: {asset.display_name if asset is not None else alarm.asset_id}"[:300],
        description=f"{alarm.metric_code} {alarm.peak_value:g}, {alarm.start_time.isoformat(timespec='seconds')}",
        type_code=await standing_code(tx, rule.ticket_type_code if rule is not None else ""),
        priority=rule.priority if rule is not None else "HIGH",
        arrival="DEVICE",
        identity_id=str(alarm.identity_id),
        party_id=str(alarm.party_id),
        asset_id=str(alarm.asset_id),
        unit_id=str(alarm.unit_id or ""),
        partner_party_id=str(alarm.partner_party_id or ""),
    )
    ticket = await open_ticket(tx, wanted)
    alarm.ticket_id = ticket.id
    if alarm.notice == "WAITING":
        tell_afterwards(tx, alarm.id)


@effect(events.AlarmRecovered)
async def end_alarm_ticket(event: events.AlarmRecovered, tx: Tx) -> None:
    """Solves the alarm's ticket when nobody has worked on it; otherwise notes the recovery there."""
    alarm = await tx.find(Alarm, UUID(event.alarm.id), lock=True)
    if alarm is None or alarm.ticket_id is None or alarm.recover_time is None:
        return
    ticket = await tx.find(Ticket, alarm.ticket_id, lock=True)
    if ticket is None or ticket.state == "CLOSED" or ticket.merged_into_id is not None:
        return
    told = _RECOVERED.format(name=alarm.rule_name, time=alarm.recover_time.isoformat(timespec="seconds"))
    # Routing may have given it to somebody; worked on it is when something was written or decided.
    if ticket.state in ("NEW", "OPEN") and not ticket.entry_count and await may_solve(tx, ticket):
        await solve(tx, ticket, told)
    else:
        await add_note(tx, ticket, told)
