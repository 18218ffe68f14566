"""An answer that went out by real SMTP comes back as a report in a real IMAP mailbox."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.mail_desk import entries, fate, reply, tickets
from support.mailboxes import PASSWORD, bounce, mail, mailbox
from support.providers import mail_server
from tercet.marketing.v1 import channel_service_pb2 as channels
from tercet.marketing.v1 import intake_service_pb2 as looks
from tercet.servicedesk.v1 import notification_service_pb2 as notices
from tercet.servicedesk.v1 import ticket_service_pb2 as pb
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, eventually

Fate = pb.TicketEntry.SendState


@pytest.mark.parametrize(
    ("status", "action", "state"),
    [("4.4.1", "delayed", Fate.SENT), ("5.1.1", "failed", Fate.FAILED)],
)
async def test_an_answer_that_comes_back_is_told_to_whoever_wrote_it(
    marketing: Client, service_desk: Client, tmp_path: Path, status: str, action: str, state: Any
) -> None:
    agent = new_id()
    async with mailbox(tmp_path) as box, mail_server(tmp_path) as server:
        account = channels.ChannelAccount(
            code="support",
            channel_code="email",
            sender="shop@example.com",
            provider="LIVE",
            secrets={"password": "secret", "imap_password": PASSWORD},
        )
        account.settings.update(box.settings(host="127.0.0.1", port=server.port, username="shop"))
        await marketing.CreateChannelAccount(channels.CreateChannelAccountRequest(channel_account=account))

        async def looked() -> None:
            moment = datetime.now(UTC)
            begun = await marketing.FetchChannelIntake(looks.FetchChannelIntakeRequest(account_code="support"))

            async def over() -> bool:
                now = await marketing.GetChannelIntake(looks.GetChannelIntakeRequest(id=begun.id))
                return bool(now.look_time.ToDatetime(tzinfo=UTC) >= moment)

            await eventually(over, hint="nobody looked into the mailbox")
            await marketing.settled()
            await service_desk.settled()

        await box.deliver(mail("坏了"))
        await looked()
        (opened,) = await tickets(service_desk)
        entry = await reply(service_desk.as_(user_id=agent), opened, "请问型号?")
        await fate(service_desk, opened, entry, Fate.SENT)
        (out,) = server.mails
        await box.deliver(bounce(out, status, action))
        await looked()
    became = await fate(service_desk, opened, entry, state)
    await service_desk.settled()
    assert ("no such user" in became.send_detail) == (state == Fate.FAILED)
    assert len(await entries(service_desk, opened)) == 2, "a report is nothing that the requester said"

    mine = service_desk.as_(user_id=agent)
    told = [
        (each.kind, each.ticket_id)
        for each in (await mine.ListNotifications(notices.ListNotificationsRequest())).notifications
    ]
    assert told == [(notices.Notification.Kind.REPLY_NOT_SENT, opened.id)] * (state == Fate.FAILED)
