"""Intake: fetching now, and what could not be read."""

from __future__ import annotations

from datetime import UTC, datetime

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.marketing.v1 import intake_service_pb2 as pb
from tercet_chassis import Handlers, Tx, invariant
from tercet_marketing.channels.accounts import carrier_of_account
from tercet_marketing.channels.contract import Unreadable
from tercet_marketing.channels.errors import AccountUnknown
from tercet_marketing.intake import store
from tercet_marketing.intake.errors import AccountNotFetched, MessageStillUnreadable
from tercet_marketing.intake.jobs import fetch_account
from tercet_marketing.intake.model import DISCARDED, TAKEN, ChannelIntake, QuarantinedMessage
from tercet_marketing.sends.jobs import wake
from tercet_marketing.sends.receiving import take_report

Finding = CheckInvariantsResponse.Finding


class IntakeService(Handlers):
    """Serves tercet.marketing.v1.IntakeService."""

    async def FetchChannelIntake(self, request: pb.FetchChannelIntakeRequest, tx: Tx) -> ChannelIntake:
        """Has a mailbox looked into now. Refuses an account that is not there or says nothing of where to fetch."""
        carrier = await carrier_of_account(tx, request.account_code)
        if carrier is None or carrier.account.code != request.account_code:
            raise AccountUnknown(account_code=request.account_code)
        if carrier.channel.look_interval(carrier.account) is None:
            raise AccountNotFetched(account_code=request.account_code)
        intake = await store.intake_of(tx, request.account_code)
        intake.next_time = datetime.now(UTC)
        tx.schedule(fetch_account, due=tx.now(), key=request.account_code, account_code=request.account_code)
        return intake

    async def RetryQuarantinedMessage(self, request: pb.RetryQuarantinedMessageRequest, tx: Tx) -> QuarantinedMessage:
        """Reads one again. Refuses one that does not wait, or cannot be read now either."""
        message = await tx.get(QuarantinedMessage, request.id, etag=request.etag, lock=True)
        message.require_waiting()
        carrier = await carrier_of_account(tx, message.account_code)
        if carrier is None:
            raise AccountUnknown(account_code=message.account_code)
        raw = b"".join([piece async for piece in tx.known.file_pieces(message.file_id)])
        try:
            items = carrier.channel.read(raw, carrier.account)
        except Unreadable as fault:
            raise MessageStillUnreadable(cause=fault.detail) from fault
        await take_report(tx, carrier.channel, message.account_code, items, wake)
        message.end(TAKEN)
        return message

    async def DiscardQuarantinedMessage(
        self, request: pb.DiscardQuarantinedMessageRequest, tx: Tx
    ) -> QuarantinedMessage:
        """Says that one needs no reading. Refuses one that does not wait."""
        message = await tx.get(QuarantinedMessage, request.id, etag=request.etag, lock=True)
        message.end(DISCARDED)
        return message


@invariant
async def what_cannot_be_read_is_kept(tx: Tx) -> Finding:
    """Nothing that came is lost: what could not be read waits for somebody."""
    checked, waiting = await store.counted(tx)
    return Finding(invariant="intake.kept", holds=True, checked_count=checked, waiting_count=waiting)
