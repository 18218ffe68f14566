"""Sends through providers that refuse, are away, hang up, and report: nothing is lost, and nothing goes twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from support.providers import HttpProvider, MailServer, http_provider, mail_server
from support.sending import GRANTED, MARKETING, TRANSACTION, decides, email, ended, idle, message, phone, somebody
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.marketing.v1 import channel_service_pb2 as channels
from tercet.marketing.v1 import consent_service_pb2 as consent
from tercet.marketing.v1 import send_service_pb2 as pb
from tercet_chassis.testing import Client, eventually, refused
from tercet_marketing.sends.jobs import recover_sends

FANG, MOBILE = email("fang@example.com"), phone("+8613800138000")
SENT, DELIVERED, FAILED, UNCERTAIN, QUEUED = (
    pb.Send.SENT,
    pb.Send.DELIVERED,
    pb.Send.FAILED,
    pb.Send.UNCERTAIN,
    pb.Send.QUEUED,
)


@pytest.fixture
async def mails(tmp_path: Path) -> AsyncIterator[MailServer]:
    async with mail_server(tmp_path) as server:
        yield server


@pytest.fixture
async def provider() -> AsyncIterator[HttpProvider]:
    async with http_provider() as server:
        yield server


async def account(
    marketing: Client, channel: str, settings: dict[str, Any], secrets: dict[str, str], **more: Any
) -> Any:
    made = channels.ChannelAccount(
        code=more.pop("code", f"{channel}-live"),
        channel_code=channel,
        provider=channels.ChannelAccount.LIVE,
        secrets=secrets,
        **more,
    )
    made.settings.update(settings)
    return await marketing.CreateChannelAccount(channels.CreateChannelAccountRequest(channel_account=made))


async def mail_account(marketing: Client, mails: MailServer) -> Any:
    settings = {"host": "127.0.0.1", "port": mails.port, "username": "shop", "certificate": mails.certificate}
    return await account(marketing, "email", settings, {"password": "secret"}, sender="shop@example.com")


async def sms_account(marketing: Client, provider: HttpProvider, **more: Any) -> Any:
    settings = {"url": f"{provider.url}/send", **more}
    return await account(marketing, "sms", settings, {"report_secret": provider.report_secret})


async def fang_who_agreed(marketing: Client) -> Any:
    fang = await somebody(marketing, "王芳", FANG, MOBILE)
    for point in (FANG, MOBILE):
        await decides(marketing, fang, point)
    return fang


def chain(request: pb.SendMessageRequest, *codes: str) -> pb.SendMessageRequest:
    del request.channel_codes[:]
    request.channel_codes.extend(codes)
    return request


async def now_due(marketing: Client, send: Any) -> None:
    """Makes what waits for its next attempt due, and what is under way as if its sender had died long ago."""
    async with marketing.transaction() as tx:
        statement = text("UPDATE sends SET next_time = least(next_time, :now), lease_until = :past WHERE id = :id")
        values = {"now": tx.now(), "past": datetime.now(UTC) - timedelta(minutes=9), "id": send.id}
        await tx.session.execute(statement, values)
        await recover_sends(tx)


async def holds(marketing: Client) -> None:
    """Every invariant of sends holds."""
    found = await marketing.CheckInvariants(CheckInvariantsRequest())
    own = [finding for finding in found.findings if finding.invariant.startswith("sends.")]
    assert len(own) == 3
    assert [finding for finding in own if not finding.holds] == []


async def test_a_mail_goes_by_smtp_and_its_cost_and_name_are_kept(marketing: Client, mails: MailServer) -> None:
    made = await mail_account(marketing, mails)
    assert not made.secrets
    assert list(made.secret_names) == ["password"]
    fang = await fang_who_agreed(marketing)
    done = await ended(marketing, await marketing.SendMessage(message(fang, subject="新年好")))
    assert (done.state, done.account_code) == (SENT, "email-live")
    assert done.provider_id == mails.mails[0]["Message-ID"] == f"<{done.id}@example.com>"
    await holds(marketing)


async def test_a_mail_carries_the_way_to_say_no(
    marketing: Client, mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await mail_account(marketing, mails)
    fang = await fang_who_agreed(marketing)
    runtime = marketing.running.runtime
    monkeypatch.setattr(runtime, "settings", replace(runtime.settings, public_url="https://crm.example.com/"))
    await ended(marketing, await marketing.SendMessage(message(fang)))
    link = str(mails.mails[0]["List-Unsubscribe"]).strip("<>")
    assert link.startswith("https://crm.example.com/u/")
    await marketing.Unsubscribe(consent.UnsubscribeRequest(token=link.rsplit("/", 1)[1]))
    done = await ended(marketing, await marketing.SendMessage(message(fang)))
    assert done.state_code == "CONSENT_DENIED"
    await ended(marketing, await marketing.SendMessage(message(fang, purpose=TRANSACTION)))
    assert mails.mails[1]["List-Unsubscribe"] is None, "nobody unsubscribes from an invoice"


async def test_a_dead_mailbox_is_suppressed_and_the_next_channel_taken(
    marketing: Client, mails: MailServer, provider: HttpProvider
) -> None:
    await mail_account(marketing, mails)
    await sms_account(marketing, provider)
    fang = await fang_who_agreed(marketing)
    mails.recipient_replies = ["550 5.1.1 no such user"]
    done = await ended(marketing, await marketing.SendMessage(chain(message(fang), "email", "sms")))
    assert (done.state, done.channel_code, done.cost.amount) == (SENT, "sms", "0.045")
    assert [each.outcome_code for each in done.tries] == ["REFUSED", "SENT"]
    assert [told["to"] for told in provider.taken] == ["+8613800138000"]
    listed = await marketing.ListSuppressions(consent.ListSuppressionsRequest())
    assert [each.cause for each in listed.suppressions] == [consent.Suppression.BOUNCE]
    done = await ended(marketing, await marketing.SendMessage(message(fang, purpose=TRANSACTION)))
    assert done.state_code == "SUPPRESSED"


async def test_what_passes_is_tried_again(marketing: Client, provider: HttpProvider) -> None:
    await sms_account(marketing, provider)
    provider.answers = [503, 429]
    fang = await fang_who_agreed(marketing)
    send = await marketing.SendMessage(message(fang, "sms"))
    for number in (1, 2):
        await eventually(lambda: len(provider.requests) == number)  # noqa: B023  awaited before the next turn
        await eventually(lambda: _is(marketing, send, QUEUED))
        await now_due(marketing, send)
    done = await ended(marketing, send)
    assert (done.state, done.attempts, len(provider.taken)) == (SENT, 3, 1)
    assert [each.outcome_code for each in done.tries] == ["LATER", "LATER", "SENT"]
    await holds(marketing)


async def _is(marketing: Client, send: Any, state: Any) -> bool:
    found = await marketing.GetSend(pb.GetSendRequest(id=send.id))
    return bool(found.state == state)


async def test_a_cut_connection_leaves_a_mail_uncertain_until_somebody_decides(
    marketing: Client, mails: MailServer
) -> None:
    await mail_account(marketing, mails)
    fang = await fang_who_agreed(marketing)
    mails.hang_up = True
    send = await marketing.SendMessage(message(fang))
    assert (await ended(marketing, send)).state == UNCERTAIN
    await now_due(marketing, send)
    await marketing.settled()
    await idle(marketing)
    assert len(mails.mails) == 1, "it is never sent again by itself"
    mails.hang_up = False
    with refused("SEND_NOT_WAITING"):
        await marketing.CancelSend(pb.CancelSendRequest(id=send.id))
    await marketing.RetrySend(pb.RetrySendRequest(id=send.id))
    done = await ended(marketing, send)
    assert (done.state, len(mails.mails)) == (SENT, 2)
    await holds(marketing)
    with refused("SEND_NOT_UNCERTAIN"):
        await marketing.ResolveSend(pb.ResolveSendRequest(id=send.id, arrived=True))


async def test_a_provider_that_can_tell_is_asked_instead_of_sent_to_again(
    marketing: Client, provider: HttpProvider
) -> None:
    await sms_account(marketing, provider, status_url=f"{provider.url}/status/{{id}}")
    fang = await fang_who_agreed(marketing)
    provider.answers = ["cut"]
    send = await marketing.SendMessage(message(fang, "sms"))
    await eventually(lambda: len(provider.taken) == 1)
    await idle(marketing)
    await now_due(marketing, send)
    done = await ended(marketing, send)
    assert (done.state, len(provider.taken)) == (DELIVERED, 1)
    await holds(marketing)


async def test_what_the_provider_never_had_is_sent_again(marketing: Client, provider: HttpProvider) -> None:
    await sms_account(marketing, provider, status_url=f"{provider.url}/status/{{id}}")
    fang = await fang_who_agreed(marketing)
    provider.answers = [500]
    send = await marketing.SendMessage(message(fang, "sms"))
    await eventually(lambda: len(provider.requests) == 1)
    await idle(marketing)
    await now_due(marketing, send)
    done = await ended(marketing, send)
    assert (done.state, len(provider.taken)) == (SENT, 1)
    await holds(marketing)


async def test_reports_move_sends_and_bring_answers_once(marketing: Client, provider: HttpProvider) -> None:
    await sms_account(marketing, provider)
    fang = await fang_who_agreed(marketing)
    send = await ended(marketing, await marketing.SendMessage(message(fang, "sms")))
    body = orjson.dumps(
        [
            {"client_id": send.id, "status": "delivered"},
            {
                "type": "inbound",
                "id": "in-1",
                "from": "+8613800138000",
                "text": "谢谢",
                "in_reply_to": send.provider_id,
            },
        ]
    )
    genuine = {"x-signature": provider.sign(body)}
    forged = {"x-signature": provider.sign(body + b" ")}
    anybody = marketing.as_(permissions={}, kind="anonymous")
    with refused("REPORT_NOT_GENUINE"):
        await anybody.ReceiveFromChannel(
            pb.ReceiveFromChannelRequest(account_code="sms-live", headers=forged, body=body)
        )
    request = pb.ReceiveFromChannelRequest(account_code="sms-live", headers=genuine, body=body)
    first, second = await anybody.ReceiveFromChannel(request), await anybody.ReceiveFromChannel(request)
    assert (first.received_count, first.reported_count) == (1, 1)
    assert (second.received_count, second.reported_count) == (0, 0)
    assert (await marketing.GetSend(pb.GetSendRequest(id=send.id))).state == DELIVERED
    listed = await marketing.ListReceivedMessages(pb.ListReceivedMessagesRequest())
    [got] = listed.received_messages
    assert (got.text, got.identity_id, got.send_id) == ("谢谢", str(fang), send.id)
    with refused("ACCOUNT_UNKNOWN"):
        await anybody.ReceiveFromChannel(pb.ReceiveFromChannelRequest(account_code="nothing", body=b"{}"))


async def test_settings_that_do_not_fit_are_named(marketing: Client) -> None:
    with refused("ACCOUNT_SETTINGS_INVALID", "channel_account.settings.host"):
        await account(marketing, "email", {"hostname": "x"}, {}, sender="shop@example.com")
    with refused("ACCOUNT_SETTINGS_INVALID", "channel_account.sender"):
        await account(marketing, "email", {"host": "x"}, {})
    with refused("CHANNEL_UNKNOWN"):
        await account(marketing, "pigeon", {}, {})


async def test_an_account_keeps_its_secrets_when_something_else_changes(marketing: Client, mails: MailServer) -> None:
    made = await mail_account(marketing, mails)
    change = channels.ChannelAccount(id=made.id, display_name="商城邮件")
    request = channels.UpdateChannelAccountRequest(channel_account=change)
    request.update_mask.paths.append("display_name")
    changed = await marketing.UpdateChannelAccount(request)
    assert (changed.display_name, list(changed.secret_names)) == ("商城邮件", ["password"])
    replaced = channels.ChannelAccount(id=made.id, secrets={"password": "wrong"})
    request = channels.UpdateChannelAccountRequest(channel_account=replaced)
    request.update_mask.paths.append("secrets")
    await marketing.UpdateChannelAccount(request)
    fang = await fang_who_agreed(marketing)
    await decides(marketing, fang, FANG, GRANTED, MARKETING)
    send = await marketing.SendMessage(message(fang))
    await eventually(lambda: _tried(marketing, send))
    assert not mails.mails
    async with marketing.transaction() as tx:
        rows = await tx.fetch("SELECT sealed::text AS s FROM channel_accounts")
    assert "wrong" not in rows[0]["s"]


async def _tried(marketing: Client, send: Any) -> bool:
    found = await marketing.GetSend(pb.GetSendRequest(id=send.id))
    return [each.outcome_code for each in found.tries] == ["LATER"]
