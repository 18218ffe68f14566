"""The door out and in: messages are queued, looked after, and answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

from google.protobuf import json_format

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1 import send_service_pb2 as pb
from tercet.marketing.v1.profile_service_pb2 import ConsentDecision
from tercet_chassis import Handlers, Refusal, Tx, invariant
from tercet_chassis.binding import struct_value
from tercet_chassis.invariants import finding
from tercet_marketing.channels.accounts import carrier_of_account, carriers
from tercet_marketing.channels.contract import Answer, Report, ReportForged
from tercet_marketing.channels.errors import AccountUnknown
from tercet_marketing.channels.house import TenantsHouse
from tercet_marketing.sends import store
from tercet_marketing.sends.accepting import Draft, accept
from tercet_marketing.sends.attaching import checked_files, file_named, files_of
from tercet_marketing.sends.errors import ReportNotGenuine
from tercet_marketing.sends.jobs import wake
from tercet_marketing.sends.model import FrequencyCap, QuietHours, ReceivedMessage, Send
from tercet_marketing.sends.receiving import take_report

Finding = CheckInvariantsResponse.Finding


class SendService(Handlers):
    """Serves tercet.marketing.v1.SendService."""

    async def SendMessage(self, requests: Sequence[pb.SendMessageRequest], tx: Tx) -> list[Send | Refusal]:
        """Queues messages. Refuses what can be known to fail: codes, recipients, templates and keys."""
        answers = await accept(tx, [_draft(request) for request in requests])
        wake(tx, *(answer.next_time for answer in answers if isinstance(answer, Send) and answer.next_time is not None))
        return answers

    async def CancelSend(self, request: pb.CancelSendRequest, tx: Tx) -> Send:
        """Takes one back. Refuses one that has gone."""
        send = await tx.get(Send, request.id, etag=request.etag, lock=True)
        send.cancel()
        tx.emit(events.MessageCanceled, send)
        return send

    async def RetrySend(self, request: pb.RetrySendRequest, tx: Tx) -> Send:
        """Sends one again, from its first channel. Refuses one that has not ended."""
        send = await tx.get(Send, request.id, etag=request.etag, lock=True)
        send.retry(tx.now())
        wake(tx, tx.now())
        return send

    async def ResolveSend(self, request: pb.ResolveSendRequest, tx: Tx) -> Send:
        """Says what became of an uncertain one. Refuses any other."""
        send = await tx.get(Send, request.id, etag=request.etag, lock=True)
        send.resolve(tx.now(), arrived=request.arrived)
        tx.emit(events.MessageDelivered if request.arrived else events.MessageFailed, send)
        return send

    async def CheckMessageFiles(self, request: pb.CheckMessageFilesRequest, tx: Tx) -> pb.CheckMessageFilesResponse:
        """Tells of files before they go. Refuses those that SendMessage would refuse."""
        wanted = [(UUID(id), _uuid(request.file_owner_id)) for id in request.file_ids]
        files = checked_files(wanted, request.channel_codes, await files_of(tx, wanted), await carriers(tx))
        return json_format.ParseDict({"files": files}, pb.CheckMessageFilesResponse())

    async def GetSendFile(self, request: pb.GetSendFileRequest, tx: Tx) -> pb.MessageFile:
        """Tells of a file that goes with a message. Refuses other files, and whoever has something masked."""
        return file_named(tx, (await tx.get(Send, request.id)).files, request.file_id)

    async def GetReceivedMessageFile(self, request: pb.GetReceivedMessageFileRequest, tx: Tx) -> pb.MessageFile:
        """Tells of a file that came with a message. Refuses other files, and whoever has something masked."""
        return file_named(tx, (await tx.get(ReceivedMessage, request.id)).files, request.file_id)

    async def ReceiveFromChannel(self, request: pb.ReceiveFromChannelRequest, tx: Tx) -> pb.ReceiveFromChannelResponse:
        """Takes a provider's report. Refuses an account that is not there, and a report that is not its provider's."""
        carrier = None if tx.context.tenant_id is None else await carrier_of_account(tx, request.account_code)
        if carrier is None:
            raise AccountUnknown(account_code=request.account_code)
        house = TenantsHouse(tx.runtime, tx.tenant_id)
        try:
            # Reading a report asks nobody: adapters read what they were given.
            report = Report(dict(request.headers), request.body)
            items = await carrier.channel.receive(report, carrier.account, house)
        except ReportForged as forged:
            raise ReportNotGenuine(account_code=request.account_code, cause=forged) from forged
        told = [item for item in items if not isinstance(item, Answer)]
        count = await take_report(tx, carrier.channel, request.account_code, told, wake)
        answer = next((item.text for item in items if isinstance(item, Answer)), "")
        return pb.ReceiveFromChannelResponse(
            received_count=count.received, reported_count=count.reported, answer=answer
        )

    async def CreateQuietHours(self, request: pb.CreateQuietHoursRequest, tx: Tx) -> QuietHours:
        """Adds quiet hours. Refuses those that begin and end at once."""
        hours = await tx.create(QuietHours, request.quiet_hours)
        if not request.quiet_hours.HasField("enabled"):
            hours.enabled = True
        hours.check()
        return hours

    async def UpdateQuietHours(self, request: pb.UpdateQuietHoursRequest, tx: Tx) -> QuietHours:
        """Changes quiet hours. Refuses those that begin and end at once."""
        given = request.quiet_hours
        hours = await tx.get(QuietHours, given.id, etag=given.etag, lock=True)
        await tx.patch(hours, given, request.update_mask)
        hours.check()
        return hours

    async def CreateFrequencyCap(self, request: pb.CreateFrequencyCapRequest, tx: Tx) -> FrequencyCap:
        """Adds a limit."""
        cap = await tx.create(FrequencyCap, request.frequency_cap)
        if not request.frequency_cap.HasField("enabled"):
            cap.enabled = True
        return cap


def _draft(request: pb.SendMessageRequest) -> Draft:
    address: Any = None
    if request.HasField("address"):
        address = json_format.MessageToDict(request.address, preserving_proto_field_name=True)
    return Draft(
        id=_uuid(request.id),
        key=request.key,
        purpose=ConsentDecision.Purpose.Name(request.purpose),
        identity_id=_uuid(request.identity_id),
        address=address,
        channel_codes=tuple(request.channel_codes),
        template_code=request.template_code,
        variables=struct_value(request.variables),
        language=request.language,
        subject=" ".join(request.subject.split()),
        text=request.text,
        html=request.html,
        short_text=request.short_text,
        not_before=request.not_before.ToDatetime(tzinfo=UTC) if request.HasField("not_before") else None,
        campaign_id=_uuid(request.campaign_id),
        strategy_id=_uuid(request.strategy_id),
        ticket_id=_uuid(request.ticket_id),
        order_id=_uuid(request.order_id),
        in_reply_to=request.in_reply_to,
        files=tuple((UUID(id), _uuid(request.file_owner_id)) for id in request.file_ids),
    )


def _uuid(text: str) -> UUID | None:
    return UUID(text) if text else None


@invariant
async def sent_with_consent(tx: Tx) -> Finding:
    """No advertising went without a consent that held when it went."""
    return await _finding(tx, "sends.with_consent", await store.unconsented(tx))


@invariant
async def sent_once(tx: Tx) -> Finding:
    """Nothing went twice, unless somebody asked for it."""
    return await _finding(tx, "sends.once", await store.twice(tx))


@invariant
async def sends_end(tx: Tx) -> Finding:
    """Whatever was on its way has come to an end; what is uncertain waits for somebody."""
    finding = await _finding(tx, "sends.end", await store.stuck(tx))
    finding.waiting_count = await store.uncertain(tx)
    return finding


async def _finding(tx: Tx, name: str, broken: Sequence[str]) -> Finding:
    return finding(name, await store.counted(tx), broken)
