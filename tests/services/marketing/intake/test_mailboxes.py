"""A mailbox on a real IMAP server: every mail once, threads, files, bounces; nothing blocks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.mailboxes import PASSWORD, Mailbox, bounce, mail, mailbox
from support.providers import MailServer, mail_server
from support.sending import SERVICE, email, ended, idle, message, somebody
from tercet.chassis.v1.file_service_pb2 import GetFileRequest
from tercet.marketing.v1 import channel_service_pb2 as channels
from tercet.marketing.v1 import intake_service_pb2 as pb
from tercet.marketing.v1 import send_service_pb2 as sends
from tercet_chassis.testing import Client, eventually, refused
from tercet_marketing.intake.jobs import fetcher


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Mailbox]:
    (tmp_path / "imap").mkdir()
    async with mailbox(tmp_path / "imap") as made:
        yield made


@pytest.fixture
async def mails(tmp_path: Path) -> AsyncIterator[MailServer]:
    async with mail_server(tmp_path) as server:
        yield server


async def account(marketing: Client, box: Mailbox, mails: MailServer | None = None, **more: Any) -> None:
    settings: dict[str, Any] = box.settings(host="127.0.0.1", port=1, username="shop", **more)
    secrets = {"password": "secret", "imap_password": PASSWORD}
    if mails is not None:
        settings |= {"port": mails.port, "certificate": mails.certificate + box.certificate}
    made = channels.ChannelAccount(
        code="support", channel_code="email", sender="shop@example.com", provider="LIVE", secrets=secrets
    )
    made.settings.update(settings)
    await marketing.CreateChannelAccount(channels.CreateChannelAccountRequest(channel_account=made))


async def looked(marketing: Client) -> pb.ChannelIntake:
    """The mailbox after one more look."""

    before = await marketing.FetchChannelIntake(pb.FetchChannelIntakeRequest(account_code="support"))

    async def over() -> pb.ChannelIntake | None:
        await fetcher.idle()
        now = await marketing.GetChannelIntake(pb.GetChannelIntakeRequest(id=before.id))
        ended = (now.look_time, now.failure_count) != (before.look_time, before.failure_count)
        return now if ended else None

    found: pb.ChannelIntake = await eventually(over, hint="nobody looked into the mailbox")
    return found


async def received(marketing: Client) -> list[sends.ReceivedMessage]:
    found = await marketing.ListReceivedMessages(sends.ListReceivedMessagesRequest(order_by="create_time"))
    return list(found.received_messages)


async def test_every_mail_comes_once(marketing: Client, box: Mailbox) -> None:
    await account(marketing, box)
    await box.deliver(mail("第一封", Message_ID="<1@example.org>"), mail("没有编号"), b"\x00\xff no mail at all")
    first = await looked(marketing)
    assert (first.received_count, first.quarantined_count, first.detail) == (2, 1, "")
    assert (await looked(marketing)).received_count == 2
    await box.deliver(mail("第二封", Message_ID="<2@example.org>"), mail("第一封又来", Message_ID="<1@example.org>"))
    assert (await looked(marketing)).received_count == 3
    await box.number_anew()
    again = await looked(marketing)
    assert (again.received_count, again.quarantined_count) == (3, 1), "numbered anew, they are known again"
    assert sorted(each.text for each in await received(marketing)) == ["没有编号", "第一封", "第二封"]
