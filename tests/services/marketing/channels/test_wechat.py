"""WeChat official accounts against a server that speaks their interface."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.providers import WeChat, http_provider
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client
from tercet_marketing.channels.contract import Account, AddressKind, Later, Message, Recipient, Refused, Unclear
from tercet_marketing.channels.house import TenantsHouse
from tercet_marketing.channels.wechat import WeChatOfficial


@pytest.fixture
async def wechat() -> AsyncIterator[WeChat]:
    async with http_provider(WeChat()) as server:
        assert isinstance(server, WeChat)
        yield server


def account(wechat: WeChat, secret: str = "app-secret", **more: Any) -> Account:
    settings = {"app_id": "wx1", "api_url": wechat.url, **more}
    return Account("gzh", settings, {"app_secret": secret}, allow_private=True)


def greeting() -> Message:
    follower = Recipient(AddressKind.ACCOUNT, "openid-fang", platform="wechat")
    return Message(new_id(), follower, "SERVICE", subject="新年", text="您好")


async def test_a_token_is_fetched_once_and_anew_when_it_was_taken_back(marketing: Client, wechat: WeChat) -> None:
    house, channel = TenantsHouse(marketing.running.runtime, marketing.tenant_id), WeChatOfficial()
    made = account(wechat, template_id="T1")
    for _ in range(3):
        assert (await channel.send(greeting(), made, house)).provider_id == "200228332"
    assert (wechat.tokens, len(wechat.messages)) == (1, 3)
    wechat.tokens = 7
    await channel.send(greeting(), made, house)
    assert (wechat.tokens, len(wechat.messages)) == (8, 4)


async def test_without_a_template_it_is_plain_text(marketing: Client, wechat: WeChat) -> None:
    house = TenantsHouse(marketing.running.runtime, marketing.tenant_id)
    await WeChatOfficial().send(greeting(), account(wechat), house)
    assert wechat.messages["text"] == {"touser": "openid-fang", "msgtype": "text", "text": {"content": "您好"}}


@pytest.mark.parametrize(
    ("code", "outcome", "bounced"),
    [(43004, Refused, True), (45047, Refused, False), (-1, Later, False), (45009, Later, False)],
)
async def test_what_wechat_says_is_understood(
    marketing: Client, wechat: WeChat, code: int, outcome: type[Exception], bounced: bool
) -> None:
    house = TenantsHouse(marketing.running.runtime, marketing.tenant_id)
    wechat.errors = [code]
    with pytest.raises(outcome) as said:
        await WeChatOfficial().send(greeting(), account(wechat, template_id="T1"), house)
    assert getattr(said.value, "bounced", False) == bounced
    assert not wechat.messages


async def test_a_wrong_secret_waits_and_a_cut_connection_is_unclear(marketing: Client, wechat: WeChat) -> None:
    house = TenantsHouse(marketing.running.runtime, marketing.tenant_id)
    with pytest.raises(Later):
        await WeChatOfficial().send(greeting(), account(wechat, secret="wrong"), house)
    channel, made = WeChatOfficial(), account(wechat, template_id="T1")
    await channel.send(greeting(), made, house)
    wechat.answers = ["cut"]
    with pytest.raises(Unclear):
        await channel.send(greeting(), made, house)
    assert len(wechat.messages) == 2, "it has the message, and nobody was told"
