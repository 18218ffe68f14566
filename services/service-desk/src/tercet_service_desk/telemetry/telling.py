"""Customers are told of alarms through marketing, outside of any transaction and once by the alarm's key."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tercet.marketing.v1.profile_service_pb2 import ConsentDecision
from tercet.marketing.v1.send_service_pb2 import Send, SendMessageRequest
from tercet_chassis import Outside, Refusal, Tx
from tercet_service_desk.assets.model import Asset
from tercet_service_desk.telemetry.model import Alarm, AlarmRule
from tercet_service_desk.tickets.model import Ticket

_PLAIN = "{asset_name}：{alarm_name}。我们已受理，工单号 {ticket_number}。 We are looking after it."


def tell_afterwards(tx: Tx, alarm_id: UUID) -> None:
    """Tells of an alarm once this transaction is committed. Whoever it did not come to is found by the clock."""
    tx.afterwards(_tell_customer, alarm_id, key=alarm_id)


async def _tell_customer(outside: Outside, alarm_id: UUID) -> None:
    """Where marketing is away the alarm stays as it is: within a minute somebody looks again, and the key keeps it to
    one message.
    """
    async with outside.transaction() as tx:
        letter = await _letter(tx, alarm_id)
    if letter is None:
        return
    send, reason = await _handed_over(outside, letter)
    async with outside.transaction() as tx:
        alarm = await tx.find(Alarm, alarm_id, lock=True)
        if alarm is not None and alarm.notice == "WAITING":
            alarm.notice, alarm.notice_reason_code = ("REFUSED" if send is None else "HANDED_OVER"), reason
            alarm.send_id = UUID(send.id) if send is not None else None


async def _handed_over(outside: Outside, request: SendMessageRequest) -> tuple[Send | None, str]:
    """The message as marketing has it, or why it does not take it. Raises what may go well later."""
    try:
        return await outside.call("marketing", "SendMessage", request, request_id=request.key), ""
    except Refusal as refusal:
        if refusal.passing:
            raise
        return None, refusal.reason


async def _letter(tx: Tx, alarm_id: UUID) -> SendMessageRequest | None:
    """What is to be said of an alarm; None when somebody said it, or nobody wants it said."""
    alarm = await tx.find(Alarm, alarm_id)
    if alarm is None or alarm.notice != "WAITING" or alarm.ticket_id is None:
        return None
    rule, asset = await tx.find(AlarmRule, alarm.alarm_rule_id), await tx.find(Asset, alarm.asset_id)
    ticket = await tx.find(Ticket, alarm.ticket_id)
    if rule is None or asset is None or ticket is None or not rule.channel_codes:
        alarm.notice, alarm.notice_reason_code = "REFUSED", "RULE_ENDED"
        return None
    variables: dict[str, Any] = {
        "asset_name": asset.display_name,
        "alarm_name": alarm.rule_name,
        "value": alarm.peak_value,
        "ticket_number": ticket.number,
    }
    request = SendMessageRequest(
        key=f"alarm:{alarm.id}",
        purpose=ConsentDecision.SERVICE,
        identity_id=str(alarm.identity_id),
        channel_codes=rule.channel_codes,
        ticket_id=str(ticket.id),
    )
    if rule.template_code:
        request.template_code = rule.template_code
        request.variables.update(variables)
    else:
        request.subject, request.text = alarm.rule_name, _PLAIN.format(**variables)
    return request
