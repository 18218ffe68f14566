"""A mailbox on a real IMAP server: every mail once, threads, files, bounces; nothing blocks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
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


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Mailbox]:
    async with mailbox(tmp_path) as made:
        yield made


@pytest.fixture
async def mails(tmp_path: Path) -> AsyncIterator[MailServer]:
    async with mail_server(tmp_path) as server:
        yield server


async def account(marketing: Client, box: Mailbox, mails: MailServer | None = None, **more: Any) -> None:
    settings: dict[str, Any] = box.settings(host="127.0.0.1", port=1, username="shop", **more)
    secrets = {"password": "secret", "imap_password": PASSWORD}
    if mails is not None:
        settings["port"] = mails.port
    made = channels.ChannelAccount(
        code="support", channel_code="email", sender="shop@example.com", provider="LIVE", secrets=secrets
    )
    made.settings.update(settings)
    await marketing.CreateChannelAccount(channels.CreateChannelAccountRequest(channel_account=made))


async def looked(marketing: Client) -> pb.ChannelIntake:
    """The mailbox once all that lies there now has been taken, or could not be."""
    moment = datetime.now(UTC)
    before = await marketing.FetchChannelIntake(pb.FetchChannelIntakeRequest(account_code="support"))

    async def over() -> pb.ChannelIntake | None:
        now = await marketing.GetChannelIntake(pb.GetChannelIntakeRequest(id=before.id))
        taken = now.look_time.ToDatetime(tzinfo=UTC) >= moment
        return now if taken or now.failure_count != before.failure_count else None

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


async def test_an_answer_finds_what_it_answers_and_files_come_and_go(
    marketing: Client, box: Mailbox, mails: MailServer
) -> None:
    await account(marketing, box, mails)
    identity_id = await somebody(marketing, "王芳", email("fang@example.org"))
    async with marketing.transaction() as tx:
        offer = await tx.known.keep_file("报价.pdf", "application/pdf", b"%PDF offer" * 1000)
        huge = await tx.known.keep_file("film.mp4", "video/mp4", bytes(19 << 20))
    for ids, channel, reason in (
        ([str(huge)], "support", "FILES_TOO_LARGE"),
        ([str(offer)], "sms", "FILES_NOT_CARRIED"),
        (["018f0000-0000-7000-8000-000000000000"], "support", "MESSAGE_FILE_UNKNOWN"),
    ):
        with refused(reason, "file_ids"):
            await marketing.SendMessage(message(identity_id, channel, purpose=SERVICE, file_ids=ids))
    asked = message(identity_id, "support", purpose=SERVICE, subject="报价", text="请看附件", file_ids=[str(offer)])
    sent = await ended(marketing, await marketing.SendMessage(asked), sends.Send.SENT)
    assert [(file.name, file.byte_count) for file in sent.files] == [("报价.pdf", 10_000)]
    [out] = mails.mails
    [attached] = out.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("报价.pdf", b"%PDF offer" * 1000)
    assert out["Auto-Submitted"] is None, "a person wrote it"

    answer = mail(
        "可以\n\n在 2026年1月5日，银河商城 写道：\n> 请看附件",
        In_Reply_To=out["Message-ID"],
        Message_ID="<a@example.org>",
    )
    answer.add_attachment("已签".encode(), maintype="application", subtype="pdf", filename="合同.pdf")
    follows = mail("还有", References=f"<x@y> {out['Message-ID']}", Message_ID="<b@example.org>")
    away = mail("我在休假", In_Reply_To=out["Message-ID"], Message_ID="<c@example.org>", Auto_Submitted="auto-replied")
    own = mail("回来了", sender="shop@example.com", Message_ID="<d@example.org>")
    await box.deliver(answer, follows, away, own)
    await looked(marketing)
    first, second, third, fourth = sorted(await received(marketing), key=lambda each: each.provider_id)
    assert {each.send_id for each in (first, second, third)} == {sent.id}
    assert {each.identity_id for each in (first, second, third)} == {str(identity_id)}
    assert [each.automatic for each in (first, second, third, fourth)] == [False, False, True, True]
    assert (first.text, first.quoted_text) == ("可以", "在 2026年1月5日，银河商城 写道：\n> 请看附件")
    [file] = first.files
    assert (file.name, file.content_type, file.byte_count) == ("合同.pdf", "application/pdf", 6)
    kept = await marketing.as_(kind="system").GetFile(GetFileRequest(id=file.file_id))
    assert (kept.name, kept.size) == ("合同.pdf", 6)


async def test_a_bounce_ends_the_send_and_is_no_message(marketing: Client, box: Mailbox, mails: MailServer) -> None:
    await account(marketing, box, mails)
    sent = {}
    for name in ("gone", "full", "slow", "given_up"):
        asked = message(None, "support", purpose=SERVICE, address=email(f"{name}@example.org"))
        sent[name] = await ended(marketing, await marketing.SendMessage(asked), sends.Send.SENT)
    await box.deliver(
        bounce(sent["gone"].provider_id),
        bounce(sent["full"].provider_id, "5.2.2", said="mailbox full"),
        bounce(sent["slow"].provider_id, "4.4.1", action="delayed"),
        bounce(sent["given_up"].provider_id, "4.4.7", said="nobody answered for five days"),
        bounce("<never-heard-of@example.net>"),
    )
    stands = await looked(marketing)
    assert (stands.received_count, stands.reported_count, stands.quarantined_count) == (0, 3, 0)
    states = {name: await marketing.GetSend(sends.GetSendRequest(id=send.id)) for name, send in sent.items()}
    # Delayed is what their server still tries; a failure, of whatever class, is what it has given up (RFC 3464).
    failed, on_its_way = sends.Send.FAILED, sends.Send.SENT
    assert [states[name].state for name in sent] == [failed, failed, on_its_way, failed]
    assert "no such user" in states["gone"].detail
    # The dead address takes nothing more, the others may.
    for name, code in (("gone", "SUPPRESSED"), ("full", ""), ("slow", ""), ("given_up", "")):
        asked = message(None, "support", purpose=SERVICE, address=email(f"{name}@example.org"), text="again")
        assert (await ended(marketing, await marketing.SendMessage(asked))).state_code == code
    await idle(marketing)


async def test_what_could_not_be_read_is_read_again_or_put_away(
    marketing: Client, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await account(marketing, box)
    with monkeypatch.context() as broken:
        broken.setattr("tercet_marketing.channels.mime.MOST_PARTS", 0)
        await box.deliver(mail("读不了", Message_ID="<1@example.org>"))
        await looked(marketing)
        [kept] = (await marketing.ListQuarantinedMessages(pb.ListQuarantinedMessagesRequest())).quarantined_messages
        assert "more than 0 parts" in kept.cause
        assert "fang@example.org" in kept.excerpt
        with refused("MESSAGE_STILL_UNREADABLE"):
            await marketing.RetryQuarantinedMessage(pb.RetryQuarantinedMessageRequest(id=kept.id))
    done = await marketing.RetryQuarantinedMessage(pb.RetryQuarantinedMessageRequest(id=kept.id))
    assert done.state == pb.QuarantinedMessage.TAKEN
    assert [each.text for each in await received(marketing)] == ["读不了"]
    with refused("QUARANTINED_MESSAGE_ENDED"):
        await marketing.DiscardQuarantinedMessage(pb.DiscardQuarantinedMessageRequest(id=kept.id))


async def test_a_mailbox_that_does_not_open_is_told_of_and_tried_again(marketing: Client, box: Mailbox) -> None:
    await account(marketing, box, imap_folder="没有")
    await box.deliver(mail())
    stands = await looked(marketing)
    assert stands.failure_count == 1
    assert stands.detail
    with refused("ACCOUNT_UNKNOWN"):
        await marketing.FetchChannelIntake(pb.FetchChannelIntakeRequest(account_code="nobody"))
    wrong = channels.ChannelAccount(code="w", channel_code="email", sender="a@b", provider="LIVE")
    wrong.settings.update({"host": "h", "imap_host": "h", "imap_security": "maybe", "imap_minutes": 0})
    with refused("ACCOUNT_SETTINGS_INVALID") as _:
        await marketing.CreateChannelAccount(channels.CreateChannelAccountRequest(channel_account=wrong))


async def test_before_the_first_look_nothing_is_ours(marketing: Client, box: Mailbox) -> None:
    await account(marketing, box, imap_everything=False, imap_port=box.tls_port, imap_security="tls")
    await box.deliver(mail("旧的"))
    await looked(marketing)
    await box.deliver(mail("新的"))
    await looked(marketing)
    assert [each.text for each in await received(marketing)] == ["新的"]
