"""E-mail against a real SMTP server: signed in, encrypted, ours by its Message-ID, honest about what nobody knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.providers import MailServer, mail_server
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client
from tercet_marketing.channels.contract import Account, AddressKind, Later, Message, Recipient, Refused, Unclear
from tercet_marketing.channels.email import Email
from tercet_marketing.channels.house import TenantsHouse


@pytest.fixture
async def mails(tmp_path: Path) -> AsyncIterator[MailServer]:
    async with mail_server(tmp_path) as server:
        yield server


def account(mails: MailServer, **more: Any) -> Account:
    settings = {"host": "127.0.0.1", "port": mails.port, "username": "shop", "certificate": mails.certificate, **more}
    return Account("mail", settings, {"password": "secret"}, "shop@example.com", "银河商城", allow_private=True)


def mail(to: str = "fang@example.com", **more: Any) -> Message:
    someone = Recipient(AddressKind.EMAIL, to, name="王芳, 女士")
    values = {"subject": "新年好", "text": "您好", "html": "<p>您好</p>", "language": "zh-CN"}
    return Message(id=new_id(), to=someone, purpose="MARKETING", **{**values, **more})


async def test_a_mail_arrives_whole(marketing: Client, mails: MailServer) -> None:
    house = TenantsHouse(marketing.running.runtime, marketing.tenant_id)
    link = "https://crm.example.com/u/galaxy/token"
    sent = mail(unsubscribe_url=link, in_reply_to="<first@example.com>")
    receipt = await Email().send(sent, account(mails, reply_to="help@example.com"), house)
    [got] = mails.mails
    assert got["Message-ID"] == receipt.provider_id == f"<{sent.id}@example.com>"
    assert str(got["Subject"]) == "新年好"
    assert got["From"].addresses[0].display_name == "银河商城"
    assert got["To"].addresses[0].display_name == "王芳, 女士"
    assert (got["Reply-To"], got["In-Reply-To"]) == ("help@example.com", "<first@example.com>")
    assert got["List-Unsubscribe"] == f"<{link}>"
    assert got["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert [part.get_content_type() for part in got.iter_parts()] == ["text/plain", "text/html"]
    assert mails.envelopes[0].rcpt_tos == ["fang@example.com"]


@pytest.mark.parametrize(
    ("recipient", "data", "outcome", "bounced"),
    [
        ("550 5.1.1 no such user", "", Refused, True),
        ("550 5.7.1 you are not welcome", "", Refused, False),
        ("451 4.7.1 come back later", "", Later, False),
        ("", "554 5.6.0 not like this", Refused, False),
        ("", "452 4.3.1 no room now", Later, False),
    ],
)
async def test_what_the_server_says_is_understood(
    marketing: Client, mails: MailServer, recipient: str, data: str, outcome: type[Exception], bounced: bool
) -> None:
    house = TenantsHouse(marketing.running.runtime, marketing.tenant_id)
    mails.recipient_replies = [recipient] if recipient else []
    mails.data_replies = [data] if data else []
    with pytest.raises(outcome) as said:
        await Email().send(mail(), account(mails), house)
    assert getattr(said.value, "bounced", False) == bounced


async def test_a_connection_cut_after_the_message_leaves_it_unclear(marketing: Client, mails: MailServer) -> None:
    house = TenantsHouse(marketing.running.runtime, marketing.tenant_id)
    mails.hang_up = True
    with pytest.raises(Unclear):
        await Email().send(mail(), account(mails), house)
    assert len(mails.mails) == 1, "the server had it: whoever sends it again sends it twice"


async def test_before_the_message_has_gone_it_may_go_later(marketing: Client, mails: MailServer) -> None:
    house = TenantsHouse(marketing.running.runtime, marketing.tenant_id)
    wrong = replace(account(mails), secrets={"password": "guessed"})
    untrusted = account(mails, certificate="")
    for unusable in (wrong, untrusted, account(mails, port=1)):
        with pytest.raises(Later):
            await Email().send(mail(), unusable, house)
    assert not mails.mails


async def test_a_name_with_a_line_break_makes_no_header(marketing: Client, mails: MailServer) -> None:
    house = TenantsHouse(marketing.running.runtime, marketing.tenant_id)
    for sent in (mail("fang@example.com\r\nBcc: all@example.com"), mail("not an address")):
        with pytest.raises(Refused):
            await Email().send(sent, account(mails), house)
    assert not mails.mails


def test_an_account_must_fit() -> None:
    made = Account("mail", {"port": 99999, "security": "maybe", "username": "x"}, {}, sender="nobody")
    assert set(Email().check(made)) == {"host", "sender", "security", "port", "password"}
